//! What most commands begin with: find the definition, load it, connect to the engine.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::Session;
use super::args::{self, Global};
use super::exit::{Exit, Stop};
use crate::backup::marks::Mark;
use crate::carried;
use crate::checks;
use crate::definition::model::{Definition, Service, ServiceName};
use crate::definition::render::config_hash;
use crate::definition::{Loaded, Request, load, profiles};
use crate::engine::select::Absent;
use crate::finding::Finding;
use crate::plan::{self, Goal, Plan};
use crate::report::failures;
use crate::runtime::docker::Docker;
use crate::runtime::docker::swarm::{self, Swarm};
use crate::runtime::operate::Operate;
use crate::runtime::sim::Simulated;
use crate::runtime::{Runtime, RuntimeError};
use crate::world::World;
use crate::world::live::Listed;

/// Where the platform's definition lies in its repository.
const STACK: &str = "stack/predictiondex.yaml";

/// The files of `-f`, or the platform's own definition with an overlay of it for each profile that is asked for and has one.
pub(crate) fn files(global: &Global, environment: &BTreeMap<String, String>) -> Result<Vec<PathBuf>, Stop> {
    if !global.files.is_empty() {
        return Ok(global.files.clone());
    }
    let own = own_definition(environment)?;
    let directory = global.project_directory.as_deref().or_else(|| own.parent()?.parent());
    let asked = profiles(&request(global, environment, Vec::new(), &[]), directory.unwrap_or(Path::new(".")));
    // An engine that is no single machine has an overlay of its own, before what profiles say.
    let engine = (global.engine == args::Engine::Swarm).then(|| "swarm".to_owned());
    let asked: Vec<String> = engine.into_iter().chain(asked).collect();
    let beside = asked.iter().filter(|name| name.as_str() != "predictiondex" && !name.contains('/'));
    let overlays =
        beside.map(|name| own.with_file_name(format!("{name}.yaml"))).filter(|path| path.is_file());
    let overlays: Vec<PathBuf> = overlays.collect();
    Ok(std::iter::once(own).chain(overlays).collect())
}

/// The platform's own definition: in the working directory or one above it, else the one that a released
/// program carries, settled in the user's data folder.
fn own_definition(environment: &BTreeMap<String, String>) -> Result<PathBuf, Stop> {
    let here = std::env::current_dir().unwrap_or_default();
    let found = here.ancestors().map(|folder| folder.join(STACK)).find(|path| path.is_file());
    if let Some(path) = found {
        return Ok(path);
    }
    let Some(stack) = carried::carried() else {
        return Err(Stop::new(
            Exit::InvalidDefinition,
            format!("there is no {STACK} in this folder or one above it"),
            Some("go to the repository, or name a definition with -f FILE"),
        ));
    };
    let folder = own_folder(environment).ok_or_else(|| {
        Stop::new(
            Exit::InvalidDefinition,
            "there is no place for the stack that pdex carries: neither XDG_DATA_HOME nor HOME is set",
            Some("`pdex init DIR` writes it where you want it"),
        )
    })?;
    let settled = carried::settle(&stack, &folder).map_err(|e| Stop::new(Exit::Failed, e, None))?;
    if settled {
        let _ = writeln!(
            std::io::stderr(),
            "the stack is in {} (`pdex init` writes one to edit)",
            folder.display()
        );
    }
    Ok(folder.join(STACK))
}

