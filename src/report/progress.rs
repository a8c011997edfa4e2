//! Progress while an `up` runs: one line per service that changes in place on a terminal, one line per event elsewhere.

use std::collections::BTreeMap;
use std::io::{LineWriter, Write};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{events, words};
use crate::definition::model::ServiceName;
use crate::event::{Event, ImageSource, Phase, Progress as JobProgress};
use crate::plan::Plan;
use crate::world::Instance;

/// Between two frames of a spinner.
const FRAME: Duration = Duration::from_millis(120);
/// Between two lines about one image's making or one job's progress, where lines stay.
const SIGN_OF_LIFE: Duration = Duration::from_secs(10);
/// Progress lines of builds are cut to this.
const LINE: usize = 70;
/// Characters of a job's bar.
const GAUGE: u64 = 20;

/// Shows events as they come.
pub enum Progress {
    /// In place, on a terminal.
    Live(Live),
    /// A line each, to any writer.
    Plain(Plain),
    /// A JSON document each, to any writer.
    Json(Box<dyn Write>),
    Quiet,
}

impl Progress {
    /// Spinners for the plan's services on the error output.
    pub fn live(plan: &Plan) -> Self {
        let bars = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
        let labels = labels(plan);
        let width = width(&labels);
        let style = ProgressStyle::with_template("{spinner} {prefix} {msg}")
            .map_or_else(|_| ProgressStyle::default_spinner(), |style| style.tick_strings(&TICKS));
        let lines = labels
            .into_iter()
            .map(|(instance, label)| {
                let bar = bars.add(ProgressBar::new_spinner().with_style(style.clone()));
                bar.set_prefix(format!("{label:width$}"));
                bar.set_message("queued");
                bar.enable_steady_tick(FRAME);
                (instance, bar)
            })
            .collect();
        Self::Live(Live { bars, lines })
    }

    /// A line per event.
    pub fn plain(plan: &Plan, out: Box<dyn Write>) -> Self {
        let labels: BTreeMap<Instance, String> = labels(plan).into_iter().collect();
        let width = labels.values().map(|label| label.chars().count()).max().unwrap_or_default();
        Self::Plain(Plain { out: lines(out), labels, width, told: BTreeMap::new() })
    }

    /// A JSON document per event.
    pub fn json(out: Box<dyn Write>) -> Self {
        Self::Json(lines(out))
    }

    /// Takes in an event that happened at `at`.
    pub fn event(&mut self, at: Duration, event: &Event) {
        match self {
            Self::Live(live) => live.event(event),
            // A closed error output must not end the run it tells about.
            Self::Plain(plain) => plain.event(at, event).unwrap_or_default(),
            Self::Json(out) => {
                if let Some(line) = events::line(at, event) {
                    writeln!(out, "{line}").unwrap_or_default();
                }
            }
            Self::Quiet => {}
        }
    }
}

/// The frames of a spinner; the last one stays when a service is done.
const TICKS: [&str; 11] = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏", "•"];

/// See [`Progress::Live`].
pub struct Live {
    bars: MultiProgress,
    lines: BTreeMap<Instance, ProgressBar>,
}

impl Live {
    fn event(&self, event: &Event) {
        match event {
            Event::Entered { instance, phase } => {
                let Some(bar) = self.lines.get(instance) else { return };
                let text = format!("{} {}", mark(phase), words(phase));
                if phase.is_final() {
                    bar.finish_with_message(text);
                } else {
                    bar.set_message(words(phase));
                }
            }
            Event::ImageProgress { service, line } => {
                if let Some(bar) = self.line_of(service) {
                    bar.set_message(format!("image: {}", cut(line)));
                }
            }
            Event::Progressed { instance, progress } => {
                // What it said last may be heard after its end.
                if let Some(bar) = self.lines.get(instance).filter(|bar| !bar.is_finished()) {
                    bar.set_message(format!("{} {}", gauge(progress), far(progress)));
                }
            }
            Event::Warned { instance, message } => {
                // A terminal that is gone must not end the run it is told about.
                self.bars.println(format!("warning: {instance}: {message}")).unwrap_or_default();
            }
            _ => {}
        }
    }

