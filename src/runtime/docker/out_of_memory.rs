//! Whether what was killed was killed for lack of memory. The engine's own mark is missing where a container ended before the engine
//! heard of that (one in ten, where several end so at once, on Engine 20.10 with cgroup v1).

use std::collections::HashMap;
use std::time::Duration;

use bollard::models::ContainerInspectResponse;
use bollard::query_parameters as query;
use futures_util::TryStreamExt as _;

use super::Docker;
use crate::world::time::Timestamp;

/// For what the engine may hear after a container's end.
const LATE: Duration = Duration::from_millis(300);
/// For its answer.
const PATIENCE: Duration = Duration::from_secs(2);
/// Exit code of what SIGKILL ended.
const KILLED: i64 = 137;
const SIGKILL: &str = "9";

/// What the engine remembers of a container's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    OutOfMemory,
    /// By somebody who asked the engine.
    Killed,
}

impl Docker {
    /// Looks for signs other than the engine's mark: that it heard of it all the same; or, where nobody asked it to kill a container that
    /// has a limit, that this machine's kernel has killed for lack of memory since pdex began.
    pub(super) async fn ran_out_of_memory(&self, seen: &ContainerInspectResponse) -> bool {
        let Some(state) = seen.state.as_ref().filter(|state| state.exit_code == Some(KILLED)) else {
            return false;
        };
        let moment = |text: &Option<String>| Timestamp::parse(text.as_deref()?);
        let (Some(id), Some(begin), Some(end)) =
            (seen.id.as_deref(), moment(&state.started_at), moment(&state.finished_at))
        else {
            return false;
        };
        let told = tokio::time::timeout(PATIENCE, self.told_of_end(id, begin, end)).await;
        match told.unwrap_or_default() {
            Some(Told::OutOfMemory) => true,
            Some(Told::Killed) => false,
            None => {
                let limit = seen.host_config.as_ref().and_then(|host| host.memory).unwrap_or_default();
                limit > 0 && self.kills_before.zip(kernel_kills()).is_some_and(|(then, now)| now > then)
            }
        }
    }

    async fn told_of_end(&self, id: &str, begin: Timestamp, end: Timestamp) -> Option<Told> {
        let filters = HashMap::from([
            ("container".to_owned(), vec![id.to_owned()]),
            ("event".to_owned(), vec!["oom".to_owned(), "kill".to_owned()]),
        ]);
        let options = query::EventsOptions {
            since: Some(begin.as_query()),
            until: Some(end.after(LATE).as_query()),
            filters: Some(filters),
        };
        let told = self.client.events(Some(options)).try_filter_map(async |event| {
            let signal = event.actor.and_then(|actor| actor.attributes?.remove("signal"));
            Ok(event.action.as_deref().and_then(|action| meaning(action, signal.as_deref())))
        });
        std::pin::pin!(told).try_next().await.ok().flatten()
    }
}

fn meaning(action: &str, signal: Option<&str>) -> Option<Told> {
    match (action, signal) {
        ("oom", _) => Some(Told::OutOfMemory),
        ("kill", Some(SIGKILL)) => Some(Told::Killed),
        _ => None,
    }
}

/// How many processes this machine's kernel has killed for lack of memory, in a limit or altogether.
pub(super) fn kernel_kills() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/vmstat").ok()?;
    text.lines().find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_polite_signal_is_no_end() {
        assert_eq!(meaning("oom", None), Some(Told::OutOfMemory));
        assert_eq!(meaning("kill", Some("9")), Some(Told::Killed));
        assert_eq!(meaning("kill", Some("15")), None);
    }
}
