//! `pdex-api healthcheck`: asks the service of the same container whether it is ready. Plain blocking TCP, so that a probe
//! costs a few milliseconds and the image needs no curl.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::Duration;

const CONNECT_WITHIN: Duration = Duration::from_secs(1);
const ANSWER_WITHIN: Duration = Duration::from_secs(3);
/// More of an answer is not read.
const ANSWER_MAX: u64 = 16 * 1024;

/// Why the service is not healthy.
#[derive(Debug, thiserror::Error)]
pub enum Unhealthy {
    #[error("no answer from {address}")]
    NoAnswer { address: SocketAddr, source: std::io::Error },
    #[error("{address} answered {answer}")]
    Refused { address: SocketAddr, answer: String },
}

/// Asks `/health` of the service that listens on `bind`.
pub fn check(bind: SocketAddr) -> Result<(), Unhealthy> {
    let address = reachable(bind);
    let answer = ask(address).map_err(|source| Unhealthy::NoAnswer { address, source })?;
    if answer.starts_with("HTTP/1.1 200 ") {
        return Ok(());
    }
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status = head.lines().next().unwrap_or_default();
    Err(Unhealthy::Refused { address, answer: format!("{status}: {body}") })
}

/// A service that listens everywhere is asked on loopback.
fn reachable(bind: SocketAddr) -> SocketAddr {
    let ip = match bind.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, bind.port())
}

fn ask(address: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, CONNECT_WITHIN)?;
    stream.set_read_timeout(Some(ANSWER_WITHIN))?;
    stream.set_write_timeout(Some(ANSWER_WITHIN))?;
    stream.write_all(b"GET /health HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.take(ANSWER_MAX).read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    /// Answers one connection with `answer`.
    fn server(answer: &'static str) -> SocketAddr {
        let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 512];
            let _ = stream.read(&mut request).unwrap();
            stream.write_all(answer.as_bytes()).unwrap();
        });
        address
    }

    #[test]
    fn only_200_is_healthy() {
        assert!(check(server("HTTP/1.1 200 OK\r\n\r\n{}")).is_ok());
        let refused = check(server("HTTP/1.1 503 Service Unavailable\r\n\r\n{\"failing\":1}")).unwrap_err();
        let words = refused.to_string();
        assert!(words.ends_with("answered HTTP/1.1 503 Service Unavailable: {\"failing\":1}"), "{words}");
        assert!(check(server("")).is_err());
    }

    #[test]
    fn nobody_there_is_unhealthy() {
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
        assert!(matches!(check(free), Err(Unhealthy::NoAnswer { .. })));
    }
}
