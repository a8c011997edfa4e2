//! Writes a backup from beginning to end. What a part's size will be nobody knows while it comes, so it is cut into pieces whose
//! sizes are known: nothing is put aside on the way.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::mem;

use sha2::{Digest as _, Sha256};
use zstd::stream::write::Encoder;

use super::{HEAD, LIST, hex};
use crate::backup::manifest::{Chunk, Head, Manifest};

/// Of a piece.
const CHUNK: usize = 4 * 1024 * 1024;
/// zstd's own default.
const LEVEL: i32 = 3;

pub(super) struct Writer {
    tar: tar::Builder<Encoder<'static, BufWriter<File>>>,
    parts: u32,
}

impl Writer {
    pub(super) fn begin(file: File, head: &Head) -> io::Result<Self> {
        let mut encoder = Encoder::new(BufWriter::new(file), LEVEL)?;
        encoder.include_checksum(true)?;
        let mut writer = Self { tar: tar::Builder::new(encoder), parts: 0 };
        writer.append(HEAD, &serde_json::to_vec_pretty(head)?)?;
        Ok(writer)
    }

    /// The next part; `name` is for whoever takes the file apart by hand.
    pub(super) fn part(&mut self, name: &str) -> PartWriter<'_> {
        self.parts += 1;
        let plain =
            name.chars().map(|c| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '_' });
        let folder = format!("{:03}-{}", self.parts, plain.take(60).collect::<String>());
        PartWriter {
            writer: self,
            folder,
            buffer: Vec::new(),
            digest: Sha256::new(),
            size: 0,
            chunks: Vec::new(),
        }
    }

    /// The list, and the end. The file is on the disk when this returns.
    pub(super) fn finish(mut self, manifest: &Manifest) -> io::Result<()> {
        self.append(LIST, &serde_json::to_vec_pretty(manifest)?)?;
        let file = self.tar.into_inner()?.finish()?.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.sync_all()
    }

    fn append(&mut self, path: &str, content: &[u8]) -> io::Result<()> {
        let mut header = tar::Header::new_ustar();
        header.set_size(content.len() as u64);
        header.set_mode(0o600);
        header.set_cksum();
        self.tar.append_data(&mut header, path, content)
    }
}

/// Takes a part's content.
pub(super) struct PartWriter<'w> {
    writer: &'w mut Writer,
    folder: String,
    buffer: Vec<u8>,
    digest: Sha256,
    size: u64,
    chunks: Vec<Chunk>,
}

/// What was written.
pub(super) struct Written {
    pub(super) size: u64,
    pub(super) sha256: String,
    pub(super) chunks: Vec<Chunk>,
}

impl PartWriter<'_> {
    pub(super) fn end(mut self) -> io::Result<Written> {
        if !self.buffer.is_empty() {
            self.cut()?;
        }
        let sha256 = hex(&self.digest.finalize());
        Ok(Written { size: self.size, sha256, chunks: self.chunks })
    }

    fn cut(&mut self) -> io::Result<()> {
        let content = mem::take(&mut self.buffer);
        let path = format!("{}/{:06}", self.folder, self.chunks.len() + 1);
        self.writer.append(&path, &content)?;
        let sha256 = hex(&Sha256::digest(&content));
        self.chunks.push(Chunk { path, size: content.len() as u64, sha256 });
        Ok(())
    }
}

impl Write for PartWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(CHUNK - self.buffer.len());
        let bytes = &bytes[..taken];
        self.buffer.extend_from_slice(bytes);
        self.digest.update(bytes);
        self.size += taken as u64;
        if self.buffer.len() == CHUNK {
            self.cut()?;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
