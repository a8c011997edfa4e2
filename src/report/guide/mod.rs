//! What a guided start shows and asks, in words.

mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

pub use words::{Language, Text};

use super::{spell, tables};
use crate::definition::graph;
use crate::definition::model::{Definition, Service, ServiceName};
use crate::guide::cost::{Cost, cost, memory};
use crate::guide::measured::{Measured, Work};
use crate::guide::{Answers, Choice, Data, Question, Situation, Stack, Traffic, Unfit};
use crate::plan::Plan;
use crate::world::machine::{Machine, bytes};

/// What the screens are about.
#[derive(Debug)]
pub struct Guide<'a> {
    pub language: Language,
    pub definition: &'a Definition,
    pub situation: &'a Situation,
    pub machine: &'a Machine,
    /// Of the images that are there, by reference.
    pub sizes: &'a BTreeMap<String, u64>,
    /// What would be published if it were exposed: `8000 (api)`.
    pub reachable: &'a [String],
}

/// A question with what can be answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    pub prompt: &'static str,
    /// Each with a hint, which may be empty.
    pub options: Vec<(String, String)>,
    /// The one that is taken unless another is chosen.
    pub initial: usize,
}

impl Guide<'_> {
    fn say(&self, text: Text) -> &'static str {
        text.plain(self.language)
    }

    fn with(&self, text: Text, values: &[(&str, &str)]) -> String {
        text.with(self.language, values)
    }

    /// The one screen before the questions: what will run, and what it costs.
    pub fn overview(&self, plan: &Plan, measured: &Measured) -> String {
        let count = self.definition.services.len().to_string();
        let mut text = self.with(Text::Title, &[("project", &self.definition.project), ("count", &count)]);
        let _ = write!(text, "\n\n{}\n\n", self.services());
        let all = self.definition.services.keys().cloned().collect();
        let whole = cost(self.definition, &all, self.sizes);
        for line in [self.memory(&whole), self.disk(&whole), self.time(plan, measured)] {
            let _ = writeln!(text, "{line}");
        }
        text
    }

    fn services(&self) -> String {
        let light = self.situation.light.as_ref();
        let mut titles =
            vec![self.say(Text::ColumnService), self.say(Text::ColumnPurpose), self.say(Text::ColumnMemory)];
        titles.extend(light.map(|_| self.say(Text::ColumnStack)));
        let mut rows = tables::table(&titles);
        for name in graph::topological(self.definition) {
            let Some(service) = self.definition.services.get(&name) else { continue };
            let limit = memory(service).map_or_else(|| self.say(Text::NoLimit).to_owned(), bytes);
            let mut row = vec![name.to_string(), self.purpose(service), limit];
            row.extend(light.map(|light| {
                self.say(if light.contains(&name) { Text::InBoth } else { Text::InFull }).to_owned()
            }));
            rows.add_row(row);
        }
        tables::trimmed(&rows)
    }

    /// In the person's language, else in the first that there is, else the image.
    fn purpose(&self, service: &Service) -> String {
        let purpose = &service.pdex.purpose;
        let own = purpose.iter().find(|(language, _)| language == self.language.code());
        own.or(purpose.first()).map_or_else(|| service.image.clone(), |(_, text)| text.clone())
    }

    fn memory(&self, cost: &Cost) -> String {
        let (amount, count) = (bytes(cost.memory), cost.unlimited.to_string());
        let values = [("amount", amount.as_str()), ("count", count.as_str())];
        let mut line = self.with(if cost.unlimited == 0 { Text::Memory } else { Text::MemoryOpen }, &values);
        if let Some(memory) = self.machine.memory {
            line.push_str(&self.with(Text::MemoryOfMachine, &[("amount", &bytes(memory))]));
        }
        line
    }

    fn disk(&self, cost: &Cost) -> String {
        let unknown = cost.images_unknown.to_string();
        let mut line = match (cost.images_to_come, cost.images_unknown) {
            (0, 0) => self.with(Text::DiskThere, &[("amount", &bytes(cost.images_there))]),
            (0, _) => self.with(Text::DiskUnknown, &[("count", &unknown)]),
            (to_come, 0) => self.with(Text::DiskToCome, &[("amount", &bytes(to_come))]),
            (to_come, _) => {
                self.with(Text::DiskToCome, &[("amount", &bytes(to_come))])
                    + &self.with(Text::DiskAnd, &[("count", &unknown)])
            }
        };
        if let Some(disk) = self.machine.disk {
            line.push_str(&self.with(Text::DiskFree, &[("amount", &bytes(disk.free))]));
        }
        line
    }

    fn time(&self, plan: &Plan, measured: &Measured) -> String {
        let Some(work) = Work::of(plan) else { return self.say(Text::TimeNothing).to_owned() };
        let Some(run) = measured.last(work) else { return self.say(Text::TimeUnknown).to_owned() };
        let text = match work {
            Work::Images => Text::TimeImages,
            Work::Jobs => Text::TimeJobs,
            Work::Containers => Text::TimeContainers,
        };
        let (took, count) = (spell(run.took()), run.services.to_string());
        self.with(text, &[("took", &took), ("day", run.day()), ("count", &count)])
    }

    /// A question as it is asked.
    pub fn asked(&self, question: Question, answers: &Answers) -> Asked {
        let prompt = match question {
            Question::Stack => Text::AskStack,
            Question::Data => Text::AskData,
            Question::Build => Text::AskBuild,
            Question::Expose => Text::AskExpose,
            Question::Load => Text::AskLoad,
            Question::Open => Text::AskOpen,
        };
        let choices = self.situation.choices(question);
        let initial = choices.iter().position(|choice| *choice == answers.choice(question));
        Asked {
            prompt: self.say(prompt),
            options: choices.iter().map(|choice| (self.label(*choice), self.hint(*choice))).collect(),
            initial: initial.unwrap_or_default(),
        }
    }

    /// The last question; the first option is yes.
    pub fn asked_to_go(&self) -> Asked {
        let option = |text| (self.say(text).to_owned(), String::new());
        Asked { prompt: self.say(Text::AskGo), options: [Text::Yes, Text::No].map(option).into(), initial: 0 }
    }

    fn label(&self, choice: Choice) -> String {
        let text = match choice {
            Choice::Stack(Stack::Full) => Text::StackFull,
            Choice::Stack(Stack::Light) => Text::StackLight,
            Choice::Data(Data::Keep) => Text::DataKeep,
            Choice::Data(Data::Fresh) => Text::DataFresh,
            Choice::Build(false) => Text::BuildNo,
            Choice::Build(true) => Text::BuildYes,
            Choice::Expose(false) => Text::ExposeNo,
            Choice::Expose(true) => Text::ExposeYes,
            Choice::Load(Traffic::None) => Text::LoadNo,
            Choice::Load(Traffic::For(length)) => {
                return self.with(Text::LoadFor, &[("took", &length_of(length))]);
            }
            Choice::Open(false) => Text::No,
            Choice::Open(true) => Text::Yes,
        };
        self.say(text).to_owned()
    }

    fn hint(&self, choice: Choice) -> String {
        match choice {
            Choice::Stack(stack) => self.stack_hint(stack),
            Choice::Data(Data::Fresh) => {
                self.with(Text::DataHint, &[("volumes", &self.situation.volumes.join(", "))])
            }
            Choice::Expose(true) => self.with(Text::ExposeHint, &[("ports", &self.reachable.join(", "))]),
            _ => String::new(),
        }
    }

    fn stack_hint(&self, stack: Stack) -> String {
        let all: BTreeSet<ServiceName> = self.definition.services.keys().cloned().collect();
        let light = self.situation.light.as_ref().filter(|_| stack == Stack::Light);
        let cost = cost(self.definition, light.unwrap_or(&all), self.sizes);
        let (count, amount) = (cost.services.to_string(), bytes(cost.memory));
        let Some(light) = light else {
            return self.with(Text::StackHint, &[("count", &count), ("amount", &amount)]);
        };
        let missing: Vec<&str> = all.difference(light).map(ServiceName::as_str).collect();
        let values = [("count", count.as_str()), ("amount", &amount), ("missing", &missing.join(", "))];
        self.with(Text::StackHintLight, &values)
    }

    /// Before the last question: what the answers lead to.
    pub fn plan(&self, plan: &Plan, answers: &Answers) -> String {
        let mut text = String::new();
        if answers.data == Data::Fresh && !self.situation.volumes.is_empty() {
            let volumes = self.situation.volumes.join(", ");
            let _ = writeln!(text, "{}", self.with(Text::PlanRemoves, &[("volumes", &volumes)]));
        }
        if plan.is_empty() {
            let _ = writeln!(text, "{}", self.say(Text::PlanNothing));
        } else {
            let _ = writeln!(text, "{}", self.say(Text::Plan));
            for line in plan.to_string().lines() {
                let _ = writeln!(text, "  {line}");
            }
        }
        if answers.expose {
            let ports = self.reachable.join(", ");
            let _ = writeln!(text, "{}", self.with(Text::WarnExposed, &[("ports", &ports)]));
        }
        text
    }

    /// The answers in a line, for where nobody was asked.
    pub fn answers(&self, answers: &Answers) -> String {
        let applicable = Question::ALL.into_iter().filter(|question| self.situation.applies(*question));
        let told: Vec<String> = applicable
            .map(|question| {
                let text = match question {
                    Question::Stack => Text::AnswerStack,
                    Question::Data => Text::AnswerData,
                    Question::Build => Text::AnswerBuild,
                    Question::Expose => Text::AnswerExpose,
                    Question::Load => Text::AnswerLoad,
                    Question::Open => Text::AnswerOpen,
                };
                self.with(text, &[("answer", &self.label(answers.choice(question)))])
            })
            .collect();
        self.with(Text::AnswersAre, &[("answers", &told.join(" · "))])
    }
}

