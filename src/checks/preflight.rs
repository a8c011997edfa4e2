//! What would make an `up` fail, looked for before anything is touched, all of it at once.

use std::collections::BTreeSet;
use std::path::Path;

use crate::definition::model::{Definition, Port, Protocol, Service, ServiceName};
use crate::finding::Finding;
use crate::runtime::{Runtime, container_name};

/// The engine's process that holds a published port.
const PROXY: &str = "docker-proxy ";

/// Published ports of the services about to be started that something else holds.
pub async fn ports<R: Runtime>(
    runtime: &R,
    definition: &Definition,
    starting: &BTreeSet<ServiceName>,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    for service in starting.iter().filter_map(|name| definition.services.get(name)) {
        for port in service.ports.iter().filter(|p| p.protocol == Protocol::Tcp) {
            if let Some(number) = port.published
                && runtime.is_bound(host(port), number)
                && let Some(holder) = holder(runtime, definition, service, number).await
            {
                findings.push(taken(service, number, &holder));
            }
        }
    }
    findings
}

fn host(port: &Port) -> &str {
    port.host_ip.as_deref().filter(|ip| !ip.is_empty()).unwrap_or("0.0.0.0")
}

/// Who holds a port, in words; `None` when it is the service itself: a run that was cut off may have left the engine about to
/// start its container, with the port bound and nothing listed as publishing it yet.
async fn holder<R: Runtime>(
    runtime: &R,
    definition: &Definition,
    service: &Service,
    port: u16,
) -> Option<String> {
    // Without an answer the message is only less telling.
    match runtime.publisher(port).await.unwrap_or_default() {
        Some(name)
            if (1..=service.replicas()).any(|n| name == container_name(&definition.project, service, n)) =>
        {
            None
        }
        Some(name) => Some(format!("container {name}")),
        None => match listener(Path::new("/proc"), port) {
            Some(process) if process.starts_with(PROXY) => None,
            Some(process) => Some(process),
            None => Some("another program".to_owned()),
        },
    }
}

fn taken(service: &Service, port: u16, holder: &str) -> Finding {
    Finding::error("preflight/port-taken", format!("{}: port {port} is held by {holder}", service.name))
        .hint(format!("end it, or give {} another host port, in .env or in the definition", service.name))
}

/// The process that listens on a TCP port, e.g. `nginx (process 812)`; `None` where the system does not tell.
fn listener(proc: &Path, port: u16) -> Option<String> {
    let sockets: Vec<String> = ["net/tcp", "net/tcp6"]
        .iter()
        .filter_map(|table| std::fs::read_to_string(proc.join(table)).ok())
        .flat_map(|table| {
            let inodes = table.lines().filter_map(|line| listening_inode(line, port));
            inodes.map(|inode| format!("socket:[{inode}]")).collect::<Vec<_>>()
        })
        .collect();
    let processes = std::fs::read_dir(proc).ok()?;
    processes.filter_map(Result::ok).find_map(|entry| {
        let id: u32 = entry.file_name().to_str()?.parse().ok()?;
        let mut open = std::fs::read_dir(entry.path().join("fd")).ok()?;
        let holds = open.any(|fd| {
            let link = fd.ok().and_then(|fd| std::fs::read_link(fd.path()).ok());
            link.is_some_and(|link| sockets.iter().any(|socket| link.as_os_str() == socket.as_str()))
        });
        let name = std::fs::read_to_string(entry.path().join("comm")).ok()?;
        holds.then(|| format!("{} (process {id})", name.trim()))
    })
}

/// The inode of a line of `/proc/net/tcp` that listens (state 0A) on the port.
fn listening_inode(line: &str, port: u16) -> Option<&str> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let (_, local) = fields.get(1)?.rsplit_once(':')?;
    let matches = *fields.get(3)? == "0A" && u16::from_str_radix(local, 16).ok()? == port;
    matches.then(|| fields.get(9).copied()).flatten()
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn the_process_that_listens_is_named() {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = socket.local_addr().unwrap().port();
        let holder = listener(Path::new("/proc"), port).unwrap();
        assert!(holder.ends_with(&format!("(process {})", std::process::id())), "{holder}");
        drop(socket);
        assert_eq!(listener(Path::new("/proc"), port), None);
    }

    #[test]
    fn only_listening_sockets_count() {
        let line = "   0: 0100007F:1F40 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 12345 1";
        assert_eq!(listening_inode(line, 8000), Some("12345"));
        assert_eq!(listening_inode(line, 8001), None);
        assert_eq!(listening_inode(&line.replace(" 0A ", " 01 "), 8000), None);
    }
}
