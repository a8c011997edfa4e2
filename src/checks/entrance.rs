//! The platform's one door where nothing else of it is published: the HTTPS of its proxy.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

use crate::definition::model::{Definition, MountSource, ServiceName};

/// The port inside the proxy's container.
const PORT: u16 = 8443;
/// Where the proxy keeps what it makes, and what of that browsers are to trust.
const DATA: &str = "/data";
const AUTHORITY: &str = "caddy/pki/authorities/local/root.crt";
/// What the API's paths begin with behind it.
const API: &str = "/api";

/// How one comes in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entrance {
    /// The name that the proxy's certificate is made for.
    pub domain: String,
    pub address: SocketAddr,
    /// The certificate of the authority that is made with the stack; the file is there once the proxy has run.
    pub authority: Option<PathBuf>,
}

impl Entrance {
    /// Where it is published on this machine; none where the definition has no such proxy.
    pub fn of(definition: &Definition) -> Option<Self> {
        let proxy = definition.services.get(&ServiceName::new("proxy"))?;
        let port = proxy.ports.iter().find(|port| port.target == PORT)?;
        let named = port.host_ip.as_deref().and_then(|ip| ip.parse().ok());
        // What is open to all is open here.
        let ip = match named {
            Some(IpAddr::V6(ip)) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
            Some(ip) if !ip.is_unspecified() => ip,
            _ => Ipv4Addr::LOCALHOST.into(),
        };
        let authority = proxy.mounts.iter().find_map(|mount| match &mount.source {
            MountSource::Bind(path) if mount.target == DATA => Some(path.join(AUTHORITY)),
            _ => None,
        });
        let domain = proxy.environment.get("PDEX_DOMAIN").filter(|domain| !domain.is_empty())?;
        Some(Self { domain: domain.clone(), address: SocketAddr::new(ip, port.published?), authority })
    }

    /// The API behind it.
    pub fn api(&self) -> String {
        format!("https://{}:{}{API}", self.domain, self.address.port())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;

    use super::*;
    use crate::definition::{Request, load};

    /// The platform's own definition, out of these of its files.
    fn definition(files: &[&str], variables: &[(&str, &str)]) -> Definition {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let environment: BTreeMap<String, String> =
            [("POSTGRES_PASSWORD", "x"), ("GRAFANA_ADMIN_PASSWORD", "x"), ("PDEX_SECRETS_DIR", "/kept")]
                .iter()
                .chain(variables)
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect();
        let nothing = tempfile::NamedTempFile::new().unwrap();
        let request = Request {
            files: files.iter().map(|file| root.join(file)).collect(),
            env_files: vec![nothing.path().to_owned()],
            environment,
            ..Request::default()
        };
        load(&request).unwrap().definition
    }

    const PRODUCTION: &[&str] = &["stack/predictiondex.yaml", "stack/production.yaml"];

    #[test]
    fn in_production_one_comes_in_by_the_proxy_alone() {
        assert_eq!(Entrance::of(&definition(&PRODUCTION[..1], &[])), None);
        let usual = Entrance::of(&definition(PRODUCTION, &[])).unwrap();
        assert_eq!(usual.api(), "https://localhost:443/api");
        assert_eq!(usual.address, "127.0.0.1:443".parse().unwrap());
        assert_eq!(usual.authority, Some(PathBuf::from("/kept/proxy/caddy/pki/authorities/local/root.crt")));
        let other =
            [("PDEX_DOMAIN", "dex.example"), ("PDEX_HTTPS_PORT", "8443"), ("PDEX_PROXY_ADDRESS", "0.0.0.0")];
        let other = Entrance::of(&definition(PRODUCTION, &other)).unwrap();
        assert_eq!(other.api(), "https://dex.example:8443/api");
        assert_eq!(other.address, "127.0.0.1:8443".parse().unwrap());
        for (published, asked) in
            [("[::]", "[::1]:443"), ("[::1]", "[::1]:443"), ("127.0.0.2", "127.0.0.2:443")]
        {
            let there = Entrance::of(&definition(PRODUCTION, &[("PDEX_PROXY_ADDRESS", published)])).unwrap();
            assert_eq!(there.address, asked.parse().unwrap());
        }
    }

    #[test]
    fn the_proxy_is_as_it_is_taken_for() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/stack/proxy/Caddyfile");
        let caddyfile = std::fs::read_to_string(path).unwrap();
        for line in ["handle_path /api/* {", "https_port 8443", "storage file_system /data/caddy"] {
            assert!(caddyfile.contains(line), "{line}");
        }
    }
}
