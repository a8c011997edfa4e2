//! Where requests go. Pure.

use std::fmt;
use std::net::SocketAddr;

/// Whether what is sent can be read on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    Http,
    Https,
}

impl Scheme {
    /// As an address begins with it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    fn port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

/// A server: `http://host:port`, and what every path begins with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    pub scheme: Scheme,
    pub host: String,
    pub port: u16,
    /// Without a `/` at its end; mostly empty.
    pub prefix: String,
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", self.scheme.word(), self.authority(), self.prefix)
    }
}

impl Target {
    /// `host:port`, as the `Host` header has it.
    pub fn authority(&self) -> String {
        if self.host.contains(':') {
            return format!("[{}]:{}", self.host, self.port);
        }
        format!("{}:{}", self.host, self.port)
    }

    /// `http://127.0.0.1:8000`, `localhost:8000`, `https://[::1]:8443/api`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = |what: &str| format!("`{text}`: {what}; write an address such as http://127.0.0.1:8000");
        let (scheme, rest) = match text.split_once("://") {
            Some(("http", rest)) => (Scheme::Http, rest),
            Some(("https", rest)) => (Scheme::Https, rest),
            Some(_) => return Err(wrong("only http and https are spoken")),
            None => (Scheme::Http, text),
        };
        let (authority, path) =
            rest.split_once('/').map_or((rest, ""), |(authority, path)| (authority, path));
        if authority.contains('@') || path.contains(['?', '#']) || !path.bytes().all(|b| b.is_ascii_graphic())
        {
            return Err(wrong("it has more than host, port and path"));
        }
        let (host, port) = match authority.strip_prefix('[') {
            Some(inner) => {
                let (host, after) = inner.split_once(']').ok_or_else(|| wrong("the ] is missing"))?;
                (host, after.strip_prefix(':'))
            }
            None => authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port))),
        };
        let port =
            port.map_or(Ok(scheme.port()), |port| port.parse().map_err(|_| wrong("the port is none")))?;
        if host.is_empty() || port == 0 || host.contains(|c: char| c.is_whitespace() || c.is_control()) {
            return Err(wrong("the host or the port is missing"));
        }
        let prefix = path.trim_end_matches('/');
        let prefix = if prefix.is_empty() { String::new() } else { format!("/{prefix}") };
        Ok(Self { scheme, host: host.to_owned(), port, prefix })
    }
}

/// Whether requests to every one of these stay on this machine.
pub fn is_loopback(addresses: &[SocketAddr]) -> bool {
    !addresses.is_empty() && addresses.iter().all(|address| address.ip().to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read() {
        for (text, shown) in [
            ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
            ("localhost:8000/", "http://localhost:8000"),
            ("http://[::1]:8000/api/", "http://[::1]:8000/api"),
            ("http://api", "http://api:80"),
            ("https://api", "https://api:443"),
            ("https://localhost:8443/api/", "https://localhost:8443/api"),
        ] {
            assert_eq!(Target::parse(text).unwrap().to_string(), shown);
        }
        for text in [
            "",
            "ftp://a",
            "https://",
            "http://:80",
            "http://a:b",
            "http://a:0",
            "http://u@a",
            "http://a/?q",
            "http://[::1",
        ] {
            assert!(Target::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn loopback_is_every_address_or_none() {
        let of = |list: &[&str]| is_loopback(&list.iter().map(|a| a.parse().unwrap()).collect::<Vec<_>>());
        assert!(of(&["127.0.0.1:1", "[::1]:1", "127.9.9.9:1", "[::ffff:127.0.0.1]:1"]));
        assert!(!of(&["127.0.0.1:1", "10.0.0.1:1"]) && !of(&["0.0.0.0:1"]) && !of(&[]));
    }
}
