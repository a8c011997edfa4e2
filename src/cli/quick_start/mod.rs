//! `pdex quick-start`: looks, tells, asks, and then runs `down`, `up`, `validate` and `generate-load` as they are.

mod look;
mod steps;

use std::collections::BTreeMap;
use std::io::{self, IsTerminal as _, Write as _};

use super::args::quick_start::QuickStart as Arguments;
use super::ask::{self, Chosen};
use super::exit::{Exit, Stop};
use super::signal::{self, Signals};
use super::{Session, color, context, history};
use crate::finding::Severity;
use crate::guide::{Answers, Given};
use crate::report::failures;
use crate::report::guide::{self as words, Asked, Guide, Language, Text};
use look::Seen;

pub(super) async fn quick_start(session: &Session, arguments: &Arguments) -> anyhow::Result<Exit> {
    context::on_one_engine(session, "the guided start")?;
    let language = arguments.lang.unwrap_or_else(|| language(&session.environment));
    if !arguments.auto && !ask::can_choose() {
        let hint = Text::NoTerminalHint.plain(language);
        return Err(Stop::new(Exit::Usage, Text::NoTerminal.plain(language), Some(hint)).into());
    }
    let talk = Talk { session, language, given: arguments.given(), auto: arguments.auto };
    let signals = signal::listen();
    let cancelled = |exit| Stop { exit, text: Text::Cancelled.plain(language).to_owned() };
    let seen = tokio::select! {
        biased;
        exit = signals.nth(1) => return Err(cancelled(exit).into()),
        seen = talk.look() => seen?,
    };
    let answers = talk.agree(&seen, &signals).await?;
    talk.carry_out(&seen, &answers).await
}

/// As the locale has it.
fn language(environment: &BTreeMap<String, String>) -> Language {
    let set = |name: &&str| environment.get(*name).filter(|value| !value.is_empty());
    let locale = ["LC_ALL", "LC_MESSAGES", "LANG"].iter().find_map(set);
    Language::of_locale(locale.map_or("", String::as_str))
}

/// One guided start.
struct Talk<'a> {
    session: &'a Session,
    language: Language,
    given: Given,
    auto: bool,
}

impl Talk<'_> {
    /// Tells what was seen and asks what is left to ask; an error where the person would rather not.
    async fn agree(&self, seen: &Seen, signals: &Signals) -> anyhow::Result<Answers> {
        if let Some(unfit) = seen.situation.unfit(&self.given) {
            let what = words::unfit(self.language, unfit);
            return Err(Stop::new(Exit::Usage, what, Some(Text::UnfitHint.plain(self.language))).into());
        }
        let reachable = seen.reachable();
        let guide = Guide {
            language: self.language,
            definition: &seen.closed,
            situation: &seen.situation,
            machine: &seen.machine,
            sizes: &seen.sizes,
            reachable: &reachable,
        };
        let measured = history::read(&self.session.environment, &seen.closed.project);
        let mut out = io::stderr();
        write!(out, "{}", guide.overview(&seen.plan, &measured))?;
        let fits = if seen.situation.full_fits { Text::MachineFits } else { Text::MachineFitsLight };
        let has_errors = seen.findings.iter().any(|finding| finding.severity == Severity::Error);
        if seen.findings.is_empty() || has_errors {
            writeln!(out, "{}", fits.plain(self.language))?;
        }
        writeln!(out, "{}", failures::findings(&seen.findings))?;
        let mut answers = seen.situation.answers(&self.given);
        let terminal = io::stderr().is_terminal();
        let colours = color::wanted(self.session.global.color, &self.session.environment, terminal);
        ask::draw_with(colours, Text::Cancelled.plain(self.language));
        if self.auto {
            writeln!(out, "{}\n", guide.answers(&answers))?;
        } else {
            for question in seen.situation.questions(&self.given) {
                let number = self.choose(guide.asked(question, &answers), signals).await?;
                if let Some(choice) = seen.situation.choices(question).get(number) {
                    answers.take(*choice);
                }
            }
        }
        writeln!(out, "{}", guide.plan(&seen.plan(&answers), &answers))?;
        if !self.auto && self.choose(guide.asked_to_go(), signals).await? != 0 {
            let text = Text::Declined.plain(self.language).to_owned();
            return Err(Stop { exit: Exit::Declined, text }.into());
        }
        Ok(answers)
    }

    async fn choose(&self, asked: Asked, signals: &Signals) -> anyhow::Result<usize> {
        let exit = match ask::choose(asked, signals).await? {
            Chosen::Option(number) => return Ok(number),
            // The prompt itself has said that nothing was changed.
            Chosen::Nothing => return Err(Stop { exit: Exit::Interrupted, text: String::new() }.into()),
            Chosen::Signalled(exit) => exit,
        };
        Err(Stop { exit, text: Text::Cancelled.plain(self.language).to_owned() }.into())
    }
}