/// Where the carried stack lives with its `.env` and models: one place whatever the version, so that an upgrade keeps both. The XDG
/// Base Directory Specification takes absolute paths only.
fn own_folder(environment: &BTreeMap<String, String>) -> Option<PathBuf> {
    let absolute = |name: &str| environment.get(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let data = absolute("XDG_DATA_HOME").or_else(|| Some(absolute("HOME")?.join(".local/share")))?;
    Some(data.join("pdex/predictiondex"))
}

/// Loads the definition; warnings go to the error output, errors end the command.
pub(crate) fn definition(
    global: &Global,
    environment: &BTreeMap<String, String>,
) -> Result<Definition, Stop> {
    definition_naming(global, environment, &[])
}

/// The same where the user names services: naming one enables its profiles, as with Compose.
pub(crate) fn definition_naming(
    global: &Global,
    environment: &BTreeMap<String, String>,
    services: &[String],
) -> Result<Definition, Stop> {
    loaded(global, environment, files(global, environment)?, services).map(|loaded| loaded.definition)
}

/// The same with all that the loader knows of where things stand, from these files.
pub(crate) fn loaded(
    global: &Global,
    environment: &BTreeMap<String, String>,
    files: Vec<PathBuf>,
    services: &[String],
) -> Result<Loaded, Stop> {
    let mut loaded = loaded_quietly(global, environment, files, services)?;
    let warnings = std::mem::take(&mut loaded.warnings);
    let _ = write!(std::io::stderr(), "{}", failures::findings(&warnings));
    Ok(loaded)
}

/// The same where the warnings are for the caller to tell.
pub(crate) fn loaded_quietly(
    global: &Global,
    environment: &BTreeMap<String, String>,
    files: Vec<PathBuf>,
    services: &[String],
) -> Result<Loaded, Stop> {
    match load(&request(global, environment, files, services)) {
        Ok(mut loaded) => {
            if global.engine == args::Engine::Swarm {
                loaded.definition = loaded.definition.gathered();
            }
            loaded.warnings.extend(unknown_profiles(global, &loaded.definition));
            Ok(Loaded { warnings: relative(loaded.warnings), ..loaded })
        }
        Err(findings) => {
            Err(Stop { exit: Exit::InvalidDefinition, text: failures::findings(&relative(findings)) })
        }
    }
}

/// What the options of every command say of a definition in these files.
pub(crate) fn request(
    global: &Global,
    environment: &BTreeMap<String, String>,
    files: Vec<PathBuf>,
    services: &[String],
) -> Request {
    Request {
        files,
        project_directory: global.project_directory.clone(),
        project_name: global.project_name.clone(),
        env_files: global.env_files.clone(),
        environment: environment.clone(),
        profiles: global.profiles.clone(),
        services: services.to_vec(),
    }
}

/// A profile that changes nothing: whoever mistypes `production` must not think himself behind it.
fn unknown_profiles(global: &Global, definition: &Definition) -> Vec<Finding> {
    let services = definition.services.values().flat_map(|service| &service.profiles);
    let known: BTreeSet<&str> = services
        .chain(definition.disabled.values().flatten())
        .map(String::as_str)
        .chain(definition.files.iter().filter_map(|file| file.file_stem()?.to_str()))
        .collect();
    let unknown = global.profiles.iter().filter(|name| *name != "*" && !known.contains(name.as_str()));
    unknown
        .map(|name| {
            let message = format!("no service is in profile {name}, and no overlay has that name");
            let finding = Finding::warning("definition/unknown-profile", message);
            finding.hint("look at its spelling: the stack is as it would be without it")
        })
        .collect()
}

/// Places are shown relative to where the user is, when they lie below.
fn relative(mut findings: Vec<Finding>) -> Vec<Finding> {
    findings.iter_mut().for_each(near);
    findings
}

/// See [`relative`].
pub(crate) fn near(finding: &mut Finding) {
    let here = std::env::current_dir().unwrap_or_default();
    if let Some(place) = &mut finding.place
        && let Ok(below) = place.file.strip_prefix(&here)
    {
        place.file = below.to_owned();
    }
}

/// The engine that a command works on.
#[derive(Debug)]
pub(crate) enum Engine {
    Docker(Box<Docker>),
    Swarm(Box<Swarm>),
    Simulated(Box<Simulated>),
}

/// Runs the same code on whichever engine it is.
macro_rules! on_engine {
    ($engine:expr, $runtime:ident => $body:expr) => {
        match $engine {
            crate::cli::context::Engine::Docker($runtime) => {
                let $runtime = &**$runtime;
                $body
            }
            crate::cli::context::Engine::Swarm($runtime) => {
                let $runtime = &**$runtime;
                $body
            }
            crate::cli::context::Engine::Simulated($runtime) => {
                let $runtime = &**$runtime;
                $body
            }
        }
    };
}
pub(crate) use on_engine;

/// Connects to the engine.
pub(crate) async fn connect(global: &Global, environment: &BTreeMap<String, String>) -> Result<Engine, Stop> {
    if let Some(simulated) = global.runtime.strip_prefix("sim") {
        return Ok(Engine::Simulated(Box::new(Simulated::named(simulated))));
    }
    let host = global.docker_host.as_deref().or_else(|| environment.get("DOCKER_HOST").map(String::as_str));
    let host = host.filter(|host| !host.is_empty());
    // The name that Compose and the Python client have for it.
    let patience = environment.get("COMPOSE_HTTP_TIMEOUT").and_then(|text| text.parse().ok());
    let docker = match patience.filter(|seconds| *seconds > 0) {
        Some(seconds) => Docker::connect_within(host, Duration::from_secs(seconds)).await,
        None => Docker::connect(host).await,
    };
    let docker = docker.map_err(|e| engine_error(&e))?;
    if global.engine == args::Engine::Docker {
        return Ok(Engine::Docker(Box::new(docker)));
    }
    let swarm = Swarm::through(docker).await.map_err(|e| engine_error(&e))?;
    Ok(Engine::Swarm(Box::new(swarm)))
}

/// What services are compared by with what was made of them: on Swarm also how they are spread.
pub(crate) fn fingerprint(global: &Global, definition: &Definition) -> Box<dyn Fn(&Service) -> String> {
    match global.engine {
        args::Engine::Docker => Box::new(config_hash),
        args::Engine::Swarm => Box::new(swarm::fingerprint(definition)),
    }
}

/// What leads to a goal.
pub(crate) fn plan(session: &Session, definition: &Definition, world: &World, goal: &Goal) -> Plan {
    plan::make(definition, world, goal, &*fingerprint(&session.global, definition))
}

/// Refuses what needs the containers themselves, where Swarm has them on whatever machine.
pub(crate) fn on_one_engine(session: &Session, what: &str) -> Result<(), Stop> {
    if session.global.engine == args::Engine::Docker {
        return Ok(());
    }
    let hint = "on a swarm there are plan, up, run, ps, logs, exec, stop, start, restart, down, validate, backup and images";
    Err(Stop::new(Exit::Failed, format!("{what} is for one engine, without --engine swarm"), Some(hint)))
}

/// A snapshot of the project.
pub(crate) async fn observe<R: Runtime>(runtime: &R, definition: &Definition) -> Result<World, Stop> {
    runtime.observe(definition).await.map_err(|e| engine_error(&e))
}

/// The addresses of running services that publish nothing, see [`checks::inside`].
pub(crate) async fn inside(
    session: &Session,
    definition: &Definition,
) -> Result<BTreeMap<ServiceName, IpAddr>, Stop> {
    let engine = connect(&session.global, &session.environment).await?;
    on_engine!(&engine, runtime => {
        let world = observe(runtime, definition).await?;
        Ok(checks::inside(runtime, definition, &world).await)
    })
}

/// Nothing starts on data of which part is old and part is new.
pub(crate) fn not_half_restored(definition: &Definition, world: &World) -> Result<(), Stop> {
    if !Mark::Restoring.is_set(&definition.project, world) {
        return Ok(());
    }
    let what = "a restore was begun and has not ended: part of the data is old and part is new";
    Err(Stop::new(Exit::Failed, what, Some("`pdex restore` finishes it")))
}

/// An engine's error with what to do about it.
pub(crate) fn engine_error(error: &RuntimeError) -> Stop {
    let (exit, hint) = match error {
        RuntimeError::Unreachable { host, .. }
            if Path::new("/usr/sbin/dockerd").exists() && host.starts_with("unix") =>
        {
            (
                Exit::EngineUnreachable,
                "Docker is installed but does not run: `systemctl start docker` or `service docker start`",
            )
        }
        RuntimeError::Unreachable { host, .. } if !host.starts_with("unix") => (
            Exit::EngineUnreachable,
            "start the engine there, or name another with --docker-host or DOCKER_HOST",
        ),
        RuntimeError::Unreachable { .. } => (
            Exit::EngineUnreachable,
            "install and start Docker (`make up` does on Debian), or name an engine with --docker-host",
        ),
        RuntimeError::Denied { .. } => (
            Exit::EngineUnreachable,
            "add yourself to the docker group (`sudo usermod -aG docker $USER`, then log in again), or use sudo",
        ),
        RuntimeError::NoSwarm(_) => (
            Exit::EngineUnreachable,
            "`docker node ls` on a manager shows what the swarm is made of; without --engine swarm pdex uses this engine alone",
        ),
        RuntimeError::TimedOut(_) => (
            Exit::EngineUnreachable,
            "`docker info` shows whether the engine answers; COMPOSE_HTTP_TIMEOUT=SECONDS gives it more time",
        ),
        _ => return Stop::new(Exit::Failed, error, None),
    };
    Stop::new(exit, error, Some(hint))
}

/// The definition with the services that the command names.
pub(crate) fn naming(session: &Session, services: &[String]) -> Result<(Definition, Vec<ServiceName>), Stop> {
    let definition = definition_naming(&session.global, &session.environment, services)?;
    let named = named(&definition, services)?;
    Ok((definition, named))
}

/// `-e` of `exec` and `run`: one without a value has the one of this environment, if any.
pub(crate) fn variables(session: &Session, given: &[(String, Option<String>)]) -> BTreeMap<String, String> {
    let valued = given.iter().filter_map(|(name, value)| {
        let value = value.clone().or_else(|| session.environment.get(name).cloned())?;
        Some((name.clone(), value))
    });
    valued.collect()
}

/// Every container of the project.
pub(crate) async fn list<R: Operate>(runtime: &R, definition: &Definition) -> Result<Vec<Listed>, Stop> {
    runtime.list(&definition.project).await.map_err(|e| engine_error(&e))
}

/// A container that is not there, with what to do about it.
pub(crate) fn absent(absent: &Absent) -> Stop {
    let hint = format!("pdex up {}", absent.service);
    Stop::new(Exit::Failed, absent, Some(&hint))
}

/// Checks that every named service exists.
pub(crate) fn named(definition: &Definition, names: &[String]) -> Result<Vec<ServiceName>, Stop> {
    names
        .iter()
        .map(|name| {
            let wanted = ServiceName::new(name.as_str());
            if definition.services.contains_key(&wanted) {
                return Ok(wanted);
            }
            let known: Vec<&str> = definition.services.keys().map(ServiceName::as_str).collect();
            Err(no_such("service", name, &known))
        })
        .collect()
}

/// A name that nothing has, with the nearest one that something has.
pub(crate) fn no_such(what: &str, name: &str, known: &[&str]) -> Stop {
    let near = known
        .iter()
        .map(|known| (strsim::damerau_levenshtein(known, name), known))
        .min()
        .filter(|(distance, _)| *distance <= 3);
    let hint = near.map_or_else(
        || format!("{what}s: {}", known.join(", ")),
        |(_, known)| format!("did you mean {known}?"),
    );
    Stop::new(Exit::Usage, format!("there is no {what} {name}"), Some(&hint))
}
