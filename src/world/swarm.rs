//! What a swarm is made of: its nodes, and what is published on them. Plain data with the arithmetic that reads it; not part of
//! the snapshot that plans are made from.

use std::collections::{BTreeMap, BTreeSet};

use super::ImageId;
use crate::definition::model::{Definition, Protocol, Service};

/// Digits of an image's digest in the label of a node that has it.
const DIGITS: usize = 12;

/// The node label that says where a volume's data is.
pub fn volume_label(volume: &str) -> String {
    format!("io.pdex.volume.{volume}")
}

/// The node label that says that a node was given an image which no registry has.
pub fn image_label(id: &ImageId) -> String {
    let digits = id.0.rsplit(':').next().unwrap_or_default();
    format!("io.pdex.image.{}", digits.get(..DIGITS).unwrap_or(digits))
}

/// A swarm, as one of its managers tells of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Swarm {
    /// The node that is asked.
    pub own: String,
    pub nodes: Vec<Node>,
    pub published: Vec<Published>,
    /// Whether the kernel can spread connections over containers (IPVS); `None` where it cannot be looked at.
    pub spreads: Option<bool>,
}

/// A machine of a swarm.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Node {
    pub id: String,
    pub hostname: String,
    pub address: String,
    pub manager: bool,
    /// It can be reached and takes on work.
    pub takes_work: bool,
    pub labels: BTreeMap<String, String>,
    /// `linux`, `windows`
    pub system: String,
    /// As the kernel names it: `x86_64`.
    pub architecture: String,
}

/// A port that some service of the swarm has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    pub port: u16,
    pub protocol: Protocol,
    /// The name of the Swarm service.
    pub service: String,
    /// Of the definition that it was made from, if pdex made it, and what it is called there.
    pub project: Option<String>,
    pub defined: Option<String>,
    /// By the nodes that have a container, rather than by all.
    pub host: bool,
    /// Where its containers may be.
    pub constraints: Vec<String>,
}

impl Swarm {
    /// The nodes that take on work and meet every condition.
    pub fn fitting<'s>(&'s self, constraints: &[String]) -> impl Iterator<Item = &'s Node> {
        let fits = |node: &&Node| node.takes_work && constraints.iter().all(|text| node.meets(text));
        self.nodes.iter().filter(fits)
    }

    /// Where a service may be. Where the definition says nothing, what holds state stays with its data, and what is given files of
    /// this machine stays on this machine.
    pub fn constraints(&self, definition: &Definition, service: &Service) -> Vec<String> {
        let mut constraints = service.pdex.swarm.constraints.clone();
        if constraints.is_empty() {
            let here = format!("node.id == {}", self.own);
            for volume in definition.state_of(service) {
                let label = volume_label(&volume.name);
                let home = self.home(&volume.name).map(|_| format!("node.labels.{label} == here"));
                constraints.push(home.unwrap_or_else(|| here.clone()));
            }
            if service.binds().next().is_some() {
                constraints.push(here);
            }
            constraints.sort();
            constraints.dedup();
        }
        constraints
    }

    /// The node that has the data of a volume; `None` while nobody has.
    pub fn home(&self, volume: &str) -> Option<&Node> {
        let label = volume_label(volume);
        self.nodes.iter().find(|node| node.labels.contains_key(&label))
    }

    /// The nodes that may be asked to run an image which no registry has, and were never given it.
    pub fn without_image(&self, id: &ImageId, constraints: &[String]) -> Vec<&str> {
        let label = image_label(id);
        let lacks = |node: &&Node| node.id != self.own && !node.labels.contains_key(&label);
        let lacking: BTreeSet<&str> =
            self.fitting(constraints).filter(lacks).map(|node| node.hostname.as_str()).collect();
        lacking.into_iter().collect()
    }
}

impl Node {
    /// Whether it meets a condition such as `node.labels.disk == ssd`. One about what is not known here counts as met: that is for
    /// Swarm to judge.
    pub fn meets(&self, constraint: &str) -> bool {
        let (left, right, wanted) = match (constraint.split_once("=="), constraint.split_once("!=")) {
            (Some((left, right)), _) => (left, right, true),
            (None, Some((left, right))) => (left, right, false),
            (None, None) => return true,
        };
        let (left, right) = (left.trim().to_ascii_lowercase(), right.trim());
        let is = |value: &str| value.eq_ignore_ascii_case(right) == wanted;
        match left.as_str() {
            "node.id" => is(&self.id),
            "node.hostname" => is(&self.hostname),
            // Swarm takes subnets, too.
            "node.ip" => right.contains('/') || is(&self.address),
            "node.role" => is(if self.manager { "manager" } else { "worker" }),
            "node.platform.os" => is(&self.system),
            "node.platform.arch" => is(&self.architecture),
            name => match name.strip_prefix("node.labels.") {
                Some(label) => {
                    let value = self.labels.iter().find(|(key, _)| key.eq_ignore_ascii_case(label));
                    is(value.map_or("", |(_, value)| value))
                }
                None => true,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_meets_conditions_as_swarm_judges_them() {
        let node = Node {
            id: "n1".to_owned(),
            hostname: "Alpha".to_owned(),
            manager: true,
            labels: [("disk".to_owned(), "ssd".to_owned())].into(),
            architecture: "x86_64".to_owned(),
            ..Node::default()
        };
        for (constraint, expected) in [
            ("node.labels.disk == ssd", true),
            ("node.labels.disk==SSD", true),
            ("node.labels.disk != ssd", false),
            ("node.labels.zone == a", false),
            ("node.labels.zone != a", true),
            ("node.role == manager", true),
            ("node.role == worker", false),
            ("node.hostname == alpha", true),
            ("node.id != n1", false),
            ("node.platform.arch == x86_64", true),
            ("engine.labels.made == here", true),
        ] {
            assert_eq!(node.meets(constraint), expected, "{constraint}");
        }
    }

    #[test]
    fn who_takes_no_work_does_not_count() {
        let node = |id: &str, takes_work| Node { id: id.to_owned(), takes_work, ..Node::default() };
        let swarm = Swarm { nodes: vec![node("a", true), node("b", false)], ..Swarm::default() };
        assert_eq!(swarm.fitting(&[]).map(|node| node.id.as_str()).collect::<Vec<_>>(), ["a"]);
        assert_eq!(swarm.fitting(&["node.id == b".to_owned()]).count(), 0);
    }
}
