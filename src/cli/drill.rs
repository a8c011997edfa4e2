//! `pdex drill`.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write as _};
use std::net::IpAddr;
use std::time::Duration;

use tokio::time::Instant;

use super::args::ProgressMode;
use super::args::drill::Drill as Arguments;
use super::context::on_engine;
use super::exit::{Exit, Stop};
use super::signal::{self, Signals};
use super::{Session, ask, context, generate_load, left_over, lock};
use crate::checks;
use crate::definition::model::{Definition, ServiceName};
use crate::drill::journal::Journal;
use crate::drill::phase::{Course, Milestone, Verdict};
use crate::drill::play::{self, Place, Reach, Stage};
use crate::drill::recipe::{self, RECIPES, Recipe};
use crate::drill::sight::State as Alert;
use crate::load::target::{Scheme, Target};
use crate::report::drill as report;
use crate::runtime::operate::Operate;
use crate::world::time::Timestamp;
use crate::world::{Health, State, World};

/// For so long an alert outlives what it tells of: a scrape and an evaluation of the rules, 15 s each in the platform's configuration.
const OUTLIVES: Duration = Duration::from_secs(32);
const ASK_AGAIN: Duration = Duration::from_millis(500);

type Courses = Vec<(&'static Recipe, Course)>;

pub(super) async fn drill(session: &Session, arguments: &Arguments) -> anyhow::Result<Exit> {
    context::on_one_engine(session, "a drill")?;
    let recipes = recipes(&arguments.alert)?;
    if arguments.dry_run {
        write!(io::stdout(), "{}", report::intent(&recipes))?;
        return Ok(Exit::Ok);
    }
    if !arguments.yes && !ask::can_choose() {
        let what = "a drill disturbs the running stack, and there is no terminal to ask at";
        return Err(Stop::new(Exit::Usage, what, Some("say --yes, or look at --dry-run first")).into());
    }
    let definition = context::definition(&session.global, &session.environment)?;
    let journal = left_over::journal(session, &definition.project).ok_or_else(|| {
        let what =
            "there is no place to write down what is to be put back: neither XDG_STATE_HOME nor HOME is set";
        Stop::new(Exit::Failed, what, Some("set one of them"))
    })?;
    let engine = context::connect(&session.global, &session.environment).await?;
    let _lock = lock::take(&definition.project, "drill")?;
    on_engine!(&engine, runtime => {
        left_over::put_back(session, runtime, &definition.project).await?;
        Box::pin(on_stack(session, arguments, runtime, &definition, &recipes, journal)).await
    })
}

fn recipes(alert: &str) -> Result<Vec<&'static Recipe>, Stop> {
    if alert == "all" {
        return Ok(RECIPES.iter().collect());
    }
    let known: Vec<&str> = RECIPES.iter().map(|recipe| recipe.alert).chain(["all"]).collect();
    let found = recipe::named(alert).ok_or_else(|| context::no_such("alert", alert, &known))?;
    Ok(vec![found])
}

