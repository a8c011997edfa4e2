//! The engine's errors, sorted into what a person can act on.

use std::io::ErrorKind as Kind;

use bollard::errors::Error;

use crate::runtime::RuntimeError;

/// Sorts an error from the engine at `host`.
pub(super) fn sort(host: &str, error: &Error) -> RuntimeError {
    match error {
        Error::DockerResponseServerError { status_code, message } => by_status(*status_code, message),
        Error::RequestTimeoutError => RuntimeError::TimedOut(super::PATIENCE),
        Error::DockerStreamError { error } => by_words(error),
        Error::SocketNotFoundError(path) => {
            RuntimeError::Unreachable { host: host.to_owned(), cause: format!("{path} does not exist") }
        }
        other => by_cause(host, other),
    }
}

/// What an answer with this status and message means.
pub(super) fn by_status(status: u16, message: &str) -> RuntimeError {
    match (status, by_words(message)) {
        (404, RuntimeError::Other(message)) => RuntimeError::NotFound(message),
        (409, RuntimeError::Other(message)) => RuntimeError::Conflict(message),
        (_, sorted) => sorted,
    }
}

/// The engine has no codes for these; its words have been stable for years.
fn by_words(message: &str) -> RuntimeError {
    if message.contains("no space left on device") {
        return RuntimeError::NoSpace;
    }
    let taken = ["port is already allocated", "address already in use"];
    if taken.iter().any(|words| message.contains(words))
        && let Some(port) = port_in(message)
    {
        return RuntimeError::PortInUse { port };
    }
    RuntimeError::Other(message.trim().to_owned())
}

/// The port of `…for 127.0.0.1:8000 failed…` or `…listen tcp4 127.0.0.1:8000: bind…`.
fn port_in(message: &str) -> Option<u16> {
    message.split([' ', ',']).find_map(|word| {
        // A host address or `[::]`, a port, and perhaps what it is forwarded to.
        let mut parts = word.trim_end_matches([':', '.']).split(':');
        parts.next().filter(|host| host.parse::<std::net::Ipv4Addr>().is_ok() || host.starts_with('['))?;
        parts.find_map(|part| part.parse().ok().filter(|&port| port != 0))
    })
}

/// Connection troubles hide at the end of the chain of causes.
pub(super) fn by_cause(host: &str, error: &(dyn std::error::Error + 'static)) -> RuntimeError {
    let mut cause = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    let words = cause.to_string();
    let kind = cause.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
    match kind {
        Some(Kind::PermissionDenied) => RuntimeError::Denied { host: host.to_owned() },
        // The last of these are an engine that goes away in the middle of an answer.
        Some(
            Kind::NotFound
            | Kind::ConnectionRefused
            | Kind::ConnectionReset
            | Kind::ConnectionAborted
            | Kind::BrokenPipe
            | Kind::UnexpectedEof,
        ) => RuntimeError::Unreachable { host: host.to_owned(), cause: words },
        None if words.contains("connection closed before message completed") => {
            RuntimeError::Unreachable { host: host.to_owned(), cause: words }
        }
        _ => by_words(&words),
    }
}

/// Whether a failed pull means that no registry could be reached, rather than that it said no.
pub(super) fn is_unreachable_registry(message: &str) -> bool {
    [
        "no such host",
        "connection refused",
        "i/o timeout",
        "network is unreachable",
        "server misbehaving",
        "TLS handshake timeout",
        "Client.Timeout exceeded",
        "context deadline exceeded",
        "Temporary failure in name resolution",
        "certificate signed by unknown authority",
        "no route to host",
    ]
    .iter()
    .any(|words| message.contains(words))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_in_use_are_named() {
        for message in [
            "driver failed programming external connectivity on endpoint letsgo_api (1f): Bind for 127.0.0.1:8000 failed: \
             port is already allocated",
            "Error starting userland proxy: listen tcp4 127.0.0.1:8000: bind: address already in use",
            "failed to bind host port for 127.0.0.1:8000:172.18.0.2:8000/tcp: address already in use",
        ] {
            assert_eq!(by_words(message), RuntimeError::PortInUse { port: 8000 }, "{message}");
        }
    }

    #[test]
    fn a_registry_that_says_no_is_not_unreachable() {
        assert!(is_unreachable_registry("lookup registry-1.docker.io on 10.0.0.1:53: no such host"));
        assert!(!is_unreachable_registry("pull access denied for x, repository does not exist"));
    }
}
