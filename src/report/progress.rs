//! Progress while an `up` runs: one line per service that changes in place on a terminal, one line per event elsewhere.

use std::collections::BTreeMap;
use std::io::Write;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::words;
use crate::definition::model::ServiceName;
use crate::event::{Event, ImageSource, Phase};
use crate::plan::Plan;

/// Between two frames of a spinner.
const FRAME: Duration = Duration::from_millis(120);
/// Between two lines about one image's making, where lines stay.
const SIGN_OF_LIFE: Duration = Duration::from_secs(10);
/// Progress lines of builds are cut to this.
const LINE: usize = 70;

/// Shows events as they come.
pub enum Progress {
    /// In place, on a terminal.
    Live(Live),
    /// A line each, to any writer.
    Plain(Plain),
    Quiet,
}

impl Progress {
    /// Spinners for the plan's services on the error output.
    pub fn live(plan: &Plan) -> Self {
        let bars = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
        let width = plan.services.iter().map(|s| s.name.as_str().len()).max().unwrap_or_default();
        let style = ProgressStyle::with_template("{spinner} {prefix} {msg}")
            .map_or_else(|_| ProgressStyle::default_spinner(), |style| style.tick_strings(&TICKS));
        let lines = plan
            .services
            .iter()
            .map(|service| {
                let bar = bars.add(ProgressBar::new_spinner().with_style(style.clone()));
                bar.set_prefix(format!("{:width$}", service.name));
                bar.set_message("queued");
                bar.enable_steady_tick(FRAME);
                (service.name.clone(), bar)
            })
            .collect();
        Self::Live(Live { lines })
    }

    /// A line per event.
    pub fn plain(plan: &Plan, out: Box<dyn Write>) -> Self {
        let width = plan.services.iter().map(|s| s.name.as_str().len()).max().unwrap_or_default();
        Self::Plain(Plain { out, width, told: BTreeMap::new() })
    }

    /// Takes in an event that happened at `at`.
    pub fn event(&mut self, at: Duration, event: &Event) {
        match self {
            Self::Live(live) => live.event(event),
            // A closed error output must not end the run it tells about.
            Self::Plain(plain) => plain.event(at, event).unwrap_or_default(),
            Self::Quiet => {}
        }
    }
}

/// The frames of a spinner; the last one stays when a service is done.
const TICKS: [&str; 11] = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏", "•"];

/// See [`Progress::Live`].
pub struct Live {
    lines: BTreeMap<ServiceName, ProgressBar>,
}

impl Live {
    fn event(&self, event: &Event) {
        match event {
            Event::Entered { service, phase } => {
                let Some(bar) = self.lines.get(service) else { return };
                let text = format!("{} {}", mark(phase), words(phase));
                if phase.is_final() {
                    bar.finish_with_message(text);
                } else {
                    bar.set_message(words(phase));
                }
            }
            Event::ImageProgress { service, line } => {
                if let Some(bar) = self.lines.get(service) {
                    bar.set_message(format!("image: {}", cut(line)));
                }
            }
            _ => {}
        }
    }
}

/// See [`Progress::Plain`].
pub struct Plain {
    out: Box<dyn Write>,
    width: usize,
    /// When a line of image work was last shown, by service.
    told: BTreeMap<ServiceName, Duration>,
}

impl Plain {
    fn event(&mut self, at: Duration, event: &Event) -> std::io::Result<()> {
        let width = self.width;
        let (service, text) = match event {
            Event::Entered { phase: Phase::Queued | Phase::Creating | Phase::Starting, .. } => return Ok(()),
            Event::Entered { phase: Phase::Waiting { on }, .. } if on.is_empty() => return Ok(()),
            Event::Entered { service, phase } => (service, format!("{} {}", mark(phase), words(phase))),
            Event::ImageProgress { service, line } => {
                // Builds talk much; now and then a line shows that they go on.
                let last = self.told.get(service).copied();
                if last.is_some_and(|last| at < last + SIGN_OF_LIFE) {
                    return Ok(());
                }
                self.told.insert(service.clone(), at);
                (service, format!("  image: {}", cut(line)))
            }
            Event::ImageReady { service, source, .. } => (service, format!("  image {}", origin(source))),
            _ => return Ok(()),
        };
        writeln!(self.out, "{:>7.2} s  {:width$} {text}", at.as_secs_f64(), service.as_str())
    }
}

/// A sign that does not depend on colour.
pub fn mark(phase: &Phase) -> char {
    match phase {
        Phase::Ready { .. } | Phase::Completed { .. } => '✓',
        Phase::Failed(_) => '✗',
        Phase::Skipped { .. } | Phase::Unavailable { .. } => '–',
        _ => '·',
    }
}

fn origin(source: &ImageSource) -> &'static str {
    match source {
        ImageSource::Present => "present",
        ImageSource::Registry => "pulled",
        ImageSource::Built => "built",
        ImageSource::Distribution => "built from the distribution's packages, no registry answers",
    }
}

fn cut(line: &str) -> String {
    if line.chars().count() <= LINE {
        return line.to_owned();
    }
    line.chars().take(LINE - 1).chain(['…']).collect()
}
