//! `pdex generate-load`.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, IsTerminal as _, Write as _};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;

use super::args::ProgressMode;
use super::args::load::GenerateLoad as Arguments;
use super::exit::{Exit, Stop};
use super::{Session, context, signal};
use crate::checks;
use crate::load::drive::{self, Settings};
use crate::load::schedule::Order;
use crate::load::tally::{Summary, Tally};
use crate::load::target::{Target, is_loopback};
use crate::load::witness::{self, Testimony};
use crate::load::{Mode, Shot, scenario, slo, trace};
use crate::report::load as report;
use crate::world::time::Timestamp;

/// For one question beside the load.
const PATIENCE: Duration = Duration::from_secs(5);
/// Within which Prometheus has to have seen the end: a scrape's interval and a little.
const SCRAPE: Duration = Duration::from_secs(18);
/// Between lines about a run where there is no terminal.
const SIGN_OF_LIFE: Duration = Duration::from_secs(10);

pub(super) async fn generate_load(session: &Session, arguments: &Arguments) -> anyhow::Result<Exit> {
    let (work, objectives) = work(arguments)?;
    if arguments.dry_run {
        return dry_run(arguments, &work);
    }
    let place = place(session, arguments).await?;
    // Before the run: nobody wants to learn after an hour that the page cannot be written.
    let page = arguments.html.as_deref().map(create).transpose()?;
    let http = reqwest::Client::builder().no_proxy().build()?;
    ready(&http, &place).await?;
    let before = counted(&http, &place).await;
    let signals = signal::listen();
    let settings = Settings {
        target: place.target.clone(),
        addresses: place.addresses.clone(),
        connections: usize::from(arguments.connections),
        patience: Duration::from_secs(arguments.timeout),
        key: place.key.clone(),
        duration: work.duration,
    };
    let mut view = View::new(session, work.duration);
    let (summary, stopped) =
        drive::drive(work.shots, settings, signals.nth(1), |now, tally| view.show(now, tally)).await;
    view.end();
    let testimony = match before {
        Some(before) if stopped.is_none() => testify(&http, &place, before, &summary).await,
        _ => None,
    };
    let verdicts = slo::judge(&objectives, &summary);
    let run = report::Run {
        target: place.target.to_string(),
        kind: work.kind,
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
    let work = Work {
        shots: order.shots(),
        kind: report::mode(mode).to_owned(),
        seed: order.seed,
        users: order.users(),
        duration: order.duration,
        order: Some(order),
    };
    Ok((work, given.unwrap_or(own.slo)))
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

/// Where to send, and whom to ask about it.
struct Place {
    target: Target,
    addresses: Vec<std::net::SocketAddr>,
    key: Option<String>,
    /// Only where the target is the stack's.
    prometheus: Option<String>,
    is_stack: bool,
}

async fn place(session: &Session, arguments: &Arguments) -> anyhow::Result<Place> {
    let (target, key, prometheus) = if let Some(target) = &arguments.target {
        (target.clone(), session.environment.get("API_KEY").cloned(), None)
    } else {
        let definition = context::definition(&session.global, &session.environment)?;
        let api = checks::address(&definition, "api", 8000).ok_or_else(|| {
            Stop::new(
                Exit::Failed,
                "the definition has no service api that publishes its port 8000",
                Some("name a server with --target URL"),
            )
        })?;
        let service = definition.services.values().find(|s| s.name.as_str() == "api");
        let key = service.map(|service| checks::setting(&definition, service, "API_KEY")).transpose();
        let key = key.map_err(|e| Stop::new(Exit::Failed, e, None))?;
        let target = Target::parse(&api).map_err(anyhow::Error::msg)?;
        (target, key, checks::address(&definition, "prometheus", 9090))
    };
    let found = tokio::net::lookup_host((target.host.as_str(), target.port)).await;
    let addresses: Vec<_> = found
        .map_err(|e| Stop::new(Exit::Failed, format!("{target}: {e}"), Some("look at the host's name")))?
        .collect();
    if !is_loopback(&addresses) && !arguments.i_own_this_target {
        return Err(Stop::new(
            Exit::Usage,
            format!("{target} is not on this machine; load on another's server is an attack"),
            Some("if it is yours, say so: --i-own-this-target"),
        )
        .into());
    }
    let key = key.filter(|key| !key.is_empty());
    Ok(Place { target, addresses, key, prometheus, is_stack: arguments.target.is_none() })
}

/// That somebody listens, and that the API has its model.
async fn ready(http: &reqwest::Client, place: &Place) -> Result<(), Stop> {
    let answer = http.get(format!("{}/health", place.target)).timeout(PATIENCE).send().await;
    let hint = if place.is_stack { "pdex up api" } else { "start it, or name another with --target" };
    match answer {
        Err(error) => {
            let what = format!("{} does not answer: {}", place.target, checks::root(&error));
            Err(Stop::new(Exit::Failed, what, Some(hint)))
        }
        Ok(answer) if answer.status() == reqwest::StatusCode::SERVICE_UNAVAILABLE => {
            let said: Value = answer.json().await.unwrap_or_default();
            let detail = said["detail"].as_str().unwrap_or("its /health says 503");
            let what = format!("{} is not ready: {detail}", place.target);
            Err(Stop::new(Exit::Unhealthy, what, Some("pdex validate")))
        }
        Ok(_) => Ok(()),
    }
}

/// The counts of the API and of Prometheus.
struct Counted {
    api: u64,
    prometheus: Option<u64>,
}

async fn counted(http: &reqwest::Client, place: &Place) -> Option<Counted> {
    if !place.is_stack {
        return None;
    }
    let api = ask_api(http, place).await?;
    // What is not there yet is 0 once it is: the series begins with the first scrape.
    let prometheus = ask_prometheus(http, place).await;
    Some(Counted { api, prometheus })
}

async fn ask_api(http: &reqwest::Client, place: &Place) -> Option<u64> {
    let answer = http.get(format!("{}/metrics", place.target)).timeout(PATIENCE).send().await.ok()?;
    witness::requests(&answer.text().await.ok()?)
}

async fn ask_prometheus(http: &reqwest::Client, place: &Place) -> Option<u64> {
    let url = format!("{}/api/v1/query", place.prometheus.as_ref()?);
    let body = format!("query={}", percent_encoded(witness::QUERY));
    let request = http.post(url).timeout(PATIENCE);
    let request = request.header("content-type", "application/x-www-form-urlencoded").body(body);
    let answer: Value = request.send().await.ok()?.json().await.ok()?;
    witness::whole(answer["data"]["result"][0]["value"][1].as_str()?.parse().ok()?)
}

fn percent_encoded(text: &str) -> String {
    text.bytes()
        .map(
            |byte| {
                if byte.is_ascii_alphanumeric() {
                    char::from(byte).to_string()
                } else {
                    format!("%{byte:02X}")
                }
            },
        )
        .collect()
}

/// Waits until Prometheus has seen the API's count, or a scrape's time has passed. What it counted is told from the API's count
/// before: its own may be a scrape old.
async fn testify(
    http: &reqwest::Client,
    place: &Place,
    before: Counted,
    summary: &Summary,
) -> Option<Testimony> {
    let after = ask_api(http, place).await?;
    let mut seen = None;
    if before.prometheus.is_some() {
        let asked = tokio::time::timeout(SCRAPE, async {
            loop {
                seen = ask_prometheus(http, place).await;
                if seen.is_some_and(|seen| seen >= after) {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
        });
        // What it said last counts, too.
        let _ = asked.await;
    }
    Some(Testimony {
        answered: summary.replied(),
        unanswered: summary.ended() - summary.replied(),
        api: after.checked_sub(before.api),
        prometheus: seen.map(|seen| seen.saturating_sub(before.api)),
    })
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
