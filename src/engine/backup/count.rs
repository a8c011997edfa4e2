//! Counts what is in a tar that passes by in pieces, and notices one that breaks off. Pure; holds one header.

use std::io::{self, Write};

use crate::engine::tar_head::{self, BLOCK};

/// Of an extended header: paths and attributes.
const MOST_SAID: usize = 1024 * 1024;

/// A count under way.
#[derive(Debug, Default)]
pub(super) struct Count {
    header: Vec<u8>,
    /// Content and padding that belong to the last header.
    left: u64,
    /// What is said about the entry that follows, while it comes, with its length.
    said: Option<(Vec<u8>, usize)>,
    /// The size of the entry that follows, where that is too large for its header.
    size: Option<u64>,
    entries: u64,
    ended: bool,
}

impl Count {
    pub(super) fn push(&mut self, mut bytes: &[u8]) -> Result<(), &'static str> {
        while !bytes.is_empty() && !self.ended {
            let skipped = usize::try_from(self.left).unwrap_or(usize::MAX).min(bytes.len());
            self.left -= skipped as u64;
            self.hear(&bytes[..skipped]);
            bytes = &bytes[skipped..];
            let taken = (BLOCK - self.header.len()).min(bytes.len());
            self.header.extend_from_slice(&bytes[..taken]);
            bytes = &bytes[taken..];
            if self.header.len() == BLOCK {
                self.head()?;
                self.header.clear();
            }
        }
        Ok(())
    }

    fn head(&mut self) -> Result<(), &'static str> {
        if self.header.iter().all(|byte| *byte == 0) {
            self.ended = true;
            return Ok(());
        }
        let header = tar::Header::from_byte_slice(&self.header);
        if !tar_head::adds_up(header.as_bytes()) {
            return Err("an entry of it does not add up");
        }
        let kind = header.entry_type();
        // Others only say more about the entry that follows.
        let describes = kind.is_pax_local_extensions()
            || kind.is_pax_global_extensions()
            || kind.is_gnu_longname()
            || kind.is_gnu_longlink();
        self.entries += u64::from(!describes);
        let mut size = header.entry_size().map_err(|_| "an entry of it has no size")?;
        if !describes && let Some(said) = self.size.take() {
            size = said;
        }
        self.left = size.checked_next_multiple_of(BLOCK as u64).ok_or("an entry of it has no size")?;
        let length = usize::try_from(size).ok().filter(|length| *length <= MOST_SAID);
        self.said = length.filter(|_| kind.is_pax_local_extensions()).map(|length| (Vec::new(), length));
        Ok(())
    }

    /// Notes the size that an extended header gives.
    fn hear(&mut self, bytes: &[u8]) {
        let Some((said, length)) = &mut self.said else { return };
        let taken = (*length - said.len()).min(bytes.len());
        said.extend_from_slice(&bytes[..taken]);
        if said.len() < *length {
            return;
        }
        let sizes = tar::PaxExtensions::new(said).flatten().filter(|said| said.key_bytes() == b"size");
        self.size = sizes.filter_map(|said| said.value().ok()?.parse().ok()).last().or(self.size);
        self.said = None;
    }

    /// How many files, folders and links there were; `None` of one that broke off.
    pub(super) fn whole(&self) -> Option<u64> {
        self.ended.then_some(self.entries)
    }
}

/// Passes a tar on, and counts.
pub(super) struct Counting<W> {
    pub(super) into: W,
    pub(super) count: Count,
}

impl<W: Write> Counting<W> {
    pub(super) fn new(into: W) -> Self {
        Self { into, count: Count::default() }
    }
}

impl<W: Write> Write for Counting<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = self.into.write(bytes)?;
        self.count.push(&bytes[..taken]).map_err(|what| io::Error::new(io::ErrorKind::InvalidData, what))?;
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.into.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tar() -> Vec<u8> {
        let mut tar = tar::Builder::new(Vec::new());
        let long = "a/".repeat(80) + "b";
        for (name, size) in [("empty", 0), ("one", 1), ("block", 512), (long.as_str(), 1_300)] {
            let mut header = tar::Header::new_gnu();
            header.set_size(size);
            header.set_cksum();
            tar.append_data(&mut header, name, vec![7; usize::try_from(size).unwrap()].as_slice()).unwrap();
        }
        tar.into_inner().unwrap()
    }

    #[test]
    fn entries_are_counted_however_the_stream_is_cut() {
        for cut in [1, 7, 511, 512, 513, 1_024, 100_000] {
            let mut count = Count::default();
            for piece in tar().chunks(cut) {
                count.push(piece).unwrap();
            }
            assert_eq!(count.whole(), Some(4), "pieces of {cut}; a long name is no entry of its own");
        }
    }

    #[test]
    fn a_size_that_stands_in_an_extended_header_is_believed() {
        let mut tar = tar::Builder::new(Vec::new());
        let (record, content) = (b"19 size=0000001300\n", [7; 1_300]);
        let mut extended = tar::Header::new_ustar();
        extended.set_entry_type(tar::EntryType::XHeader);
        extended.set_size(record.len() as u64);
        extended.set_cksum();
        tar.append_data(&mut extended, "PaxHeaders/large", &record[..]).unwrap();
        let mut bytes = tar.into_inner().unwrap();
        bytes.truncate(2 * BLOCK);
        // As of a file that is too large for eleven octal digits.
        let mut header = tar::Header::new_ustar();
        header.set_path("large").unwrap();
        header.set_size(0);
        header.set_cksum();
        bytes.extend_from_slice(header.as_bytes());
        bytes.extend_from_slice(&content);
        bytes.resize(bytes.len().next_multiple_of(BLOCK) + 2 * BLOCK, 0);
        for cut in [1, 600, 100_000] {
            let mut count = Count::default();
            for piece in bytes.chunks(cut) {
                count.push(piece).unwrap();
            }
            assert_eq!(count.whole(), Some(1), "pieces of {cut}");
        }
    }

    #[test]
    fn what_breaks_off_is_not_whole_and_what_is_no_tar_is_refused() {
        let whole = tar();
        for length in [0, 1, 511, 512, 700, whole.len() - 1_024] {
            let mut count = Count::default();
            count.push(&whole[..length]).unwrap();
            assert_eq!(count.whole(), None, "{length} bytes");
        }
        assert!(Count::default().push(&[b'x'; 600]).is_err());
    }
}
