//! Questions to the person at the terminal.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

use console::{Emoji, style};
use tokio::sync::oneshot;

use super::exit::Exit;
use super::signal::Signals;
use super::terminal::Kept;
use crate::report::guide::Asked;

/// Says what is about to be lost. On a terminal the person decides; elsewhere, and where it
/// is not to be asked, the command was given on purpose.
pub(crate) fn agreed(what: &str, ask: bool) -> io::Result<bool> {
    agreed_to(what, "remove them?", ask)
}

/// The same with another question.
pub(crate) fn agreed_to(what: &str, question: &str, ask: bool) -> io::Result<bool> {
    writeln!(io::stderr(), "{what}")?;
    if !ask || !io::stdin().is_terminal() {
        return Ok(true);
    }
    write!(io::stderr(), "{question} [y/N] ")?;
    io::stderr().flush()?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

/// Asks before something is done; nobody who is not there says yes, see [`can_choose`].
pub(crate) fn consents(what: &str, question: &str) -> io::Result<bool> {
    write!(io::stderr(), "{what}\n{question} [y/N] ")?;
    io::stderr().flush()?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

/// What became of a question with options.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Chosen {
    Option(usize),
    /// Esc or Ctrl-C.
    Nothing,
    /// A signal came from outside.
    Signalled(Exit),
}

/// Whether there is a person to be asked, who also sees the question.
pub(crate) fn can_choose() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// From now on questions are drawn so: with colours or without, and with these words when they are cancelled.
pub(crate) fn draw_with(colours: bool, cancelled: &'static str) {
    console::set_colors_enabled(colours);
    console::set_colors_enabled_stderr(colours);
    cliclack::set_theme(Words { cancelled });
}

/// Lets the person choose. The keys are read on a thread of its own, so that a signal is heard meanwhile; a read that never returns
/// ends with the program.
pub(crate) async fn choose(asked: Asked, signals: &Signals) -> io::Result<Chosen> {
    let _kept = Kept::now()?;
    let (sender, receiver) = oneshot::channel();
    std::thread::spawn(move || {
        let mut select = cliclack::select(asked.prompt).initial_value(asked.initial);
        for (number, (label, hint)) in asked.options.into_iter().enumerate() {
            select = select.item(number, label, hint);
        }
        // Nobody waits for the answer any more when a signal came first.
        let _ = sender.send(select.interact());
    });
    tokio::select! {
        biased;
        exit = signals.nth(1) => {
            // The question hid the cursor, and is not there to bring it back.
            write!(io::stderr(), "\x1b[?25h\r\n")?;
            Ok(Chosen::Signalled(exit))
        }
        answer = receiver => match answer {
            Ok(Ok(number)) => Ok(Chosen::Option(number)),
            Ok(Err(e)) if e.kind() == io::ErrorKind::Interrupted => Ok(Chosen::Nothing),
            Ok(Err(e)) => Err(e),
            Err(_) => Err(io::Error::other("the question was not answered")),
        },
    }
}

/// The prompts' own drawing, but for the one English sentence in it.
struct Words {
    cancelled: &'static str,
}

const END: Emoji<'static, 'static> = Emoji("└", "-");
const BAR: Emoji<'static, 'static> = Emoji("│", "|");

impl cliclack::Theme for Words {
    fn format_footer_with_message(&self, state: &cliclack::ThemeState, message: &str) -> String {
        use cliclack::ThemeState::{Active, Cancel, Error, Submit};
        let line = match state {
            Active => format!("{END}  {message}"),
            Cancel => format!("{END}  {}", self.cancelled),
            Submit => BAR.to_string(),
            Error(what) => format!("{END}  {}", style(what)),
        };
        format!("{}\n", self.bar_color(state).apply_to(line))
    }
}
