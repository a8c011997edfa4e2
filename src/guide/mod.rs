//! A guided start: what is asked, what is taken where nothing is asked, and what follows from the answers. Pure: it knows no
//! terminal, asks no engine and has no words.

pub mod cost;
mod fit;
pub mod measured;
mod scope;

use std::collections::BTreeSet;
use std::time::Duration;

use clap::ValueEnum;

use crate::definition::model::ServiceName;
use crate::plan::Goal;

pub use fit::{Fit, fit};
pub use scope::{after_removal, bindings, light, settled};

/// The variable that the definition binds what may be exposed to.
pub const BIND: &str = "PDEX_BIND_ADDRESS";

/// How much of the platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Stack {
    Full,
    /// What the definition calls essential, with what that cannot do without
    Light,
}

/// What becomes of the data that is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Data {
    Keep,
    /// Remove the volumes first
    Fresh,
}

/// What may be asked, in the order in which it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Question {
    Stack,
    Data,
    Build,
    Expose,
    Load,
    Open,
}

impl Question {
    /// Every one, in order.
    pub const ALL: [Self; 6] = [Self::Stack, Self::Data, Self::Build, Self::Expose, Self::Load, Self::Open];
}

/// What is sent to the platform afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Traffic {
    None,
    For(Duration),
}

/// One answer to one question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    Stack(Stack),
    Data(Data),
    /// Whether images that are there are made anew.
    Build(bool),
    /// Whether other machines may reach the platform.
    Expose(bool),
    /// What is sent afterwards.
    Load(Traffic),
    /// Whether the pages are opened in a browser.
    Open(bool),
}

/// Offered as lengths of the traffic.
const LOADS: [Duration; 3] = [Duration::from_mins(1), Duration::from_mins(5), Duration::from_mins(15)];

/// Every question answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answers {
    pub stack: Stack,
    pub data: Data,
    pub build: bool,
    pub expose: bool,
    pub load: Traffic,
    pub open: bool,
}

impl Answers {
    /// The answer to one question.
    pub fn choice(&self, question: Question) -> Choice {
        match question {
            Question::Stack => Choice::Stack(self.stack),
            Question::Data => Choice::Data(self.data),
            Question::Build => Choice::Build(self.build),
            Question::Expose => Choice::Expose(self.expose),
            Question::Load => Choice::Load(self.load),
            Question::Open => Choice::Open(self.open),
        }
    }

    /// Takes an answer in.
    pub fn take(&mut self, choice: Choice) {
        match choice {
            Choice::Stack(stack) => self.stack = stack,
            Choice::Data(data) => self.data = data,
            Choice::Build(build) => self.build = build,
            Choice::Expose(expose) => self.expose = expose,
            Choice::Load(load) => self.load = load,
            Choice::Open(open) => self.open = open,
        }
    }
}

/// The answers that the command line gives.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Given {
    pub stack: Option<Stack>,
    pub data: Option<Data>,
    pub build: Option<bool>,
    pub expose: Option<bool>,
    pub load: Option<Traffic>,
    pub open: Option<bool>,
}

impl Given {
    fn choice(&self, question: Question) -> Option<Choice> {
        match question {
            Question::Stack => self.stack.map(Choice::Stack),
            Question::Data => self.data.map(Choice::Data),
            Question::Build => self.build.map(Choice::Build),
            Question::Expose => self.expose.map(Choice::Expose),
            Question::Load => self.load.map(Choice::Load),
            Question::Open => self.open.map(Choice::Open),
        }
    }
}

/// An answer that cannot be had here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unfit {
    /// No service is called essential, or all of them are.
    Light,
    /// The definition does not use [`BIND`].
    Expose,
    /// There is nothing to send traffic to.
    Load,
    /// There is no screen that a page could be opened on.
    Open,
}

/// What the questions depend on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct Situation {
    /// The services of the light stack; `None` where there is no such thing.
    pub light: Option<BTreeSet<ServiceName>>,
    /// See [`settled`].
    pub settled: BTreeSet<ServiceName>,
    /// Whether nothing of this machine is in the way of the full stack.
    pub full_fits: bool,
    /// The volumes that a fresh start would remove.
    pub volumes: Vec<String>,
    /// Whether the image of a service that can be built is there.
    pub has_built: bool,
    /// Whether it is exposed now; `None` where the definition leaves no choice.
    pub exposed: Option<bool>,
    pub can_load: bool,
    pub can_open: bool,
}

impl Situation {
    /// What is taken where nothing is asked: what intrudes least, and what there is stays as it is.
    pub fn defaults(&self) -> Answers {
        let is_light = self.light.as_ref().is_some_and(|light| !self.full_fits || self.settled == *light);
        Answers {
            stack: if is_light { Stack::Light } else { Stack::Full },
            data: Data::Keep,
            build: false,
            expose: self.exposed.unwrap_or_default(),
            load: Traffic::None,
            open: false,
        }
    }

    /// The defaults, and over them what the command line says.
    pub fn answers(&self, given: &Given) -> Answers {
        let mut answers = self.defaults();
        Question::ALL.iter().filter_map(|question| given.choice(*question)).for_each(|c| answers.take(c));
        answers
    }

    /// What is left to ask, in order.
    pub fn questions(&self, given: &Given) -> Vec<Question> {
        let open = Question::ALL.into_iter().filter(|question| self.applies(*question));
        open.filter(|question| given.choice(*question).is_none()).collect()
    }

    /// Whether there is a choice at all.
    pub fn applies(&self, question: Question) -> bool {
        match question {
            Question::Stack => self.light.is_some(),
            Question::Data => !self.volumes.is_empty(),
            Question::Build => self.has_built,
            Question::Expose => self.exposed.is_some(),
            Question::Load => self.can_load,
            Question::Open => self.can_open,
        }
    }

    /// The answers to choose from.
    pub fn choices(&self, question: Question) -> Vec<Choice> {
        match question {
            Question::Stack => vec![Choice::Stack(Stack::Full), Choice::Stack(Stack::Light)],
            Question::Data => vec![Choice::Data(Data::Keep), Choice::Data(Data::Fresh)],
            Question::Build => [false, true].map(Choice::Build).into(),
            Question::Expose => [false, true].map(Choice::Expose).into(),
            Question::Load => {
                std::iter::once(Traffic::None).chain(LOADS.map(Traffic::For)).map(Choice::Load).collect()
            }
            Question::Open => [false, true].map(Choice::Open).into(),
        }
    }

    /// The first answer of the command line that cannot be had.
    pub fn unfit(&self, given: &Given) -> Option<Unfit> {
        let wanted = [
            (given.stack == Some(Stack::Light), Question::Stack, Unfit::Light),
            (given.expose == Some(true), Question::Expose, Unfit::Expose),
            (matches!(given.load, Some(Traffic::For(_))), Question::Load, Unfit::Load),
            (given.open == Some(true), Question::Open, Unfit::Open),
        ];
        wanted
            .into_iter()
            .find(|(wanted, question, _)| *wanted && !self.applies(*question))
            .map(|(_, _, unfit)| unfit)
    }

    /// What `up` is to do.
    pub fn goal(&self, answers: &Answers) -> Goal {
        let light = self.light.clone().filter(|_| answers.stack == Stack::Light);
        Goal {
            // The light stack is named whole: what a dependency may do without is not to come along.
            no_dependencies: light.is_some(),
            services: light.unwrap_or_default(),
            build: answers.build,
            ..Goal::default()
        }
    }
}

#[cfg(test)]
#[path = "guide_test.rs"]
mod tests;
