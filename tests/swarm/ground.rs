//! A swarm of one's own: engines with their own data, each in a network of its own, joined by a bridge that is in a network of
//! its own too. The machine's engine, its networks and its ports are never touched, and nothing is left.

use std::cell::RefCell;
use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::stage::{Said, docker, eventually, text};

/// Engines that know each other.
pub(crate) struct Ground {
    folder: tempfile::TempDir,
    /// The network that has the bridge.
    hub: String,
    pub(crate) nodes: Vec<Node>,
}

/// One engine.
pub(crate) struct Node {
    folder: PathBuf,
    /// Its network's name.
    pub(crate) network: String,
    pub(crate) address: String,
    /// As the swarm calls it.
    name: String,
    child: RefCell<Option<Child>>,
}

/// Whether tests on swarms of their own are asked for.
fn is_wanted() -> bool {
    let wanted = std::env::var("PDEX_TEST_SWARM").is_ok();
    if !wanted {
        eprintln!("skipped: PDEX_TEST_SWARM=1 cargo test --test swarm makes swarms on this machine, as root");
    }
    wanted
}

impl Ground {
    /// So many engines in one swarm, the first its manager. `None`, with the reason, where they cannot be had here.
    pub(crate) fn set(name: &str, count: u8) -> Option<Self> {
        let ground = Self::without_swarm(name, count)?;
        let (first, others) = ground.nodes.split_first().unwrap();
        first.docker(&["swarm", "init", "--advertise-addr", &first.address]);
        let token = first.docker(&["swarm", "join-token", "-q", "worker"]);
        for node in others {
            let manager = format!("{}:2377", first.address);
            let own = ["swarm", "join", "--advertise-addr", &node.address, "--token", token.trim(), &manager];
            node.docker(&own);
        }
        Some(ground)
    }

    /// The same, before anybody made a swarm of them.
    pub(crate) fn without_swarm(name: &str, count: u8) -> Option<Self> {
        if !is_wanted() {
            return None;
        }
        if !rustix::process::geteuid().is_root() {
            eprintln!("skipped: networks and engines of one's own need root");
            return None;
        }
        let folder = tempfile::Builder::new().prefix("pdexswm").tempdir().unwrap();
        let hub = format!("pdexswm-{}-{name}", std::process::id());
        ip(&["netns", "add", &hub]);
        let mut ground = Self { folder, hub, nodes: Vec::new() };
        let hub = ground.hub.clone();
        ip(&["-n", &hub, "link", "add", "bridge", "type", "bridge"]);
        ip(&["-n", &hub, "link", "set", "bridge", "up"]);
        for number in 1..=count {
            ground.add(number);
        }
        for node in &ground.nodes {
            node.run();
        }
        Some(ground)
    }

    fn add(&mut self, number: u8) {
        let network = format!("{}-{number}", self.hub);
        let folder = self.folder.path().join(number.to_string());
        std::fs::create_dir_all(folder.join("data")).unwrap();
        std::fs::write(folder.join("daemon.json"), "{}").unwrap();
        ip(&["netns", "add", &network]);
        let address = format!("10.231.0.{number}");
        let name = format!("node{number}");
        self.nodes.push(Node {
            folder,
            network: network.clone(),
            address: address.clone(),
            name,
            child: RefCell::default(),
        });
        let port = format!("port{number}");
        ip(&[
            "-n", &self.hub, "link", "add", &port, "type", "veth", "peer", "name", "eth0", "netns", &network,
        ]);
        ip(&["-n", &self.hub, "link", "set", &port, "master", "bridge", "up"]);
        ip(&["-n", &network, "addr", "add", &format!("{address}/24"), "dev", "eth0"]);
        for link in ["lo", "eth0"] {
            ip(&["-n", &network, "link", "set", link, "up"]);
        }
    }
}

impl Ground {
    /// Takes a node off the bridge.
    pub(crate) fn cut(&self, number: u8) {
        ip(&["-n", &self.hub, "link", "set", &format!("port{number}"), "down"]);
    }

