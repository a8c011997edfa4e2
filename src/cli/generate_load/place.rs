//! Where the load goes and how one gets there: the target's address, who vouches for it, the API's key, what is spoken, and whom to ask
//! about the run beside it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;

use super::beside::Beside;
use crate::checks::{self, Entrance};
use crate::cli::args::load::GenerateLoad as Arguments;
use crate::cli::exit::{Exit, Stop};
use crate::cli::{Session, context};
use crate::definition::model::Definition;
use crate::load::line::{Answer, Door, Fault, Http};
use crate::load::target::{Scheme, Target, is_loopback};
use crate::load::tls::Trust;

/// For the first answer of an address.
const PATIENCE: Duration = Duration::from_secs(5);

/// A target that answered.
pub(super) struct Place {
    pub(super) door: Door,
    /// What it answered by, and what the run speaks.
    pub(super) http: Http,
    /// Only where the target is the stack's.
    pub(super) beside: Option<Beside>,
}

/// What follows from the arguments and the definition.
struct Wanted {
    target: Target,
    /// Where it is published; else its host's name says.
    address: Option<SocketAddr>,
    authorities: Vec<PathBuf>,
    key: Option<String>,
    beside: Option<Beside>,
    is_stack: bool,
}

/// Finds the target and asks it whether it is well.
pub(super) async fn find(session: &Session, arguments: &Arguments) -> anyhow::Result<Place> {
    let wanted = wanted(session, arguments).await?;
    let target = &wanted.target;
    let addresses = match wanted.address {
        Some(address) => here(target, vec![address], arguments.i_own_this_target)?,
        None => resolved(target, arguments.i_own_this_target).await?,
    };
    if target.scheme == Scheme::Http && arguments.ca.is_some() {
        let what = format!("--ca: {target} is asked in the clear, where nobody is vouched for");
        return Err(Stop::new(Exit::Usage, what, Some("say https:// where the server speaks TLS")).into());
    }
    let trust = match target.scheme {
        Scheme::Http => None,
        Scheme::Https => Some(Trust::new(&wanted.authorities).map_err(|e| Stop::new(Exit::Usage, e, None))?),
    };
    let mut said = Err(Fault::NoAddress);
    for address in addresses {
        let door = Door::new(target.clone(), address, trust.clone(), wanted.key.as_deref());
        let door = door.map_err(|e| Stop::new(Exit::Usage, e, None))?;
        said = door.get(arguments.http, "/health", PATIENCE).await.map(|answer| (door, answer));
        if said.is_ok() {
            break;
        }
    }
    let (door, answer) = said.map_err(|fault| silent(&wanted, arguments, fault))?;
    well(target, &answer)?;
    Ok(Place { door, http: answer.http, beside: wanted.beside })
}

async fn wanted(session: &Session, arguments: &Arguments) -> anyhow::Result<Wanted> {
    let mut authorities: Vec<PathBuf> = arguments.ca.iter().cloned().collect();
    if let Some(target) = arguments.target.clone() {
        let key = session.environment.get("API_KEY").cloned();
        return Ok(Wanted { target, address: None, authorities, key, beside: None, is_stack: false });
    }
    let definition = context::definition(&session.global, &session.environment)?;
    let key = key(&definition)?;
    let parse = |url: &str| Target::parse(url).map_err(anyhow::Error::msg);
    if let Some(api) = checks::address(&definition, "api", 8000) {
        let prometheus = checks::address(&definition, "prometheus", 9090);
        let beside = Some(Beside::new(checks::client(&BTreeMap::new())?, &api, prometheus));
        return Ok(Wanted { target: parse(&api)?, address: None, authorities, key, beside, is_stack: true });
    }
    let entrance = Entrance::of(&definition).ok_or_else(|| {
        Stop::new(
            Exit::Failed,
            "the definition has no service api that publishes its port 8000",
            Some("name a server with --target URL"),
        )
    })?;
    let target = parse(&entrance.api())?;
    // One that is not there is told as an authority that is not believed, once the proxy is.
    authorities.extend(entrance.authority.filter(|file| file.exists()));
    let beside = inside(session, &definition).await;
    Ok(Wanted { target, address: Some(entrance.address), authorities, key, beside, is_stack: true })
}

fn key(definition: &Definition) -> Result<Option<String>, Stop> {
    let service = definition.services.values().find(|service| service.name.as_str() == "api");
    let key = service.map(|service| checks::setting(definition, service, "API_KEY")).transpose();
    key.map_err(|e| Stop::new(Exit::Failed, e, None))
}

/// Those who publish nothing, at their own addresses; none where this machine does not reach them.
async fn inside(session: &Session, definition: &Definition) -> Option<Beside> {
    let inside = context::inside(session, definition).await.ok()?;
    let at = |name: &str, port: u16| {
        inside.keys().any(|service| service.as_str() == name).then(|| format!("http://{name}:{port}"))
    };
    Some(Beside::new(checks::client(&inside).ok()?, &at("api", 8000)?, at("prometheus", 9090)))
}

/// The target's addresses: on this machine, unless the other one is the user's own.
pub(in crate::cli) async fn resolved(target: &Target, is_own: bool) -> Result<Vec<SocketAddr>, Stop> {
    let found = tokio::net::lookup_host((target.host.as_str(), target.port)).await;
    let found = found
        .map_err(|e| Stop::new(Exit::Failed, format!("{target}: {e}"), Some("look at the host's name")))?;
    here(target, found.collect(), is_own)
}

fn here(target: &Target, addresses: Vec<SocketAddr>, is_own: bool) -> Result<Vec<SocketAddr>, Stop> {
    if is_own || is_loopback(&addresses) {
        return Ok(addresses);
    }
    let what = format!("{target} is not on this machine; load on another's server is an attack");
    Err(Stop::new(Exit::Usage, what, Some("if it is yours, say so: --i-own-this-target")))
}

/// Nobody answers, or not as was asked.
fn silent(wanted: &Wanted, arguments: &Arguments, fault: Fault) -> Stop {
    let kind = fault.kind();
    let cause = anyhow::Error::new(fault).root_cause().to_string();
    let hint = match kind {
        "TLS" if cause.contains("certificate") => {
            "name the certificate of the authority that vouches for it: --ca FILE"
        }
        "TLS" => "say http:// where the server speaks no TLS",
        _ if kind != "refused" && arguments.http == Some(Http::Two) => {
            "leave out --http 2 where the server does not speak it"
        }
        _ if wanted.is_stack => "pdex up api",
        _ => "start it, or name another with --target",
    };
    Stop::new(Exit::Failed, format!("{} does not answer: {cause}", wanted.target), Some(hint))
}

/// Whether the API has its model.
fn well(target: &Target, answer: &Answer) -> Result<(), Stop> {
    if answer.status != 503 {
        return Ok(());
    }
    let said: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let detail = said["detail"].as_str().unwrap_or("its /health says 503");
    Err(Stop::new(Exit::Unhealthy, format!("{target} is not ready: {detail}"), Some("pdex validate")))
}
