//! What a definition becomes for other programs than a container engine. The documents are made by pure functions from the
//! definition and from what `sources` has read of the files it mounts; `folder` writes them. What has no equivalent is told in
//! the result and never dropped.

pub mod folder;
pub mod kubernetes;
pub mod sources;
