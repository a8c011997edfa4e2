//! Reads a tar that comes in pieces and digests each part's content. Pure; holds one header and no content, save that of one
//! part that is asked for.

use sha2::{Digest as _, Sha256};

use super::Part;
use crate::engine::tar_head::{self, BLOCK};

/// Of the part that is kept.
const MOST_KEPT: usize = 64 * 1024 * 1024;

/// A scan under way.
#[derive(Debug, Default)]
pub(in crate::engine) struct Scan {
    header: Vec<u8>,
    current: Option<Current>,
    parts: Vec<Part>,
    /// Bytes up to the mark that ends the tar.
    content: u64,
    ended: bool,
    keep: Option<&'static str>,
    kept: Vec<u8>,
}

#[derive(Debug)]
struct Current {
    path: String,
    size: u64,
    left: u64,
    padding: u64,
    digest: Sha256,
}

impl Scan {
    /// Keeps the content of the part with this path.
    pub(in crate::engine) fn keeping(path: &'static str) -> Self {
        Self { keep: Some(path), ..Self::default() }
    }

    /// Takes a piece, and tells what of it belongs to the tar's parts: the mark of the end and what follows do not.
    pub(in crate::engine) fn push(
        &mut self,
        piece: &[u8],
        tell: &mut dyn FnMut(&[u8]),
    ) -> Result<(), String> {
        let mut rest = piece;
        while !rest.is_empty() && !self.ended {
            rest = match &mut self.current {
                Some(_) => self.body(rest, tell),
                None => self.head(rest, tell)?,
            };
        }
        Ok(())
    }

    /// Content and padding of the current part.
    fn body<'a>(&mut self, bytes: &'a [u8], tell: &mut dyn FnMut(&[u8])) -> &'a [u8] {
        let Some(current) = &mut self.current else { return bytes };
        let taken = usize::try_from(current.left).unwrap_or(usize::MAX).min(bytes.len());
        current.digest.update(&bytes[..taken]);
        if self.keep == Some(current.path.as_str()) && self.kept.len() + taken <= MOST_KEPT {
            self.kept.extend_from_slice(&bytes[..taken]);
        }
        current.left -= taken as u64;
        let skipped = usize::try_from(current.padding).unwrap_or(usize::MAX).min(bytes.len() - taken);
        let skipped = if current.left == 0 { skipped } else { 0 };
        current.padding -= skipped as u64;
        self.content += (taken + skipped) as u64;
        if current.left == 0 && current.padding == 0 {
            self.close();
        }
        tell(&bytes[..taken + skipped]);
        &bytes[taken + skipped..]
    }

    fn close(&mut self) {
        if let Some(current) = self.current.take() {
            let digest = current.digest.finalize();
            let sha256 = digest.iter().map(|byte| format!("{byte:02x}")).collect();
            self.parts.push(Part { path: current.path, size: current.size, sha256 });
        }
    }

    fn head<'a>(&mut self, bytes: &'a [u8], tell: &mut dyn FnMut(&[u8])) -> Result<&'a [u8], String> {
        let taken = (BLOCK - self.header.len()).min(bytes.len());
        self.header.extend_from_slice(&bytes[..taken]);
        if self.header.len() < BLOCK {
            return Ok(&bytes[taken..]);
        }
        if self.header.iter().all(|byte| *byte == 0) {
            self.ended = true;
            return Ok(&bytes[taken..]);
        }
        let header = tar::Header::from_byte_slice(&self.header);
        if !tar_head::adds_up(header.as_bytes()) {
            return Err("a part's header does not add up".to_owned());
        }
        let size = header.entry_size().map_err(|e| e.to_string())?;
        let path = String::from_utf8_lossy(&header.path_bytes()).into_owned();
        let padding = size.next_multiple_of(BLOCK as u64) - size;
        self.current = Some(Current { path, size, left: size, padding, digest: Sha256::new() });
        self.content += BLOCK as u64;
        tell(&self.header);
        self.header.clear();
        if size == 0 {
            self.close();
        }
        Ok(&bytes[taken..])
    }

    /// Those that have ended so far.
    pub(in crate::engine) fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// Whether the mark of the end was seen.
    pub(in crate::engine) fn has_ended(&self) -> bool {
        self.ended
    }

    /// The content of the part that is kept.
    pub(in crate::engine) fn kept(&self) -> &[u8] {
        &self.kept
    }

    /// The parts, and how many bytes they are.
    pub(in crate::engine) fn finish(self) -> (Vec<Part>, u64) {
        (self.parts, self.content)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tar() -> Vec<u8> {
        let mut tar = tar::Builder::new(Vec::new());
        for (name, size) in [("empty", 0), ("one", 1), ("block", 512), ("more", 1_300)] {
            let mut header = tar::Header::new_gnu();
            header.set_size(size);
            header.set_cksum();
            tar.append_data(&mut header, name, vec![7; usize::try_from(size).unwrap()].as_slice()).unwrap();
        }
        tar.into_inner().unwrap()
    }

    #[test]
    fn parts_are_the_same_however_the_stream_is_cut() {
        let tar = tar();
        let mut results = Vec::new();
        for cut in [1, 7, 511, 512, 513, 1_024, tar.len()] {
            let mut scan = Scan::keeping("more");
            let mut content = Vec::new();
            for piece in tar.chunks(cut) {
                scan.push(piece, &mut |bytes| content.extend_from_slice(bytes)).unwrap();
            }
            assert!(scan.has_ended(), "pieces of {cut}");
            assert_eq!(scan.kept(), [7; 1_300]);
            let (parts, length) = scan.finish();
            assert_eq!(content.len() as u64, length);
            assert_eq!(content, tar[..content.len()], "what is told is the tar without its end");
            results.push(parts);
        }
        assert!(results.iter().all(|parts| *parts == results[0]));
        let names: Vec<(&str, u64)> = results[0].iter().map(|part| (part.path.as_str(), part.size)).collect();
        assert_eq!(names, [("empty", 0), ("one", 1), ("block", 512), ("more", 1_300)]);
        assert_eq!(
            results[0][0].sha256, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "the digest of nothing"
        );
    }

    #[test]
    fn what_is_no_tar_is_refused() {
        let mut scan = Scan::default();
        assert!(scan.push(&[b'x'; 600], &mut |_| {}).is_err());
        let mut short = Scan::default();
        short.push(&tar()[..700], &mut |_| {}).unwrap();
        assert!(!short.has_ended());
    }
}
