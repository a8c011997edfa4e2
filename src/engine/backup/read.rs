//! Reads a backup: whole, to say whether it is one and undamaged, and part by part, to put it back.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;
use std::slice;

use sha2::{Digest as _, Sha256};
use zstd::stream::read::Decoder;

use super::{BackupError, HEAD, LIST, PIECE, hex};
use crate::backup::manifest::{Chunk, FORMAT, Manifest};
use crate::engine::bundle::{Part as Found, Scan};

/// How every zstd file begins.
const MAGIC: [u8; 4] = [0x28, 0xB5, 0x2F, 0xFD];

/// Reads a backup to its end and holds every piece against its list. Nothing of it is put anywhere.
pub fn verify(path: &Path) -> Result<Manifest, BackupError> {
    let disk = BackupError::disk(path);
    let foreign = |what: &str| BackupError::Foreign { path: path.to_owned(), what: what.to_owned() };
    let damaged = |what: String| BackupError::Damaged { path: path.to_owned(), what };
    let mut magic = [0; MAGIC.len()];
    let mut file = File::open(path).map_err(&disk)?;
    match file.read_exact(&mut magic) {
        Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Err(foreign("it is too short")),
        read => read.map_err(&disk)?,
    }
    if magic != MAGIC {
        return Err(foreign("it does not begin as a zstd file"));
    }
    let mut scan = Scan::keeping(LIST);
    let mut decoder = decoder(path).map_err(&disk)?;
    // What is damaged may look like anything; only at the end the whole's own checksum tells.
    let other = |mut rest: Decoder<'static, BufReader<File>>, what: &str| match io::copy(
        &mut rest,
        &mut io::sink(),
    ) {
        Ok(_) => foreign(what),
        Err(e) => damaged(unpacking(&e)),
    };
    let mut piece = vec![0; PIECE];
    loop {
        let read = decoder.read(&mut piece).map_err(|e| damaged(unpacking(&e)))?;
        if read == 0 {
            break;
        }
        let pushed = scan.push(&piece[..read], &mut |_| {});
        if let Err(what) = pushed {
            let began = !scan.parts().is_empty();
            return Err(if began {
                damaged(what)
            } else {
                other(decoder, "what is compressed in it is no tar")
            });
        }
        if scan.parts().first().is_some_and(|first| first.path != HEAD) {
            return Err(other(decoder, &format!("it does not begin with {HEAD}")));
        }
    }
    if !scan.has_ended() {
        return Err(damaged("it ends too early".to_owned()));
    }
    let list = manifest(scan.kept()).map_err(|what| match what {
        Unread::Newer(format) => {
            foreign(&format!("it has format {format}, and this pdex reads {FORMAT}: take a newer pdex"))
        }
        Unread::Broken(what) => damaged(format!("its list: {what}")),
    })?;
    let (parts, _) = scan.finish();
    compare(&parts, &list).map_err(damaged)?;
    Ok(list)
}

fn decoder(path: &Path) -> io::Result<Decoder<'static, BufReader<File>>> {
    Decoder::new(File::open(path)?)
}

fn unpacking(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => "it ends too early".to_owned(),
        _ => format!("it cannot be unpacked: {error}"),
    }
}

enum Unread {
    Newer(u64),
    Broken(String),
}

/// The list. That of another format may have another shape.
fn manifest(text: &[u8]) -> Result<Manifest, Unread> {
    let broken = |e: serde_json::Error| Unread::Broken(e.to_string());
    let value: serde_json::Value = serde_json::from_slice(text).map_err(broken)?;
    match value["format"].as_u64() {
        Some(format) if format == u64::from(FORMAT) => serde_json::from_value(value).map_err(broken),
        Some(format) => Err(Unread::Newer(format)),
        None => Err(Unread::Broken("it has no format".to_owned())),
    }
}

/// Whether what was found is what the list has, between the words at the beginning and the list itself.
fn compare(found: &[Found], list: &Manifest) -> Result<(), String> {
    let [first, found @ .., end] = found else { return Err("nothing is in it".to_owned()) };
    if first.path != HEAD || end.path != LIST {
        return Err(format!("it does not end with {LIST}"));
    }
    let expected: Vec<&Chunk> = list.parts.iter().flat_map(|part| &part.chunks).collect();
    for (found, expected) in found.iter().zip(&expected) {
        if (&found.path, found.size, &found.sha256) != (&expected.path, expected.size, &expected.sha256) {
            return Err(format!("{} is not as it was written", expected.path));
        }
    }
    if found.len() != expected.len() {
        return Err(format!("it has {} pieces, and its list {}", found.len(), expected.len()));
    }
    Ok(())
}

/// Opens a backup that was verified, behind its first words.
pub(super) struct Source {
    archive: tar::Archive<Decoder<'static, BufReader<File>>>,
}

type Entries<'a> = tar::Entries<'a, Decoder<'static, BufReader<File>>>;
type Entry<'a> = tar::Entry<'a, Decoder<'static, BufReader<File>>>;

impl Source {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self { archive: tar::Archive::new(decoder(path)?) })
    }

    pub(super) fn entries(&mut self) -> io::Result<Entries<'_>> {
        let mut entries = self.archive.entries()?;
        entries.next().transpose()?;
        Ok(entries)
    }
}

/// The content of the part that comes next, held once more against its digests: the file may have changed meanwhile.
pub(super) struct Content<'e, 'a> {
    entries: &'e mut Entries<'a>,
    chunks: slice::Iter<'e, Chunk>,
    current: Option<Current<'e, 'a>>,
}

struct Current<'e, 'a> {
    entry: Entry<'a>,
    chunk: &'e Chunk,
    digest: Sha256,
}

impl<'e, 'a> Content<'e, 'a> {
    pub(super) fn of(entries: &'e mut Entries<'a>, chunks: &'e [Chunk]) -> Self {
        Self { entries, chunks: chunks.iter(), current: None }
    }

    /// Goes past what is left of it.
    pub(super) fn skip(mut self) -> io::Result<()> {
        while let Some(chunk) = self.chunks.next() {
            self.entry(chunk)?;
        }
        Ok(())
    }

    fn entry(&mut self, chunk: &Chunk) -> io::Result<Entry<'a>> {
        let entry = self.entries.next().ok_or_else(|| changed(chunk))??;
        if *entry.path_bytes() == *chunk.path.as_bytes() { Ok(entry) } else { Err(changed(chunk)) }
    }
}

impl Read for Content<'_, '_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            let Some(current) = &mut self.current else {
                let Some(chunk) = self.chunks.next() else { return Ok(0) };
                let entry = self.entry(chunk)?;
                self.current = Some(Current { entry, chunk, digest: Sha256::new() });
                continue;
            };
            let read = current.entry.read(into)?;
            current.digest.update(&into[..read]);
            if read > 0 || into.is_empty() {
                return Ok(read);
            }
            if let Some(ended) = self.current.take()
                && hex(&ended.digest.finalize()) != ended.chunk.sha256
            {
                return Err(changed(ended.chunk));
            }
        }
    }
}

fn changed(chunk: &Chunk) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("{} has changed since it was checked", chunk.path))
}
