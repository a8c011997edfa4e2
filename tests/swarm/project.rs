//! A definition on a swarm, and the built program in the network of the swarm's manager.

use std::process::{Command, Stdio};

use crate::ground::{Ground, Node};
use crate::image::{self, Image};
use crate::stage::Said;

/// See the module.
pub(crate) struct Project<'g> {
    ground: &'g Ground,
    folder: tempfile::TempDir,
    image: Image,
}

impl<'g> Project<'g> {
    /// The manager has the tests' image.
    pub(crate) fn on(ground: &'g Ground) -> Self {
        let image = image::on(Some(&ground.nodes[0].host()));
        Self { ground, folder: tempfile::tempdir().unwrap(), image }
    }

    /// Gives the other nodes the images of the definition.
    pub(crate) fn distribute(&self) -> Said {
        let hosts: Vec<String> = self.ground.nodes[1..].iter().map(Node::host).collect();
        let hosts = hosts.iter().map(String::as_str);
        self.run(&["images", "distribute"].into_iter().chain(hosts).collect::<Vec<_>>()).ends(0, &[])
    }

    pub(crate) fn manager(&self) -> &Node {
        &self.ground.nodes[0]
    }

    /// Writes the definition; `IMAGE` in it is the tests' image.
    pub(crate) fn define(&self, text: &str) {
        let text = text.replace("IMAGE", &self.image.tag);
        std::fs::write(self.folder.path().join("stack.yaml"), format!("name: shop\n{text}")).unwrap();
    }

    /// The built program on the definition.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let node = self.manager();
        let mut command = node.inside(env!("CARGO_BIN_EXE_pdex"));
        command.current_dir(self.folder.path()).args(["-f", "stack.yaml", "--engine", "swarm"]);
        command.args(["--docker-host", &node.host()]).args(arguments).env("KEY", "hush");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Said {
        Said::of(self.command(arguments).spawn().unwrap())
    }

    /// What a command prints that has to succeed.
    pub(crate) fn out(&self, arguments: &[&str]) -> String {
        self.run(arguments).ends(0, &[]).out
    }

    /// Nothing is left of it but what `left` names: services, networks, secrets, configs, volumes, in this order.
    pub(crate) fn has_left(&self, left: [&str; 5]) {
        let node = self.manager();
        let label = "label=com.docker.compose.project=shop";
        for (kind, left) in ["service", "network", "secret", "config", "volume"].into_iter().zip(left) {
            let found = node.docker(&[kind, "ls", "--filter", label, "--format", "{{.Name}}"]);
            assert_eq!(found.split_whitespace().collect::<Vec<_>>().join(" "), left, "{kind}");
        }
    }
}
