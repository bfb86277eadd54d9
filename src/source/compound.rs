//! Compound files, the containers of xls: a small file system of streams (MS-CFB).

/// What every compound file begins with.
const HEADER_BYTES: usize = 512;

/// Numbers from here on are no sectors.
const SPECIAL: u32 = 0xffff_fffa;

/// The sector numbers that the header lists of the allocation table.
const LISTED: usize = 109;

/// An entry of the directory.
struct Entry {
    name: String,
    is_stream: bool,
    is_root: bool,
    start: u32,
    size: u64,
    /// The entries to its left and right, which are in the same folder, and the first one in it.
    linked: [u32; 3],
}

/// A compound file in memory.
pub(crate) struct Compound<'f> {
    bytes: &'f [u8],
    sector_bytes: usize,
    small_bytes: usize,
    /// The next sector of each sector.
    next: Vec<u32>,
    small_next: Vec<u32>,
    /// The stream that holds the small ones.
    small: Vec<u8>,
    small_max: u64,
    entries: Vec<Entry>,
}

impl<'f> Compound<'f> {
    /// `None` = the file is damaged.
    pub fn open(bytes: &'f [u8]) -> Option<Compound<'f>> {
        let sector_bytes = 1usize.checked_shl(u32::from(short(bytes, 0x1e)?)).filter(|size| (512..=4096).contains(size))?;
        let small_bytes = 1usize.checked_shl(u32::from(short(bytes, 0x20)?)).filter(|size| (8..=512).contains(size))?;
        let mut compound = Compound {
            bytes,
            sector_bytes,
            small_bytes,
            next: Vec::new(),
            small_next: Vec::new(),
            small: Vec::new(),
            small_max: u64::from(long(bytes, 0x38)?),
            entries: Vec::new(),
        };
        compound.next = compound.allocation_table()?;
        let table = compound.chain(long(bytes, 0x3c)?, &compound.next)?;
        compound.small_next = longs(&compound.join(&table));
        let directory = compound.chain(long(bytes, 0x30)?, &compound.next)?;
        compound.entries = compound.join(&directory).chunks_exact(128).filter_map(Entry::read).collect();
        if let Some(root) = compound.entries.iter().find(|entry| entry.is_root) {
            let sectors = compound.chain(root.start, &compound.next).unwrap_or_default();
            compound.small = compound.join(&sectors);
        }
        Some(compound)
    }

    /// The numbers of the allocation table, whose sectors the header and the sectors behind it list.
    fn allocation_table(&self) -> Option<Vec<u32>> {
        let mut sectors: Vec<u32> =
            (0..LISTED).map_while(|at| long(self.bytes, 0x4c + at * 4)).filter(|sector| *sector < SPECIAL).collect();
        let (mut list, sectors_max) = (long(self.bytes, 0x44)?, self.bytes.len() / self.sector_bytes + 1);
        let per_list = self.sector_bytes / 4 - 1;
        for _ in 0..sectors_max {
            if list >= SPECIAL {
                break;
            }
            let numbers = longs(self.sector(list)?);
            let (listed, next) = numbers.split_at_checked(per_list)?;
            sectors.extend(listed.iter().filter(|sector| **sector < SPECIAL));
            list = *next.first()?;
        }
        sectors.truncate(sectors_max);
        Some(sectors.iter().filter_map(|sector| self.sector(*sector)).flat_map(longs).collect())
    }

    fn sector(&self, number: u32) -> Option<&'f [u8]> {
        let start = (number as usize).checked_add(1)?.checked_mul(self.sector_bytes)?.max(HEADER_BYTES);
        // the last sector may be cut off
        self.bytes.get(start..(start + self.sector_bytes).min(self.bytes.len())).filter(|sector| !sector.is_empty())
    }

    /// The sectors of a chain; `None` = it goes in a circle.
    fn chain(&self, start: u32, next: &[u32]) -> Option<Vec<u32>> {
        let mut chain = Vec::new();
        let mut at = start;
        while at < SPECIAL {
            chain.push(at);
            if chain.len() > next.len() + 1 {
                return None;
            }
            at = next.get(at as usize).copied().unwrap_or(SPECIAL);
        }
        Some(chain)
    }

    fn join(&self, sectors: &[u32]) -> Vec<u8> {
        sectors.iter().filter_map(|sector| self.sector(*sector)).flatten().copied().collect()
    }

    /// The entries of the outermost folder. Those of the folders within belong to embedded files.
    fn outermost(&self) -> Vec<&Entry> {
        let Some(root) = self.entries.iter().find(|entry| entry.is_root) else { return Vec::new() };
        let (mut found, mut open, mut is_seen) = (Vec::new(), vec![root.linked[2]], vec![false; self.entries.len()]);
        while let Some(at) = open.pop() {
            let Some(entry) = self.entries.get(at as usize).filter(|_| !std::mem::replace(&mut is_seen[at as usize], true)) else {
                continue;
            };
            found.push(entry);
            open.extend(&entry.linked[..2]);
        }
        found
    }

    /// The bytes of the first stream of the outermost folder that has one of some names; where the folder lists none, of the first one anywhere.
    pub fn stream(&self, names: &[&str]) -> Option<Vec<u8>> {
        let is_wanted = |entry: &Entry, name: &str| entry.is_stream && entry.name.eq_ignore_ascii_case(name);
        let outermost = self.outermost();
        let entry = names
            .iter()
            .find_map(|name| outermost.iter().copied().find(|entry| is_wanted(entry, name)))
            .or_else(|| names.iter().find_map(|name| self.entries.iter().find(|entry| is_wanted(entry, name))))?;
        let mut bytes = if entry.size < self.small_max {
            let piece = |sector: &u32| {
                let start = *sector as usize * self.small_bytes;
                self.small.get(start..(start + self.small_bytes).min(self.small.len()))
            };
            self.chain(entry.start, &self.small_next)?.iter().filter_map(piece).flatten().copied().collect()
        } else {
            self.join(&self.chain(entry.start, &self.next)?)
        };
        bytes.truncate(usize::try_from(entry.size).ok()?);
        Some(bytes)
    }
}

impl Entry {
    fn read(bytes: &[u8]) -> Option<Entry> {
        let length = usize::from(short(bytes, 64)?).min(64);
        let units: Vec<u16> = bytes[..length].chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
        let name = String::from_utf16_lossy(&units).trim_end_matches('\0').to_owned();
        let (kind, start) = (bytes[66], long(bytes, 116)?);
        // the upper half is of no use in files of this version
        let linked = [long(bytes, 68)?, long(bytes, 72)?, long(bytes, 76)?];
        Some(Entry { name, is_stream: kind == 2, is_root: kind == 5, start, size: u64::from(long(bytes, 120)?), linked })
    }
}

pub(crate) fn short(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

pub(crate) fn long(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn longs(bytes: &[u8]) -> Vec<u32> {
    bytes.chunks_exact(4).map(|four| u32::from_le_bytes([four[0], four[1], four[2], four[3]])).collect()
}
