//! `post_start` and `pre_stop`: commands that the definition has run inside a container after its start or before its stop.

use std::time::Duration;

use crate::definition::model::Hook;
use crate::runtime::{ExecOrder, Runtime};
use crate::world::ContainerId;

/// Hooks may prepare data; a container that is to be stopped cannot be kept for ever.
const LIMIT: Duration = Duration::from_mins(10);

/// Runs the hooks one after the other. The first that does not succeed ends it, with what happened.
pub(super) async fn run<R: Runtime>(
    runtime: &R,
    container: &ContainerId,
    hooks: &[Hook],
) -> Result<(), String> {
    for hook in hooks {
        let command = hook.command.join(" ");
        let order = ExecOrder {
            argv: hook.command.clone(),
            user: hook.user.clone(),
            privileged: hook.privileged,
            working_dir: hook.working_dir.clone(),
            environment: hook.environment.clone(),
        };
        match runtime.exec(container, &order, LIMIT).await {
            Ok(outcome) if outcome.code == 0 => {}
            Ok(outcome) => {
                let last = outcome.output.lines().last().unwrap_or_default();
                return Err(format!("`{command}` ended with exit code {}: {last}", outcome.code));
            }
            Err(e) => return Err(format!("`{command}`: {e}")),
        }
    }
    Ok(())
}