async fn on_stack<R: Operate>(
    session: &Session,
    arguments: &Arguments,
    runtime: &R,
    definition: &Definition,
    recipes: &[&'static Recipe],
    journal: Journal,
) -> anyhow::Result<Exit> {
    let world = context::observe(runtime, definition).await?;
    healthy(definition, &world, recipes)?;
    let inside = checks::inside(runtime, definition, &world).await;
    let http = checks::client(&inside)?;
    let prometheus = prometheus(definition, &inside)?;
    for recipe in recipes {
        calm(&http, &prometheus, recipe).await?;
    }
    let (reach, key) = reach(session, arguments, definition, &inside).await?;
    if !arguments.yes && !ask::consents(report::intent(recipes).trim_end(), "disturb the running stack?")? {
        return Err(Stop::new(Exit::Declined, "nothing was touched", None).into());
    }
    let (http, timeout) = (&http, arguments.timeout);
    let stage = Stage { runtime, definition, http, prometheus, reach, key, journal, timeout };
    let signals = signal::listen();
    let (courses, signalled) = tokio::select! {
        biased;
        exit = signals.nth(2) => {
            let file = stage.journal.file().display();
            writeln!(
                io::stderr(),
                "ended at once; what is not put back is in {file}: the next `pdex drill`, `up` or `doctor --fix` does it"
            )?;
            return Ok(exit);
        }
        played = all(session, &stage, recipes, &signals) => played,
    };
    tell(&courses, arguments, runtime.now())?;
    let passed = courses.iter().all(|(_, course)| course.verdict == Some(Verdict::Passed));
    Ok(signalled.unwrap_or(if passed { Exit::Ok } else { Exit::Failed }))
}

/// One after the other, until all are through, something cannot be put back, or the person wants to stop.
async fn all<R: Operate>(
    session: &Session,
    stage: &Stage<'_, R>,
    recipes: &[&'static Recipe],
    signals: &Signals,
) -> (Courses, Option<Exit>) {
    let mut courses = Courses::new();
    for &recipe in recipes {
        let stop = async {
            signals.nth(1).await;
        };
        let course = play::play(stage, recipe, stop, &mut |after, milestone| {
            show(session, recipe, after, milestone, stage.runtime.now());
        })
        .await;
        let interrupted = course.verdict == Some(Verdict::Interrupted);
        let is_over = interrupted || course.left.is_some();
        courses.push((recipe, course));
        if interrupted {
            return (courses, Some(signals.nth(1).await));
        }
        if is_over {
            break;
        }
    }
    (courses, None)
}

fn show(session: &Session, recipe: &Recipe, after: Duration, milestone: &Milestone, now: Timestamp) {
    // Whoever closed the error output does not want to know, and what was touched is put back all the same.
    let _ = match session.global.progress {
        ProgressMode::Quiet => Ok(()),
        ProgressMode::Json => writeln!(io::stderr(), "{}", report::line_json(recipe, after, milestone, now)),
        ProgressMode::Auto | ProgressMode::Tty | ProgressMode::Plain => {
            writeln!(io::stderr(), "{}", report::line(recipe, after, milestone))
        }
    };
}

fn tell(courses: &[(&Recipe, Course)], arguments: &Arguments, now: Timestamp) -> io::Result<()> {
    if arguments.json {
        writeln!(io::stdout(), "{:#}", report::json(courses, now))?;
    } else {
        write!(io::stdout(), "{}", report::text(courses))?;
    }
    write!(io::stderr(), "{}", report::problems(courses))
}

/// That what is touched, what is asked and who watches all run.
fn healthy(definition: &Definition, world: &World, recipes: &[&'static Recipe]) -> Result<(), Stop> {
    let touched = recipes.iter().flat_map(|recipe| recipe.touch.services()).copied();
    let needed: BTreeSet<&str> = touched.chain(["api", "prometheus"]).collect();
    for name in needed {
        let service = ServiceName::new(name);
        if !definition.services.contains_key(&service) {
            let what = format!("the definition has no service {name}");
            return Err(Stop::new(Exit::Failed, what, Some("a drill is for the PredictionDex platform")));
        }
        let mut own = world.of(&service).peekable();
        if own.peek().is_none() {
            let what = format!("service {name} has no container");
            return Err(Stop::new(Exit::Failed, what, Some("pdex up")));
        }
        if let Some((container, what)) = own.find_map(|c| Some((&c.name, ails(&c.state)?))) {
            let what = format!("container {container} {what}");
            return Err(Stop::new(
                Exit::Unhealthy,
                what,
                Some("a drill wants a stack that is well: pdex doctor"),
            ));
        }
    }
    Ok(())
}

fn ails(state: &State) -> Option<&'static str> {
    match state {
        // Whether one that was started just now is well, its engine says too late: the drill asks the API itself.
        State::Running { health: None | Some(Health::Healthy | Health::Starting) } => None,
        State::Running { health: Some(Health::Unhealthy) } => Some("is unhealthy"),
        State::Paused => Some("is paused"),
        State::Created | State::Restarting | State::Removing | State::Exited(_) | State::Dead => {
            Some("does not run")
        }
    }
}

fn prometheus(definition: &Definition, inside: &BTreeMap<ServiceName, IpAddr>) -> Result<String, Stop> {
    let own =
        || inside.contains_key(&ServiceName::new("prometheus")).then(|| "http://prometheus:9090".to_owned());
    checks::address(definition, "prometheus", 9090).or_else(own).ok_or_else(|| {
        let what = "prometheus publishes no port and has no address that is reached from here";
        Stop::new(Exit::Failed, what, Some("run the drill on the engine's machine"))
    })
}

/// That the alert is there and does not fire. Everything runs and is healthy, so one of before the start has until the next scrape and
/// the next evaluation of the rules.
async fn calm(http: &reqwest::Client, prometheus: &str, recipe: &Recipe) -> Result<(), Stop> {
    let begin = Instant::now();
    let seen = loop {
        let seen = play::alert(http, prometheus, recipe.alert).await;
        let seen = seen.map_err(|what| Stop::new(Exit::Unhealthy, what, Some("pdex logs prometheus")))?;
        if seen.state < Alert::Firing {
            return Ok(());
        }
        if begin.elapsed() > OUTLIVES {
            break seen;
        }
        tokio::time::sleep(ASK_AGAIN).await;
    };
    let said = seen.said.map(|said| format!(": {said}")).unwrap_or_default();
    let what = format!("{} fires already{said}", recipe.alert);
    Err(Stop::new(Exit::Failed, what, Some("a drill begins when nothing is wrong: pdex doctor")))
}

/// Where the API is reached, and its key.
async fn reach(
    session: &Session,
    arguments: &Arguments,
    definition: &Definition,
    inside: &BTreeMap<ServiceName, IpAddr>,
) -> Result<(Reach, Option<String>), Stop> {
    let api = ServiceName::new("api");
    let target = match &arguments.target {
        Some(target) if target.scheme == Scheme::Https => {
            let what = format!("--target: {target}: a drill asks in the clear");
            let hint = "leave it out: without a published port the API's container is asked";
            return Err(Stop::new(Exit::Usage, what, Some(hint)));
        }
        Some(target) => Some(target.clone()),
        None => checks::address(definition, "api", 8000)
            .map(|address| Target::parse(&address))
            .transpose()
            .map_err(|e| Stop::new(Exit::Failed, e, None))?,
    };
    let reach = match target {
        Some(target) => {
            let addresses = generate_load::resolved(&target, arguments.i_own_this_target).await?;
            Reach::At(Place { target, addresses })
        }
        // A container of this stack, at an address that the engine tells: nobody else's server.
        None if inside.contains_key(&api) => Reach::Inside,
        None => {
            let what = "the API publishes no port and has no address that is reached from here";
            return Err(Stop::new(Exit::Failed, what, Some("name its address with --target URL")));
        }
    };
    let key = match (&arguments.target, definition.services.get(&api)) {
        (None, Some(service)) => Some(
            checks::setting(definition, service, "API_KEY").map_err(|e| Stop::new(Exit::Failed, e, None))?,
        ),
        _ => session.environment.get("API_KEY").cloned(),
    };
    Ok((reach, key.filter(|key| !key.is_empty())))
}