    /// What is done for a service as a whole is shown with its first container.
    fn line_of(&self, service: &ServiceName) -> Option<&ProgressBar> {
        let first = Instance { service: service.clone(), number: 0 };
        self.lines
            .range(first..)
            .next()
            .filter(|(instance, _)| instance.service == *service)
            .map(|(_, bar)| bar)
    }
}

/// Every container of the plan with what it is called here: the service's name, with a number where there are several.
fn labels(plan: &Plan) -> Vec<(Instance, String)> {
    let several = |service: &ServiceName| plan.service(service).is_some_and(|s| s.instances.len() > 1);
    let label = |instance: &Instance| {
        if several(&instance.service) {
            format!("{}-{}", instance.service, instance.number)
        } else {
            instance.service.to_string()
        }
    };
    plan.instances().map(|(instance, _)| (instance.clone(), label(&instance))).collect()
}

fn width(labels: &[(Instance, String)]) -> usize {
    labels.iter().map(|(_, label)| label.chars().count()).max().unwrap_or_default()
}

/// See [`Progress::Plain`].
pub struct Plain {
    out: Box<dyn Write>,
    labels: BTreeMap<Instance, String>,
    width: usize,
    /// When a line of image work or of a job's progress was last shown, by service.
    told: BTreeMap<ServiceName, Duration>,
}

impl Plain {
    fn event(&mut self, at: Duration, event: &Event) -> std::io::Result<()> {
        let (label, text) = match event {
            Event::Entered { phase: Phase::Queued | Phase::Creating | Phase::Starting, .. } => return Ok(()),
            Event::Entered { phase: Phase::Waiting { on }, .. } if on.is_empty() => return Ok(()),
            Event::Entered { instance, phase } => {
                (self.label(instance), format!("{} {}", mark(phase), words(phase)))
            }
            Event::Warned { instance, message } => (self.label(instance), format!("! {message}")),
            Event::Progressed { instance, progress } => {
                if !self.is_due(&instance.service, at) {
                    return Ok(());
                }
                (self.label(instance), format!("  {}", far(progress)))
            }
            Event::ImageProgress { service, line } => {
                if !self.is_due(service, at) {
                    return Ok(());
                }
                (service.to_string(), format!("  image: {}", cut(line)))
            }
            Event::ImageReady { service, source, .. } => {
                (service.to_string(), format!("  image {}", origin(source)))
            }
            _ => return Ok(()),
        };
        let width = self.width;
        writeln!(self.out, "{:>7.2} s  {label:width$} {text}", at.as_secs_f64())
    }

    /// Builds and jobs talk much; now and then a line shows that they go on.
    fn is_due(&mut self, service: &ServiceName, at: Duration) -> bool {
        let due = self.told.get(service).is_none_or(|last| at >= *last + SIGN_OF_LIFE);
        if due {
            self.told.insert(service.clone(), at);
        }
        due
    }

    fn label(&self, instance: &Instance) -> String {
        self.labels.get(instance).cloned().unwrap_or_else(|| instance.to_string())
    }
}

/// The error output takes each piece of a line as it comes; here a line is written at once.
fn lines(out: Box<dyn Write>) -> Box<dyn Write> {
    Box::new(LineWriter::new(out))
}

/// A sign that does not depend on colour.
pub fn mark(phase: &Phase) -> char {
    match phase {
        Phase::Started { .. } | Phase::Ready { .. } | Phase::Completed { .. } => '✓',
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

/// A job's progress as a bar.
fn gauge(progress: &JobProgress) -> String {
    let filled = usize::try_from(progress.done.saturating_mul(GAUGE) / progress.total).unwrap_or_default();
    let width = usize::try_from(GAUGE).unwrap_or_default();
    format!("[{}{}]", "#".repeat(filled), "-".repeat(width - filled))
}

/// A job's progress in numbers.
fn far(progress: &JobProgress) -> String {
    format!("{} {}/{}", cut(&progress.what), progress.done, progress.total)
}

fn cut(line: &str) -> String {
    if line.chars().count() <= LINE {
        return line.to_owned();
    }
    line.chars().take(LINE - 1).chain(['…']).collect()
}
