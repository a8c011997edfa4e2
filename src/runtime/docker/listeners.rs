//! Who listens on a port of this machine, as `/proc` tells it.

use std::path::Path;

use crate::world::machine::Holder;

/// The engine's process that holds a published port.
const PROXY: &str = "docker-proxy";

/// The process that listens on a TCP port. One of the engine's own counts for nobody: a run that was cut off may have left the
/// engine about to start a container, with the port bound and nothing listed as publishing it yet.
pub(super) fn holder(proc: &Path, port: u16) -> Option<Holder> {
    let sockets: Vec<String> = ["net/tcp", "net/tcp6"]
        .iter()
        .filter_map(|table| std::fs::read_to_string(proc.join(table)).ok())
        .flat_map(|table| {
            let inodes = table.lines().filter_map(|line| listening_inode(line, port));
            inodes.map(|inode| format!("socket:[{inode}]")).collect::<Vec<_>>()
        })
        .collect();
    if sockets.is_empty() {
        return None;
    }
    match process(proc, &sockets) {
        Some((name, _)) if name == PROXY => None,
        Some((name, id)) => Some(Holder::Process { name, id }),
        None => Some(Holder::Unknown),
    }
}

/// The process that has one of the sockets open.
fn process(proc: &Path, sockets: &[String]) -> Option<(String, u32)> {
    std::fs::read_dir(proc).ok()?.filter_map(Result::ok).find_map(|entry| {
        let id: u32 = entry.file_name().to_str()?.parse().ok()?;
        let mut open = std::fs::read_dir(entry.path().join("fd")).ok()?;
        let holds = open.any(|fd| {
            let link = fd.ok().and_then(|fd| std::fs::read_link(fd.path()).ok());
            link.is_some_and(|link| sockets.iter().any(|socket| link.as_os_str() == socket.as_str()))
        });
        let name = std::fs::read_to_string(entry.path().join("comm")).ok()?;
        holds.then(|| (name.trim().to_owned(), id))
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
        let held = holder(Path::new("/proc"), port).unwrap();
        assert!(matches!(held, Holder::Process { id, .. } if id == std::process::id()), "{held}");
        drop(socket);
        assert_eq!(holder(Path::new("/proc"), port), None);
    }

    #[test]
    fn only_listening_sockets_count() {
        let line = "   0: 0100007F:1F40 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 12345 1";
        assert_eq!(listening_inode(line, 8000), Some("12345"));
        assert_eq!(listening_inode(line, 8001), None);
        assert_eq!(listening_inode(&line.replace(" 0A ", " 01 "), 8000), None);
    }
}
