//! Keeps XGBoost's threads from spinning while they wait. On a machine with other work two spinning threads take each other's
//! time and training takes five times as long. OpenMP reads its environment once, before `main`, so the program starts
//! itself anew.

use std::os::unix::process::CommandExt as _;

const VARIABLE: &str = "OMP_WAIT_POLICY";

/// Returns at once when a policy is set, else replaces the process by itself with one set.
pub(crate) fn wait_passively() -> std::io::Result<()> {
    if std::env::var_os(VARIABLE).is_some() {
        return Ok(());
    }
    let program = std::env::current_exe()?;
    Err(std::process::Command::new(program).args(std::env::args_os().skip(1)).env(VARIABLE, "passive").exec())
}
