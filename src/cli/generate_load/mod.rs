//! `pdex generate-load`.

mod beside;
mod place;

use std::fs::File;
use std::io::{self, BufReader, BufWriter, IsTerminal as _, Write as _};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::args::ProgressMode;
use super::args::load::GenerateLoad as Arguments;
use super::exit::{Exit, Stop};
use super::{Session, signal};
use crate::load::drive::{self, Settings};
use crate::load::line::Http;
use crate::load::schedule::Order;
use crate::load::tally::{Summary, Tally};
use crate::load::{Mode, Shot, scenario, slo, trace};
use crate::report::load as report;
use crate::world::time::Timestamp;
use place::Place;
pub(super) use place::resolved;

/// Requests at once on a connection of HTTP/2, unless told.
const STREAMS: u16 = 4;
/// On all connections together: each has a worker, whose memory this bounds.
const MOST_AT_ONCE: u32 = 32_768;
/// Between lines about a run where there is no terminal.
const SIGN_OF_LIFE: Duration = Duration::from_secs(10);

pub(super) async fn generate_load(session: &Session, arguments: &Arguments) -> anyhow::Result<Exit> {
    let (work, objectives) = work(arguments)?;
    if arguments.dry_run {
        return dry_run(arguments, &work);
    }
    let place = place::find(session, arguments).await?;
    // Before the run: nobody wants to learn after an hour that the page cannot be written.
    let page = arguments.html.as_deref().map(create).transpose()?;
    let before = match &place.beside {
        Some(beside) => beside.counted().await,
        None => None,
    };
    let settings = settings(arguments, &place, &work)?;
    let (target, http, streams) = (settings.door.target.to_string(), settings.http, settings.streams);
    let signals = signal::listen();
    let mut view = View::new(session, work.duration);
    let (summary, stopped) =
        drive::drive(work.shots, settings, signals.nth(1), |now, tally| view.show(now, tally)).await?;
    view.end();
    let testimony = match (&place.beside, before) {
        (Some(beside), Some(before)) if stopped.is_none() => beside.testify(before, &summary).await,
        _ => None,
    };
    let verdicts = slo::judge(&objectives, &summary);
    let run = report::Run {
        target,
        http,
        streams,
        kind: work.kind,
        has_schedule: work.has_schedule,
        seed: work.seed,
        users: work.users,
        summary: &summary,
        verdicts: &verdicts,
        testimony: testimony.as_ref(),
        interrupted: stopped.is_some(),
    };
    let mut out = io::stdout();
    if arguments.json {
        writeln!(out, "{:#}", report::json(&run, now()))?;
    } else {
        writeln!(out, "{}", report::text(&run))?;
    }
    if let Some(mut page) = page {
        page.write_all(report::html(&run).as_bytes())?;
    }
    Ok(verdict(stopped, &verdicts, &summary))
}

fn settings(arguments: &Arguments, place: &Place, work: &Work) -> Result<Settings, Stop> {
    let streams = match (place.http, arguments.streams) {
        (Http::One, Some(_)) => {
            let what = format!("--streams: {} is spoken, which sends one request at a time", place.http);
            return Err(Stop::new(Exit::Usage, what, Some("say --http 2, or more --connections")));
        }
        (Http::One, None) => 1,
        (Http::Two, streams) => streams.unwrap_or(STREAMS),
    };
    let at_once = u32::from(arguments.connections) * u32::from(streams);
    if at_once > MOST_AT_ONCE {
        let what = format!("--streams: {at_once} requests at once are too many; the most is {MOST_AT_ONCE}");
        return Err(Stop::new(Exit::Usage, what, Some("say fewer --connections or --streams")));
    }
    Ok(Settings {
        door: place.door.clone(),
        http: place.http,
        connections: usize::from(arguments.connections),
        streams: usize::from(streams),
        patience: Duration::from_secs(arguments.timeout),
        duration: work.duration,
        has_schedule: work.has_schedule,
    })
}

fn verdict(stopped: Option<Exit>, verdicts: &[slo::Verdict], summary: &Summary) -> Exit {
    match stopped {
        Some(exit) => exit,
        None if verdicts.iter().any(|verdict| !verdict.kept) => Exit::SloBreached,
        None if summary.answered() == 0 => Exit::Failed,
        None => Exit::Ok,
    }
}

/// What is to be sent.
struct Work {
    shots: Box<dyn Iterator<Item = Shot> + Send>,
    /// None where a trace is sent again.
    order: Option<Order>,
    kind: String,
    seed: u64,
    users: u32,
    duration: Duration,
    has_schedule: bool,
}

