//! Images in a file: the engine's own tar, which any engine loads, with a list of what is in it at its end. The file is written
//! and read as a stream, checked whole before the engine gets the first byte, and never left half-written under its name.

mod pass;
mod scan;

use std::collections::BTreeMap;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::try_unfold;
use serde::{Deserialize, Serialize};
use tokio::fs::File;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

pub use self::pass::pass;
pub(super) use self::scan::Scan;
use crate::runtime::RuntimeError;
use crate::runtime::operate::Operate;
use crate::world::ImageId;

/// The list's name inside the tar; an engine that loads it lets it lie.
const LIST: &str = "io.pdex.bundle.json";
const VERSION: u32 = 1;
/// Read from disk at once.
const CHUNK: usize = 256 * 1024;

/// What is in a file of images.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct List {
    pub version: u32,
    /// RFC 3339.
    pub timestamp: String,
    /// Reference → identifier.
    pub images: BTreeMap<String, String>,
    /// In the order of the tar.
    pub parts: Vec<Part>,
}

/// One part of the tar: a layer, a configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    pub path: String,
    pub size: u64,
    /// Of its content, in hexadecimal digits.
    pub sha256: String,
}

/// Why images could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    #[error("{path}: {cause}", path = path.display())]
    Disk { path: PathBuf, cause: io::Error },
    #[error("the engine has no image {0}")]
    Absent(String),
    #[error("{path}: not a file that `pdex images save` wrote: {what}", path = path.display())]
    Foreign { path: PathBuf, what: String },
    #[error("{path}: damaged: {what}", path = path.display())]
    Damaged { path: PathBuf, what: String },
    #[error("image {reference} came in as {found}, sent was {expected}")]
    Different { reference: String, expected: String, found: String },
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
}

/// What the engine has under these references, all of which it has to have.
pub async fn identify<R: Operate>(
    runtime: &R,
    references: &[String],
) -> Result<BTreeMap<String, ImageId>, BundleError> {
    let mut images = BTreeMap::new();
    for reference in references {
        let facts = runtime.image_facts(reference).await?;
        let facts = facts.ok_or_else(|| BundleError::Absent(reference.clone()))?;
        images.insert(reference.clone(), facts.id);
    }
    Ok(images)
}

/// Writes images to a file and tells how many bytes that took.
pub async fn save<R: Operate>(
    runtime: &R,
    references: &[String],
    path: &Path,
) -> Result<(List, u64), BundleError> {
    let disk = |cause| BundleError::Disk { path: path.to_owned(), cause };
    let images = identify(runtime, references).await?;
    let images = images.into_iter().map(|(reference, id)| (reference, id.0)).collect();
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let readable = std::fs::Permissions::from_mode(0o644);
    // Removed on every way out but the last.
    let aside = tempfile::Builder::new()
        .prefix(".pdex-images-")
        .permissions(readable)
        .tempfile_in(folder)
        .map_err(disk)?;
    let mut file = File::from_std(aside.reopen().map_err(disk)?);
    let mut scan = Scan::default();
    let mut pieces = runtime.save(references);
    while let Some(piece) = pieces.next().await {
        let piece = piece?;
        let mut content = Vec::with_capacity(piece.len() + 512);
        scan.push(&piece, &mut |bytes| content.extend_from_slice(bytes))
            .map_err(|what| foreign(path, what))?;
        file.write_all(&content).await.map_err(disk)?;
    }
    let (mut parts, before) = scan.finish();
    parts.retain(|part| part.path != LIST);
    let list = List { version: VERSION, timestamp: runtime.now().to_string(), images, parts };
    let end = ending(&list).map_err(disk)?;
    file.write_all(&end).await.map_err(disk)?;
    file.sync_all().await.map_err(disk)?;
    aside.persist(path).map_err(|e| disk(e.error))?;
    Ok((list, before + end.len() as u64))
}

