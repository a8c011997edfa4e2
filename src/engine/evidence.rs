//! Why something failed, found out where it can be: who has the port or the name, how much room is left, which limit was hit, what
//! was printed last. Asks the engine, changes nothing; without an answer the message is only less telling.

use std::time::Duration;

use futures_util::StreamExt as _;

use super::progress;
use crate::definition::model::Service;
use crate::event::{Failure, FailureKind};
use crate::runtime::{LogOptions, Runtime, RuntimeError};
use crate::world::ContainerId;
use crate::world::machine::{Holder, Owner, bytes};

/// Log lines shown with a failure.
const LINES: u32 = 12;
/// Lines of a failed health test.
const TEST_LINES: usize = 4;
/// How often, and how far apart, the owner of a name is asked for.
const ASKED: u32 = 10;
const AGAIN: Duration = Duration::from_millis(100);
/// For all that is asked about one failure: an engine that hangs must not hold up the end of the run.
const PATIENCE: Duration = Duration::from_secs(5);

/// A step of the engine on a service's container that did not succeed.
pub(super) async fn of_step<R: Runtime>(
    runtime: &R,
    project: &str,
    step: &str,
    (service, container): (&Service, &str),
    error: &RuntimeError,
) -> Failure {
    let found = async {
        match error {
            RuntimeError::PortInUse { port } => port_in_use(runtime, service, *port).await,
            RuntimeError::Conflict(words) if words.contains("in use") => {
                name_taken(runtime, project, container).await
            }
            other => of_error(runtime, &format!("could not {step} it"), other).await,
        }
    };
    let found = tokio::time::timeout(PATIENCE, found).await;
    found.unwrap_or_else(|_| Failure::new(format!("could not {step} it: {error}")))
}

/// Anything else that the engine refused: `doing` is what it was asked for.
pub(super) async fn of_error<R: Runtime>(runtime: &R, doing: &str, error: &RuntimeError) -> Failure {
    match error {
        RuntimeError::NoSpace => no_space(runtime, doing).await,
        RuntimeError::Unreachable { .. } => Failure::new(format!("{doing}: {error}"))
            .code("up/engine-lost")
            .kind(FailureKind::EngineLost)
            .hint("when the engine is back, `pdex up` goes on from here"),
        RuntimeError::TimedOut(_) => Failure::new(format!("{doing}: {error} from the container engine"))
            .code("up/engine-silent")
            .kind(FailureKind::EngineLost)
            .hint("`docker info` shows whether the engine answers; `pdex up` goes on from here"),
        RuntimeError::Denied { .. } => Failure::new(format!("{doing}: {error}"))
            .code("up/engine-denied")
            .kind(FailureKind::EngineLost)
            .hint("`sudo usermod -aG docker $USER`, then log in again; or use sudo"),
        RuntimeError::RolledBack(_) => Failure::new(error.to_string())
            .code("up/rolled-back")
            .hint("the service goes on as it was before; mend what the new containers failed of, then `pdex up`"),
        RuntimeError::NotFound(words) if words.contains("network") => {
            Failure::new(format!("{doing}: {words}: someone removed it since the start of this run"))
                .code("up/network-gone")
                .hint("`pdex up` makes it again, `pdex up --force-recreate` also for containers that were on the old one")
        }
        RuntimeError::NotFound(words) => Failure::new(format!("{doing}: {words}"))
            .code("up/gone")
            .hint("someone removed it since the start of this run: `pdex up` makes it again"),
        other => in_its_words(doing, &other.to_string()),
    }
}

/// A network that could not be made.
pub(super) async fn of_network<R: Runtime>(runtime: &R, name: &str, error: &RuntimeError) -> Failure {
    let failure = of_error(runtime, &format!("could not create network {name}"), error).await;
    let words = error.to_string();
    let full =
        ["Pool overlaps", "non-overlapping", "fully subnetted"].iter().any(|part| words.contains(part));
    if full {
        let hint = "`docker network prune` frees address ranges that nothing uses";
        return failure.code("up/no-addresses").hint(hint);
    }
    failure
}

async fn port_in_use<R: Runtime>(runtime: &R, service: &Service, port: u16) -> Failure {
    let holder = runtime.holder(port).await.ok().flatten().unwrap_or(Holder::Unknown);
    let end = match &holder {
        Holder::Container(owner) => format!("`docker stop {}`", owner.container),
        Holder::Process { id, .. } => format!("`kill {id}` ends it"),
        Holder::Unknown => format!("`sudo ss -ltnp 'sport = :{port}'` shows who it is"),
    };
    Failure::new(format!("port {port} is held by {holder}"))
        .code("up/port-taken")
        .hint(format!("{end}; or publish {} on another port", service.name))
}

async fn name_taken<R: Runtime>(runtime: &R, project: &str, container: &str) -> Failure {
    let Some(owner) = owner(runtime, container).await else {
        return Failure::new(format!("its name {container} is taken by a container that is just being made"))
            .code("up/name-taken")
            .hint("something else is at work on this project; when it is done, `pdex up` goes on from here");
    };
    let hint = if owner.project.as_deref() == Some(project) {
        "something else is at work on this project; when it is done, `pdex up` goes on from here".to_owned()
    } else {
        format!("`docker rm -f {container}` removes it; or give the service another container_name")
    };
    Failure::new(format!("its name is taken by {owner}")).code("up/name-taken").hint(hint)
}

