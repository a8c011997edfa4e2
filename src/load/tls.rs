//! Whom the servers of HTTPS have to be vouched for by, and what is offered to them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::{self, ClientConfig, RootCertStore};

use super::line::Http;

/// What cannot be trusted, and why.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    #[error("{}: {what}", path.display())]
    File { path: PathBuf, what: String },
    #[error(transparent)]
    Tls(#[from] rustls::Error),
}

/// The authorities that are believed.
#[derive(Debug, Clone)]
pub struct Trust(Arc<ClientConfig>);

impl Trust {
    /// Those of this machine, and those of these files of PEM.
    pub fn new(files: &[PathBuf]) -> Result<Self, TrustError> {
        let mut roots = RootCertStore::empty();
        // One that cannot be read is one that vouches for nobody; whom it would have vouched for is then not believed, and told.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        for path in files {
            for certificate in certificates(path)? {
                let added = roots.add(certificate);
                added.map_err(|e| TrustError::File { path: path.clone(), what: e.to_string() })?;
            }
        }
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self(Arc::new(config)))
    }

    /// Offers to speak this alone; with none, either, as the server likes.
    pub(super) fn connector(&self, http: Option<Http>) -> TlsConnector {
        let mut config = ClientConfig::clone(&self.0);
        let offered = match http {
            Some(Http::One) => &[Http::One][..],
            Some(Http::Two) => &[Http::Two],
            None => &[Http::Two, Http::One],
        };
        config.alpn_protocols = offered.iter().map(|http| http.alpn().to_vec()).collect();
        TlsConnector::from(Arc::new(config))
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TrustError> {
    let wrong = |what: String| TrustError::File { path: path.to_owned(), what };
    let found = CertificateDer::pem_file_iter(path).map_err(|e| wrong(reason(&e)))?;
    let found = found.collect::<Result<Vec<_>, _>>().map_err(|e| wrong(reason(&e)))?;
    if found.is_empty() {
        return Err(wrong("there is no certificate in it".to_owned()));
    }
    Ok(found)
}

/// A file that is not there is told in the system's own words.
fn reason(error: &rustls::pki_types::pem::Error) -> String {
    match error {
        rustls::pki_types::pem::Error::Io(error) => error.to_string(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_vouches_for_nobody_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        for (path, words) in [
            (folder.path().join("absent.crt"), "No such file"),
            (file("empty.crt", ""), "no certificate"),
            (file("broken.crt", broken), "broken.crt"),
        ] {
            let error = Trust::new(std::slice::from_ref(&path)).unwrap_err().to_string();
            assert!(error.starts_with(&path.display().to_string()) && error.contains(words), "{error}");
        }
    }
}