/// The list as the tar's last part, and the tar's end.
fn ending(list: &List) -> io::Result<Vec<u8>> {
    let text = serde_json::to_vec(list)?;
    let mut header = tar::Header::new_ustar();
    header.set_size(text.len() as u64);
    header.set_mode(0o644);
    header.set_cksum();
    let mut tar = tar::Builder::new(Vec::new());
    tar.append_data(&mut header, LIST, text.as_slice())?;
    tar.into_inner()
}

/// Checks a file whole, gives it to the engine, and checks what became of it.
pub async fn load<R: Operate>(runtime: &R, path: &Path) -> Result<List, BundleError> {
    let disk = |cause| BundleError::Disk { path: path.to_owned(), cause };
    let list = verify(path).await?;
    let file = File::open(path).await.map_err(disk)?;
    let pieces = try_unfold(file, async |mut file| {
        let piece = read(&mut file).await?;
        Ok::<_, io::Error>((!piece.is_empty()).then_some((piece, file)))
    });
    runtime.load(pieces.boxed()).await?;
    for (reference, expected) in &list.images {
        came_in(runtime, reference, expected).await?;
    }
    Ok(list)
}

/// That the engine has an image under a reference.
async fn came_in<R: Operate>(runtime: &R, reference: &str, expected: &str) -> Result<(), BundleError> {
    match runtime.image_facts(reference).await?.map(|facts| facts.id.0) {
        Some(found) if found == expected => Ok(()),
        found => Err(BundleError::Different {
            reference: reference.to_owned(),
            expected: expected.to_owned(),
            found: found.unwrap_or_else(|| "nothing".to_owned()),
        }),
    }
}

/// Reads a file to its end and holds each part against the list.
pub async fn verify(path: &Path) -> Result<List, BundleError> {
    let disk = |cause| BundleError::Disk { path: path.to_owned(), cause };
    let damaged = |what: String| BundleError::Damaged { path: path.to_owned(), what };
    let mut file = File::open(path).await.map_err(disk)?;
    let mut scan = Scan::keeping(LIST);
    loop {
        let piece = read(&mut file).await.map_err(disk)?;
        if piece.is_empty() {
            break;
        }
        scan.push(&piece, &mut |_| {}).map_err(|what| foreign(path, what))?;
    }
    let text = scan.kept().to_vec();
    let whole = scan.has_ended();
    let (mut parts, _) = scan.finish();
    if !whole {
        return Err(damaged("it ends too early".to_owned()));
    }
    if parts.pop().is_none_or(|last| last.path != LIST) {
        return Err(foreign(path, format!("it does not end with {LIST}")));
    }
    let list: List = serde_json::from_slice(&text).map_err(|e| damaged(format!("its list: {e}")))?;
    if list.version != VERSION {
        return Err(foreign(
            path,
            format!("its list has version {}, this pdex reads {VERSION}", list.version),
        ));
    }
    if let Some((found, expected)) = parts.iter().zip(&list.parts).find(|(found, expected)| found != expected)
    {
        return Err(damaged(format!(
            "{} is not as it was written ({})",
            found.path,
            difference(found, expected)
        )));
    }
    if parts.len() != list.parts.len() {
        return Err(damaged(format!("it has {} parts, its list {}", parts.len(), list.parts.len())));
    }
    Ok(list)
}

fn difference(found: &Part, expected: &Part) -> String {
    if found.path != expected.path {
        return format!("{} was expected there", expected.path);
    }
    if found.size != expected.size {
        return format!("{} bytes in the place of {}", found.size, expected.size);
    }
    format!("SHA-256 {} in the place of {}", found.sha256, expected.sha256)
}

fn foreign(path: &Path, what: String) -> BundleError {
    BundleError::Foreign { path: path.to_owned(), what }
}

async fn read(file: &mut File) -> io::Result<Bytes> {
    let mut piece = vec![0; CHUNK];
    let read = file.read(&mut piece).await?;
    piece.truncate(read);
    Ok(Bytes::from(piece))
}