/// The engine gives a name away before it shows the container that has it, so it is asked more than once.
async fn owner<R: Runtime>(runtime: &R, container: &str) -> Option<Owner> {
    for _ in 0..ASKED {
        if let Some(owner) = runtime.owner(container).await.ok().flatten() {
            return Some(owner);
        }
        tokio::time::sleep(AGAIN).await;
    }
    None
}

async fn no_space<R: Runtime>(runtime: &R, doing: &str) -> Failure {
    let machine = runtime.machine().await.unwrap_or_default();
    let place = match machine.disk {
        Some(disk) => {
            let root = machine.root.display();
            format!(": {} of {} are free at {root}", bytes(disk.free), bytes(disk.size))
        }
        None => String::new(),
    };
    Failure::new(format!("{doing}: no space left on the engine's disk{place}")).code("up/no-space").hint(
        "`docker system df` shows what takes the space, `docker image prune` frees images that nothing uses; then `pdex up`",
    )
}

/// The engine's own words, for what it has no code for.
fn in_its_words(doing: &str, words: &str) -> Failure {
    let quoted = |before: &str| words.split_once(before).and_then(|(_, rest)| rest.split('"').next());
    if words.contains("executable file not found") || words.contains("no such file or directory: unknown") {
        let program = quoted("exec: \"").unwrap_or("it names");
        return Failure::new(format!("the program {program} is not in its image"))
            .code("up/command-not-found")
            .hint("look at command and entrypoint of the service, and at its image");
    }
    if words.contains("exec format error") {
        return Failure::new(format!("{doing}: {words}")).code("up/wrong-platform").hint(
            "its image is for another processor, see Architecture in `docker image inspect`; or it starts a script without `#!`",
        );
    }
    if words.contains("No such image") {
        return Failure::new(format!("{doing}: a node does not have its image: {words}"))
            .code("up/node-without-image")
            .hint("`pdex images save` here and `pdex images load` with the node's --docker-host bring it there; a registry does so by itself");
    }
    if words.contains("bind source path does not exist") {
        return Failure::new(format!("{doing}: {words}"))
            .code("up/bind-missing")
            .hint("make it, or say `create_host_path: true` where an empty folder will do");
    }
    if words.contains("permission denied") || words.contains("operation not permitted") {
        return Failure::new(format!("{doing}: {words}")).code("up/permission").hint(
            "look at user, cap_drop and the mounts of the service, and at the mode of the files it runs",
        );
    }
    Failure::new(format!("{doing}: {words}"))
        .code("up/engine-refused")
        .hint("`pdex config` shows what was asked of the engine")
}

/// Adds what is known of a container that failed: the limit it hit, its failed health test, the last lines it printed in this run.
pub(super) async fn of_container<R: Runtime>(
    runtime: &R,
    service: Option<&Service>,
    container: &ContainerId,
    failure: &mut Failure,
) {
    if let Some(limit) =
        service.filter(|_| failure.code == "up/out-of-memory").and_then(|s| s.limits().memory)
    {
        let limit = bytes(u64::try_from(limit).unwrap_or_default());
        failure.what = format!("ran out of memory: its limit is {limit} ({})", failure.what);
    }
    let _ = tokio::time::timeout(PATIENCE, async {
        if failure.code == "up/not-ready"
            && let Ok(Some(printed)) = runtime.last_test(container).await
        {
            let lines = printed.lines().filter(|line| !line.trim().is_empty());
            // What the message says already is not said again.
            let lines: Vec<&str> = lines.filter(|line| !failure.what.ends_with(line)).collect();
            let last = lines.iter().skip(lines.len().saturating_sub(TEST_LINES));
            failure.evidence.extend(last.map(|line| format!("health test: {line}")));
        }
        let options = LogOptions { tail: Some(LINES), ..LogOptions::default() };
        let mut lines = runtime.logs(container, &options);
        while let Some(Ok(line)) = lines.next().await {
            // How far it came is no reason why it went no further.
            if progress::parse(&line.text).is_none() {
                failure.evidence.push(line.text);
            }
        }
    })
    .await;
    if failure.hint.is_none() {
        failure.hint = service.map(|service| next_step(service, failure.code));
    }
}

/// Where the last lines do not say enough.
fn next_step(service: &Service, code: &str) -> String {
    let logs = format!("`pdex logs {}` shows all it printed", service.name);
    match (code, service.healthcheck.is_some()) {
        ("up/not-ready", true) => {
            format!("{logs}; if it only takes longer, raise start_period or retries of its healthcheck")
        }
        ("up/not-ready", false) => format!("{logs}; or x-pdex.ready names a port that it does not serve"),
        _ => format!("{logs}; `pdex up` tries again"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_engines_words_become_causes() {
        let oci = "failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: ";
        for (words, code, what) in [
            (
                format!("{oci}exec: \"nope\": executable file not found in $PATH: unknown"),
                "up/command-not-found",
                "the program nope is not in its image",
            ),
            (
                format!("{oci}exec: \"/run.sh\": permission denied: unknown"),
                "up/permission",
                "could not start it: ",
            ),
            ("something new".to_owned(), "up/engine-refused", "could not start it: something new"),
        ] {
            let failure = in_its_words("could not start it", &words);
            assert_eq!(failure.code, code, "{words}");
            assert!(failure.what.starts_with(what), "{}", failure.what);
        }
    }
}