/// Whole minutes as such: `5 min`.
fn length_of(length: std::time::Duration) -> String {
    match length.as_secs() {
        seconds if seconds >= 60 && seconds % 60 == 0 => format!("{} min", seconds / 60),
        _ => spell(length),
    }
}

/// Why an option cannot be had.
pub fn unfit(language: Language, unfit: Unfit) -> String {
    let text = match unfit {
        Unfit::Light => Text::UnfitLight,
        Unfit::Expose => Text::UnfitExpose,
        Unfit::Load => Text::UnfitLoad,
        Unfit::Open => Text::UnfitOpen,
    };
    text.with(language, &[("variable", crate::guide::BIND)])
}

/// How a guided start ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    Well,
    /// The removal of what was there failed.
    Remove,
    Up,
    Validate,
    Load,
    /// The person stopped it.
    Stopped,
}

impl End {
    fn text(self, has_links: bool) -> Text {
        match self {
            Self::Well if has_links => Text::ReadyLinks,
            Self::Well => Text::Ready,
            Self::Remove => Text::FailedRemove,
            Self::Up => Text::FailedUp,
            Self::Validate => Text::FailedValidate,
            Self::Load => Text::FailedLoad,
            Self::Stopped => Text::Stopped,
        }
    }

    /// Three commands that suit it, with what they do.
    fn next(self, can_load: bool) -> [(&'static str, Text); 3] {
        let down = ("down", Text::NextDown);
        let logs = ("logs -f", Text::NextLogs);
        match self {
            Self::Well if can_load => [("generate-load", Text::NextLoad), logs, down],
            Self::Well => [("ps", Text::NextPs), logs, down],
            Self::Validate | Self::Load => [("validate", Text::NextValidate), logs, down],
            Self::Remove | Self::Up | Self::Stopped => [("quick-start", Text::NextAgain), logs, down],
        }
    }
}

/// The last words: where it is, and what one may do now. `program` is how pdex was called.
pub fn closing(language: Language, end: End, links: &str, can_load: bool, program: &str) -> String {
    let mut text = end.text(!links.is_empty()).plain(language).to_owned();
    if !links.is_empty() {
        let _ = write!(text, "\n{links}");
    }
    let _ = write!(text, "\n\n{}", Text::Next.plain(language));
    let next = end.next(can_load).map(|(command, what)| (format!("{program} {command}"), what));
    let width = next.iter().map(|(command, _)| command.chars().count()).max().unwrap_or_default();
    for (command, what) in next {
        let _ = write!(text, "\n  {command:width$}  {}", what.plain(language));
    }
    text
}

#[cfg(test)]
#[path = "guide_test.rs"]
mod tests;
