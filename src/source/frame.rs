//! What the parsing child says to its parent: blocks of frames. A block is a kind, a 4-byte little-endian length and postcard bodies
//! one after another; the parent decodes frames out of the block without copying their texts.

use crate::domain::intake::RawRow;
use serde::{Deserialize, Serialize};
use std::io::{self, Read, Write};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Frame<'a> {
    Sheet {
        name: &'a str,
        /// A hidden sheet is named and not read.
        visible: bool,
        /// Merged ranges: first row, first column, last row, last column (from 0).
        merges: Vec<(u32, u32, u32, u32)>,
        /// First and last column (from 0) of each hidden range.
        hidden_columns: Vec<(u32, u32)>,
    },
    #[serde(borrow)]
    Row(RawRow<'a>),
}

/// Why a file cannot be read on, as the child says it.
#[derive(Serialize, Deserialize)]
struct Refused {
    reason: String,
    hint: String,
}

const FRAMES: u8 = 0;
const REFUSED: u8 = 1;
const END: u8 = 2;

/// A block is sent once it holds this much.
const BLOCK_BYTES: usize = 256 * 1024;

/// The longest block: a row of 1,024 cells of 32,767 characters behind a full block.
const BLOCK_BYTES_MAX: usize = 136 * 1024 * 1024;

pub struct FrameWriter<W: Write> {
    out: W,
    block: Vec<u8>,
}

impl<W: Write> FrameWriter<W> {
    pub fn new(out: W) -> FrameWriter<W> {
        FrameWriter { out, block: Vec::with_capacity(BLOCK_BYTES * 2) }
    }

    pub fn write(&mut self, frame: &Frame<'_>) -> io::Result<()> {
        self.block = postcard::to_extend(frame, std::mem::take(&mut self.block)).map_err(io::Error::other)?;
        if self.block.len() >= BLOCK_BYTES { self.send(FRAMES) } else { Ok(()) }
    }

    /// Says that the file cannot be read on. Last.
    pub fn refuse(&mut self, reason: String, hint: String) -> io::Result<()> {
        self.send(FRAMES)?;
        self.block = postcard::to_extend(&Refused { reason, hint }, std::mem::take(&mut self.block)).map_err(io::Error::other)?;
        self.send(REFUSED)
    }

    /// Says that all was read. Last.
    pub fn end(&mut self) -> io::Result<()> {
        self.send(FRAMES)?;
        self.send(END)
    }

    fn send(&mut self, kind: u8) -> io::Result<()> {
        self.out.write_all(&[kind])?;
        self.out.write_all(&(self.block.len() as u32).to_le_bytes())?;
        self.out.write_all(&self.block)?;
        self.out.flush()?;
        self.block.clear();
        Ok(())
    }
}

/// Frames that travelled together.
pub struct Block(Vec<u8>);

impl Block {
    /// The frames in their order.
    ///
    /// # Errors
    /// An item is an error where the bytes are no frame; it is the last.
    pub fn frames(&self) -> impl Iterator<Item = Result<Frame<'_>, postcard::Error>> {
        let mut rest = self.0.as_slice();
        std::iter::from_fn(move || {
            if rest.is_empty() {
                return None;
            }
            Some(match postcard::take_from_bytes(rest) {
                Ok((frame, left)) => {
                    rest = left;
                    Ok(frame)
                }
                Err(error) => {
                    rest = &[];
                    Err(error)
                }
            })
        })
    }
}

/// What came through the pipe.
pub enum Received {
    Frames(Block),
    Refused { reason: String, hint: String },
    End,
}

/// Reads the next block; `None` at the end of the stream.
pub fn read(from: &mut impl Read) -> io::Result<Option<Received>> {
    let mut head = [0u8; 5];
    match from.read_exact(&mut head) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
    }
    let length = u32::from_le_bytes([head[1], head[2], head[3], head[4]]) as usize;
    if length > BLOCK_BYTES_MAX {
        return Err(io::Error::other("block too long"));
    }
    let mut bytes = vec![0; length];
    from.read_exact(&mut bytes)?;
    Ok(Some(match head[0] {
        FRAMES => Received::Frames(Block(bytes)),
        REFUSED => {
            let Refused { reason, hint } = postcard::from_bytes(&bytes).map_err(io::Error::other)?;
            Received::Refused { reason, hint }
        }
        END => Received::End,
        _ => return Err(io::Error::other("unknown kind of block")),
    }))
}
