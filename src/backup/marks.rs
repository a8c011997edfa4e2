//! What a backup or a restore leaves in the engine while it is at work, so that whoever comes after one that was killed knows what
//! is half done. A mark is an empty volume of the project with a label: it is made and removed at one instant, lies where the data
//! lie, and goes with them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::definition::model::Volume;
use crate::world::World;

/// The label of a mark, whose value is a JSON document.
pub const LABEL: &str = "io.pdex.mark";
/// End of the names of what stands ready to take a place: volumes, folders and databases.
pub const STAGED: &str = ".pdex-new";
/// End of the names of what has lost its place and is about to go: folders and databases.
pub const REPLACED: &str = ".pdex-old";

/// Which mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// Everything stands ready, and places are being exchanged: [`Restoring`].
    Restoring,
    /// Containers are paused while their volumes are copied: [`Holding`].
    Holding,
}

impl Mark {
    /// In the place of a volume's key.
    pub fn key(self) -> &'static str {
        match self {
            Self::Restoring => "pdex-restoring",
            Self::Holding => "pdex-holding",
        }
    }

    /// The volume's name.
    pub fn name(self, project: &str) -> String {
        format!("{project}_{}", self.key())
    }

    /// Whether it is set.
    pub fn is_set(self, project: &str, world: &World) -> bool {
        world.volumes.contains(&self.name(project))
    }

    /// The volume, with what it says.
    pub fn volume(self, project: &str, says: &impl Serialize) -> Volume {
        let text = serde_json::to_string(says).unwrap_or_default();
        Volume { name: self.name(project), labels: [(LABEL.to_owned(), text)].into(), ..Volume::default() }
    }
}

/// Whether a volume of this name is no data of the stack: a mark, or what stands ready.
pub fn is_own(project: &str, volume: &str) -> bool {
    volume.ends_with(STAGED)
        || [Mark::Restoring, Mark::Holding].iter().any(|mark| mark.name(project) == volume)
}

/// What a restore has begun to exchange; each of these is done when what stands ready for it is gone.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restoring {
    /// The backup, as it was named.
    pub file: String,
    /// When that was made.
    pub timestamp: String,
    /// Services whose databases are exchanged.
    pub databases: Vec<String>,
    /// Keys of volumes.
    pub volumes: Vec<String>,
    /// Absolute folders of the machine.
    pub folders: Vec<String>,
    /// Services that ran before.
    pub ran: Vec<String>,
}

/// Which containers were paused.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holding {
    /// Identifier → name.
    pub containers: BTreeMap<String, String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_a_volume_that_is_no_data() {
        let holding = Holding { containers: [("1f".to_owned(), "shop-web-1".to_owned())].into() };
        let volume = Mark::Holding.volume("shop", &holding);
        assert_eq!(volume.name, "shop_pdex-holding");
        assert_eq!(serde_json::from_str::<Holding>(&volume.labels[LABEL]).unwrap(), holding);
        for (name, own) in [
            ("shop_pdex-holding", true),
            ("shop_pdex-restoring", true),
            ("shop_data.pdex-new", true),
            ("shop_data", false),
        ] {
            assert_eq!(is_own("shop", name), own, "{name}");
        }
    }
}
