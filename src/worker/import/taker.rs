//! The body of the child that takes in the rows of a file or a query. It knows neither store nor files, and its parent checks what it sends.

use crate::source::child::TakingIn;
use crate::source::frame::{Block, Received};
use crate::source::refusal::ReadLimits;
use crate::worker::import::form_taker::FormTaker;
use crate::worker::import::register_taker::RegisterTaker;
use crate::worker::import::taken::{Purpose, Stop, Taken, Task};
use std::io::{Error, Result};
use std::sync::Arc;

enum Taker<'a> {
    Register(Box<RegisterTaker<'a>>),
    Form(Box<FormTaker<'a>>),
}

impl Taker<'_> {
    fn take(&mut self, block: &Block, with: &mut TakingIn) -> Result<Option<Stop>> {
        match self {
            Taker::Register(taker) => taker.take(block, with),
            Taker::Form(taker) => taker.take(block, &mut with.out),
        }
    }

    fn end_sheet(&mut self, with: &mut TakingIn) -> Result<()> {
        match self {
            Taker::Register(taker) => taker.end_sheet(with),
            Taker::Form(taker) => taker.end_sheet(&mut with.out),
        }
    }

    /// Sends what counts of a file that is not read to its end.
    fn end_early(&mut self, with: &mut TakingIn) -> Result<()> {
        match self {
            Taker::Register(taker) => taker.end_early(with),
            Taker::Form(_) => Ok(()),
        }
    }
}

/// Takes in the rows that another child sends, until they or the file end.
///
/// # Errors
/// The parent is gone, or what comes is not what a child of ours sends.
pub(crate) fn take_in(mut with: TakingIn, limits: ReadLimits) -> Result<()> {
    let task = Task::unpack(&std::mem::take(&mut with.task)).map_err(Error::other)?;
    let mut taker = match task.purpose {
        Purpose::Register => Taker::Register(Box::new(RegisterTaker::new(&task))),
        Purpose::Form => Taker::Form(Box::new(FormTaker::new(&task))),
    };
    let mut strings = Arc::default();
    let mut fingerprint = None;
    loop {
        let stop = match with.rows.read_block() {
            Ok(Some(Received::Level(_))) => Ok(None),
            Ok(Some(Received::Strings(known))) => {
                strings = Arc::new(known);
                Ok(None)
            }
            Ok(Some(Received::Fingerprint(of_rows))) => {
                fingerprint = Some(of_rows);
                Ok(None)
            }
            Ok(Some(Received::Frames(bytes))) => {
                let block = Block { bytes, strings: Arc::clone(&strings), columns_max: limits.columns_max };
                taker.take(&block, &mut with)
            }
            Ok(Some(Received::Refused { reason, hint })) => Ok(Some(Stop::Refused { reason, hint })),
            Ok(Some(Received::End)) => {
                taker.end_sheet(&mut with)?;
                if let Some(fingerprint) = fingerprint {
                    with.out.fingerprint(&fingerprint)?;
                }
                return with.out.end();
            }
            Ok(None) => Err(Error::other("rows without an end")),
            Err(error) => Err(error),
        };
        match stop {
            Ok(None) => {}
            Ok(Some(Stop::Refused { reason, hint })) => {
                taker.end_early(&mut with)?;
                return with.out.refuse(reason, hint);
            }
            Ok(Some(Stop::Unusable)) => {
                taker.end_early(&mut with)?;
                with.out.frame(&Taken::Unusable)?;
                return with.out.end();
            }
            // the child before has died, or was taken over by the file: the marks of its rows count
            Err(error) => {
                taker.end_early(&mut with)?;
                with.out.flush()?;
                return Err(error);
            }
        }
    }
}
