//! `pdex secrets`.

use std::collections::BTreeSet;
use std::io::{self, Write as _};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::StreamExt as _;
use tokio::io::AsyncWriteExt as _;

use super::args::look::Json;
use super::args::secret::{Rotate, Secrets};
use super::context::on_engine;
use super::exit::{Exit, Stop};
use super::vault::{self, Kept, Standing};
use super::{Session, context, lock};
use crate::definition::model::{Definition, Hidden, ImageUnavailable, ServiceName, Tell};
use crate::engine::handle::{self, Deed, Done};
use crate::engine::select;
use crate::report::{listing, steps};
use crate::runtime::ExecOrder;
use crate::runtime::operate::{Attached, CommandOrder, Operate, ProcessId, Terms};
use crate::world::live::Listed;
use crate::world::time::Timestamp;

/// Between two looks at a command that has closed its output and still runs.
const LOOK: Duration = Duration::from_millis(100);

pub(super) async fn secrets(session: &Session, arguments: &Secrets) -> anyhow::Result<Exit> {
    let definition = context::definition(&session.global, &session.environment)?;
    match arguments {
        Secrets::List(form) => list(&definition, form),
        Secrets::Rotate(arguments) => rotate(session, &definition, arguments).await,
    }
}

fn list(definition: &Definition, form: &Json) -> anyhow::Result<Exit> {
    let secrets = vault::kept(definition);
    let rows: Vec<listing::Secret<'_>> = secrets
        .iter()
        .map(|secret| listing::Secret {
            name: secret.name,
            file: secret.path,
            state: secret.standing().word(),
            services: users(definition, secret.name).into_iter().collect(),
        })
        .collect();
    if form.json {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        let now = Timestamp(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX));
        writeln!(io::stdout(), "{:#}", listing::secrets_json(&rows, now))?;
    } else {
        writeln!(io::stdout(), "{}", listing::secrets(&rows))?;
    }
    Ok(Exit::Ok)
}

/// The services that a secret is given to.
fn users(definition: &Definition, secret: &str) -> BTreeSet<ServiceName> {
    let uses = definition.services.values().filter(|s| s.secrets.iter().any(|used| used.source == secret));
    uses.map(|service| service.name.clone()).collect()
}

async fn rotate(session: &Session, definition: &Definition, arguments: &Rotate) -> anyhow::Result<Exit> {
    let all = vault::kept(definition);
    let known: Vec<&str> = all.iter().map(|secret| secret.name).collect();
    if let Some(unknown) = arguments.names.iter().find(|name| !known.contains(&name.as_str())) {
        return Err(context::no_such("secret", unknown, &known).into());
    }
    let named = |secret: &Kept<'_>| {
        arguments.names.is_empty() || arguments.names.iter().any(|name| name == secret.name)
    };
    let turning: Vec<Kept<'_>> = all.iter().copied().filter(|s| named(s) || s.is_pending()).collect();
    if let Some(secret) = turning.iter().find(|secret| secret.standing() == Standing::Missing) {
        let what = format!("secret {} has no value yet: {} is not there", secret.name, secret.path.display());
        return Err(Stop::new(Exit::Failed, what, Some("`pdex up` makes it")).into());
    }
    let engine = context::connect(&session.global, &session.environment).await?;
    let _lock = lock::take(&definition.project, "secrets rotate")?;
    on_engine!(&engine, runtime => turn(runtime, definition, &all, &turning).await)
}