    /// Puts it back.
    pub(crate) fn heal(&self, number: u8) {
        ip(&["-n", &self.hub, "link", "set", &format!("port{number}"), "up"]);
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        if std::thread::panicking() {
            for node in &self.nodes {
                let log = std::fs::read(node.folder.join("log")).unwrap_or_default();
                let log = text(&log);
                let from = log.floor_char_boundary(log.len().saturating_sub(1_500));
                eprintln!("the last words of {}:\n{}", node.network, &log[from..]);
            }
        }
        for node in &self.nodes {
            node.end();
        }
        // What an engine leaves that was killed: its disks, the networks of its containers.
        let mounts = std::fs::read_to_string("/proc/mounts").unwrap_or_default();
        let own = self.folder.path().display().to_string();
        let mut places: Vec<&str> = mounts.lines().filter_map(|line| line.split(' ').nth(1)).collect();
        places.retain(|place| place.starts_with(&own));
        for place in places.iter().rev() {
            let _ = Command::new("umount").args(["-l", place]).status();
        }
        for network in self.nodes.iter().map(|node| &node.network).chain([&self.hub]) {
            let _ = Command::new("ip").args(["netns", "del", network]).status();
        }
    }
}

impl Node {
    pub(crate) fn host(&self) -> String {
        format!("unix://{}", self.folder.join("s").display())
    }

    /// Runs `docker` on it, which has to succeed.
    pub(crate) fn docker(&self, arguments: &[&str]) -> String {
        docker(Some(&self.host()), arguments)
    }

    /// A command in its network.
    pub(crate) fn inside(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net=/run/netns/{}", self.network)).arg(program);
        command
    }

    /// What an address answers that is asked from this node.
    pub(crate) fn get(&self, url: &str) -> Said {
        let mut curl = self.inside("curl");
        curl.args(["-s", "-m", "5", url]).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Said::of(curl.spawn().unwrap())
    }

    /// Ends the engine and all it runs without a chance to tidy up, as a power cut does.
    pub(crate) fn kill(&self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
        let pids = Command::new("ip").args(["netns", "pids", &self.network]).output().unwrap();
        let below = text(&pids.stdout);
        // Containers have networks of their own; who made them has this one.
        for pid in below.split_whitespace().filter_map(|pid| pid.parse().ok()).filter_map(Pid::from_raw) {
            let _ = kill_process(pid, Signal::KILL);
        }
        for pid in self.containers() {
            let _ = kill_process(pid, Signal::KILL);
        }
    }

    /// The first processes of its containers: their supervisors name its folder.
    fn containers(&self) -> Vec<Pid> {
        let folder = self.folder.display().to_string();
        let entries = std::fs::read_dir("/proc").unwrap().filter_map(Result::ok);
        let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
        let mounts = |pid: &i32| {
            std::fs::read_to_string(format!("/proc/{pid}/mountinfo"))
                .is_ok_and(|text| text.lines().next().is_some_and(|root| root.contains(&folder)))
        };
        pids.filter(mounts).filter_map(Pid::from_raw).collect()
    }

    pub(crate) fn run(&self) {
        let log = File::options().create(true).append(true).open(self.folder.join("log")).unwrap();
        let mut dockerd = Command::new("unshare");
        // A node goes by the name of its machine.
        dockerd.args([
            "--uts",
            "sh",
            "-c",
            "hostname \"$1\"; shift; exec \"$@\"",
            "sh",
            &self.name,
            "nsenter",
        ]);
        dockerd.arg(format!("--net=/run/netns/{}", self.network)).arg("dockerd");
        dockerd.arg("--config-file").arg(self.folder.join("daemon.json"));
        dockerd.arg("--data-root").arg(self.folder.join("data"));
        dockerd.arg("--exec-root").arg(self.folder.join("exec"));
        dockerd.arg("--pidfile").arg(self.folder.join("pid")).arg("-H").arg(self.host());
        dockerd.args(["--storage-driver=vfs", "--shutdown-timeout=1"]);
        let child = dockerd.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).spawn();
        self.child.replace(Some(child.expect("dockerd is installed where docker is")));
        eventually("the engine answers", || {
            let mut docker = Command::new("docker");
            docker.args(["-H", &self.host(), "version"]).stdout(Stdio::null()).stderr(Stdio::null());
            docker.status().unwrap().success()
        });
    }

    pub(crate) fn end(&self) {
        if let Some(mut child) = self.child.take() {
            kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
            child.wait().unwrap();
        }
    }
}

fn ip(arguments: &[&str]) {
    let output = Command::new("ip").args(arguments).output().unwrap();
    assert!(output.status.success(), "ip {arguments:?}: {}", text(&output.stderr));
}
