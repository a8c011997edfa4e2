//! A machine beyond this one, as its containers see it: a network namespace behind a cable, with a server. Wants root and iproute2.

use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Of a block that belongs to documentation (RFC 5737): nobody has it.
pub(crate) const ADDRESS: &str = "198.51.100.1";
/// This machine's end of the cable.
const HERE: &str = "198.51.100.2";

pub(crate) struct Outside {
    name: String,
    server: Child,
}

impl Outside {
    /// Makes it, and waits until this machine reaches it.
    pub(crate) fn set() -> Self {
        let name = format!("pdexout{}", std::process::id() % 1_000_000);
        let (near, far) = (format!("{name}a"), format!("{name}b"));
        ip(&format!("netns add {name}"));
        // From here on it is removed, whatever fails.
        let serve = ["netns", "exec", &name, "python3", "-m", "http.server", "80"];
        let server =
            Command::new("ip").args(serve).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let outside = Self { name: name.clone(), server };
        for line in [
            format!("link add {near} type veth peer name {far} netns {name}"),
            format!("addr add {HERE}/24 dev {near}"),
            format!("link set {near} up"),
            format!("-n {name} addr add {ADDRESS}/24 dev {far}"),
            format!("-n {name} link set {far} up"),
            format!("-n {name} route add default via {HERE}"),
        ] {
            ip(&line);
        }
        let (address, began) = (SocketAddr::new(ADDRESS.parse().unwrap(), 80), Instant::now());
        while TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_err() {
            assert!(began.elapsed() < Duration::from_secs(10), "nobody answers at {ADDRESS}");
            std::thread::sleep(Duration::from_millis(50));
        }
        outside
    }
}

impl Drop for Outside {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
        // The cable goes with it.
        let _ = Command::new("ip").args(["netns", "delete", &self.name]).status();
    }
}

fn ip(line: &str) {
    let output = Command::new("ip").args(line.split(' ')).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "ip {line}, which wants root: {said}");
}