fn work(arguments: &Arguments) -> Result<(Work, Vec<slo::Objective>), Stop> {
    let given = arguments.slo.clone().map(|bounds| bounds.0);
    if let Some(path) = &arguments.replay {
        let recorded = trace::read(BufReader::new(open(path)?)).map_err(|what| in_file(path, &what))?;
        let work = Work {
            kind: format!("replayed {}", report::mode(recorded.head.mode)),
            seed: recorded.head.seed,
            users: recorded.head.users,
            duration: recorded.duration(),
            order: None,
            has_schedule: true,
            shots: Box::new(recorded.shots.into_iter()),
        };
        return Ok((work, given.unwrap_or_default()));
    }
    let own = match &arguments.scenario {
        Some(path) => {
            let text = io::read_to_string(open(path)?).map_err(|e| in_file(path, &e.to_string()))?;
            scenario::parse(&text).map_err(|what| in_file(path, &what))?
        }
        None => scenario::Scenario::default(),
    };
    let mode = arguments.mode.or(own.mode).unwrap_or(Mode::Realistic);
    let order = Order {
        mode,
        duration: arguments.duration.or(own.duration).unwrap_or(Duration::from_mins(mode.minutes())),
        rate: arguments.rate.or(own.rate).unwrap_or(mode.rate()),
        users: arguments.users,
        seed: arguments.seed.or(own.seed).unwrap_or(1),
        asks: own.asks,
    };
    if order.users.is_some() && order.users() == 0 {
        return Err(Stop::new(
            Exit::Usage,
            "--users: only --mode realistic of the platform's own requests has users",
            Some("say --rate, the requests per second"),
        ));
    }
    let objectives = given.unwrap_or(own.slo);
    if !mode.has_schedule() {
        // A file's own rate is for the mode that it names; another of the command line overrules both.
        let has_rate = arguments.rate.is_some() || (arguments.mode.is_none() && own.rate.is_some());
        without_schedule(has_rate, arguments.dry_run, &objectives)?;
    }
    let work = Work {
        shots: order.shots(),
        kind: report::mode(mode).to_owned(),
        seed: order.seed,
        users: order.users(),
        duration: order.duration,
        has_schedule: mode.has_schedule(),
        order: Some(order),
    };
    Ok((work, objectives))
}

/// What has no meaning where the answers say when requests leave.
fn without_schedule(has_rate: bool, dry_run: bool, objectives: &[slo::Objective]) -> Result<(), Stop> {
    let bound = objectives.iter().find(|objective| objective.needs_schedule());
    let what = if has_rate {
        "rate".to_owned()
    } else if dry_run {
        "--dry-run".to_owned()
    } else if let Some(bound) = bound {
        format!("{bound}, a share of what was to be sent")
    } else {
        return Ok(());
    };
    let what = format!("{what}: in --mode saturate the answers say when requests leave, and how many");
    Err(Stop::new(Exit::Usage, what, Some("--mode constant has a rate and a schedule")))
}

fn open(path: &Path) -> Result<File, Stop> {
    File::open(path).map_err(|e| in_file(path, &e.to_string()))
}

fn create(path: &Path) -> Result<File, Stop> {
    File::create(path).map_err(|e| in_file(path, &e.to_string()))
}

fn in_file(path: &Path, what: &str) -> Stop {
    Stop::new(Exit::Usage, format!("{}: {what}", path.display()), None)
}

fn dry_run(arguments: &Arguments, work: &Work) -> anyhow::Result<Exit> {
    // `--replay` and `--dry-run` exclude each other.
    let Some(order) = &work.order else { return Ok(Exit::Ok) };
    let count = match &arguments.trace_out {
        Some(path) => {
            let mut file = BufWriter::new(create(path)?);
            let count = trace::write(order, &mut file)?;
            file.flush()?;
            count
        }
        None => order.shots().count() as u64,
    };
    let (seconds, users) = (order.duration.as_secs_f64(), order.users());
    writeln!(
        io::stdout(),
        "{}: {count} requests of {users} users within {seconds} s, {:.1}/s on average, seed {}",
        work.kind,
        count as f64 / seconds,
        order.seed
    )?;
    Ok(Exit::Ok)
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    Timestamp(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}

/// What a person sees of a run that goes on.
struct View {
    manner: Manner,
    whole: Duration,
}

enum Manner {
    /// A line that is written over.
    InPlace,
    /// A line now and then; when the last was written.
    Lines(Duration),
    Silent,
}

impl View {
    fn new(session: &Session, whole: Duration) -> Self {
        let manner = match session.global.progress {
            ProgressMode::Tty => Manner::InPlace,
            ProgressMode::Auto if io::stderr().is_terminal() => Manner::InPlace,
            ProgressMode::Auto | ProgressMode::Plain => Manner::Lines(Duration::ZERO),
            ProgressMode::Json | ProgressMode::Quiet => Manner::Silent,
        };
        Self { manner, whole }
    }

    fn show(&mut self, now: Duration, tally: &Tally) {
        let line = || report::live(now, self.whole, tally.moments());
        // The reader of the error output may be gone; the run goes on.
        let _ = match &mut self.manner {
            Manner::InPlace => write!(io::stderr(), "\r\x1b[2K{}", line()),
            Manner::Lines(last) if now.saturating_sub(*last) >= SIGN_OF_LIFE => {
                *last = now;
                writeln!(io::stderr(), "{}", line())
            }
            Manner::Lines(_) | Manner::Silent => Ok(()),
        };
    }

    fn end(&self) {
        if matches!(self.manner, Manner::InPlace) {
            let _ = write!(io::stderr(), "\r\x1b[2K");
        }
    }
}
