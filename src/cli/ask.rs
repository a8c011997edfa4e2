//! Questions to the person at the terminal.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

/// Says what is about to be lost. On a terminal the person decides; elsewhere, and where it
/// is not to be asked, the command was given on purpose.
pub(crate) fn agreed(what: &str, ask: bool) -> io::Result<bool> {
    writeln!(io::stderr(), "{what}")?;
    if !ask || !io::stdin().is_terminal() {
        return Ok(true);
    }
    write!(io::stderr(), "remove them? [y/N] ")?;
    io::stderr().flush()?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
