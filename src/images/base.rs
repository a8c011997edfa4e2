//! The builder: a throw-away image for build stages that download, made of the base plus this machine's package settings (CA
//! bundle, pip configuration). The final stages start from the clean base, so none of it reaches an image that is kept.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;

use super::context::Context;

/// Reference of the builder.
pub const BUILDER: &str = "pdex-builder:throw-away";
const CA_BUNDLE: &str = "/etc/ssl/certs/ca-certificates.crt";
/// Proxy settings reach a build as the engine's predefined build arguments, which no layer and no history keeps.
const PROXIES: [&str; 4] = ["HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY"];
/// pip's own settings that mean the same inside.
const PIP: [&str; 5] =
    ["PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_TRUSTED_HOST", "PIP_DEFAULT_TIMEOUT", "PIP_RETRIES"];

/// Build arguments that carry the proxies of `environment`, in both spellings.
pub fn proxy_arguments(environment: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    PROXIES
        .iter()
        .flat_map(|name| [(*name).to_owned(), name.to_lowercase()])
        .filter_map(|name| environment.get(&name).map(|value| (name, value.clone())))
        .collect()
}

/// The context of the builder, `Dockerfile` included, from this machine's settings.
pub fn builder(environment: &BTreeMap<String, String>) -> io::Result<Bytes> {
    let mut context = Context::default();
    let mut dockerfile = format!("FROM {}\n", super::BASE);
    if let Some(bundle) = ca_bundle(environment) {
        context.file("ca-certificates.crt", &bundle, false)?;
        let _ = writeln!(dockerfile, "COPY ca-certificates.crt {CA_BUNDLE}");
        for name in ["PIP_CERT", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"] {
            let _ = writeln!(dockerfile, "ENV {name}={CA_BUNDLE}");
        }
    }
    let home = environment.get("HOME").map(PathBuf::from).unwrap_or_default();
    let configured =
        [home.join(".config/pip/pip.conf"), home.join(".pip/pip.conf"), PathBuf::from("/etc/pip.conf")];
    if let Some(path) = configured.iter().find(|path| path.is_file()) {
        context.file("pip.conf", path, false)?;
        dockerfile.push_str("COPY pip.conf /etc/pip.conf\n");
    }
    for (name, value) in PIP.iter().filter_map(|name| environment.get(*name).map(|value| (name, value))) {
        let _ = writeln!(dockerfile, "ENV {name}={value:?}");
    }
    context.text("Dockerfile", &dockerfile)?;
    context.finish()
}

fn ca_bundle(environment: &BTreeMap<String, String>) -> Option<PathBuf> {
    let named =
        ["PIP_CERT", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"].iter().find_map(|name| environment.get(*name));
    let candidates = [named.map(PathBuf::from), Some(PathBuf::from(CA_BUNDLE))];
    candidates.into_iter().flatten().find(|path: &PathBuf| Path::is_file(path))
}