/// Each step can be the last: what is then half done, the next run finishes.
async fn turn<R: Operate>(
    runtime: &R,
    definition: &Definition,
    all: &[Kept<'_>],
    turning: &[Kept<'_>],
) -> anyhow::Result<Exit> {
    let listed = context::list(runtime, definition).await?;
    // Before anything changes, everybody who has to listen is there.
    let mut told = Vec::new();
    for secret in turning {
        told.push((secret, listener(definition, &listed, secret)?));
    }
    for secret in turning {
        secret.begin()?;
    }
    for (secret, listener) in told {
        let value = secret.begin()?;
        if let Some((container, tell)) = listener {
            inform(runtime, container, tell, &value).await.map_err(|what| {
                let what =
                    format!("secret {}: {} does not take its new value: {what}", secret.name, tell.service);
                Stop::new(Exit::Failed, what, Some("the old one holds; run `pdex secrets rotate` again"))
            })?;
        }
        secret.replace()?;
        writeln!(io::stderr(), "secret {} has a new value", secret.name)?;
    }
    restart(runtime, definition, &listed, all).await
}

/// Restarts whoever still goes by an old value, dependencies first.
async fn restart<R: Operate>(
    runtime: &R,
    definition: &Definition,
    listed: &[Listed],
    all: &[Kept<'_>],
) -> anyhow::Result<Exit> {
    let changed: Vec<&Kept<'_>> = all.iter().filter(|secret| secret.is_replaced()).collect();
    let services = changed.iter().flat_map(|secret| {
        // Who was told goes by the new value already.
        let told = secret.keeping.tell.as_ref().map(|tell| &tell.service);
        users(definition, secret.name).into_iter().filter(move |service| Some(service) != told)
    });
    let services: Vec<ServiceName> = services.collect::<BTreeSet<_>>().into_iter().collect();
    let mut failed = false;
    if !services.is_empty() {
        let mut containers = select::own(definition, listed, &services);
        containers.retain(|container| container.runs());
        let deed = Deed::Restart { grace: None };
        handle::handle(runtime, definition, &containers, &deed, &mut |done: Done| {
            failed |= done.result.is_err();
            let error = done.result.as_ref().err().map(|e| e as &dyn std::fmt::Display);
            // A closed error output must not stop the work half-way.
            let _ = writeln!(io::stderr(), "{}", steps::done(deed.word(), &done.container, error));
        })
        .await;
    }
    if failed {
        let what = "not every service that uses a new value was restarted";
        return Err(Stop::new(Exit::Failed, what, Some("run `pdex secrets rotate` again")).into());
    }
    for secret in changed {
        secret.end()?;
    }
    Ok(Exit::Ok)
}

/// The container that is told a new value; none where nobody has to be, or where whoever has to was never here.
fn listener<'a>(
    definition: &Definition,
    listed: &'a [Listed],
    secret: &Kept<'a>,
) -> Result<Option<(&'a Listed, &'a Tell)>, Stop> {
    let Some(tell) = &secret.keeping.tell else { return Ok(None) };
    match select::running(definition, listed, &tell.service, None) {
        Ok(container) => Ok(Some((container, tell))),
        Err(absent) => {
            let optional = definition
                .services
                .get(&tell.service)
                .is_some_and(|service| service.pdex.image_unavailable == ImageUnavailable::Skip);
            if optional && !absent.stopped {
                return Ok(None);
            }
            let hint =
                format!("it has to be told the new value of {}: pdex up {}", secret.name, tell.service);
            Err(Stop::new(Exit::Failed, absent, Some(&hint)))
        }
    }
}

/// Runs the command with the value on its standard input. What it prints is shown when it fails, without the value.
async fn inform<R: Operate>(
    runtime: &R,
    container: &Listed,
    tell: &Tell,
    value: &Hidden,
) -> Result<(), String> {
    let order = CommandOrder {
        exec: ExecOrder::of(&tell.command),
        terms: Terms { input: true, ..Terms::default() },
        detached: false,
    };
    let (process, attached) = runtime.open(&container.id, &order).await.map_err(|e| e.to_string())?;
    let mut printed = String::new();
    if let Some(Attached { mut output, mut input }) = attached {
        let writing = async {
            // One that ends without reading says so by its exit code.
            let _ = input.write_all(value.reveal().as_bytes()).await;
            let _ = input.shutdown().await;
        };
        let reading = async {
            while let Some(piece) = output.next().await {
                let piece = piece.map_err(|e| e.to_string())?;
                printed.push_str(&String::from_utf8_lossy(&piece.bytes));
            }
            Ok::<(), String>(())
        };
        tokio::join!(writing, reading).1?;
    }
    let ProcessId::Command(process) = process else { return Ok(()) };
    let code = loop {
        match runtime.code(&process).await.map_err(|e| e.to_string())? {
            Some(code) => break code,
            None => tokio::time::sleep(LOOK).await,
        }
    };
    if code == 0 {
        return Ok(());
    }
    let printed = printed.replace(value.reveal(), "***");
    let printed = printed.trim();
    Err(if printed.is_empty() { format!("exit code {code}") } else { format!("exit code {code}: {printed}") })
}
