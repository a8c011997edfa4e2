//! The few commands that the double's containers know, enough to see what arrives and what comes back. Pure. What a container is
//! to say to a command that it does not know is told by labels of any name below `sim.exec`, as `PART => CODE OUTPUT`: a command
//! that has the part in it ends so.

use std::collections::BTreeMap;

use crate::runtime::ExecOutcome;

/// What a command is run with.
#[derive(Debug, Default)]
pub(super) struct Setting<'a> {
    pub(super) environment: BTreeMap<&'a str, &'a str>,
    pub(super) user: Option<&'a str>,
    pub(super) working_dir: Option<&'a str>,
    pub(super) terminal: bool,
}

/// What comes of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Result {
    Done {
        output: String,
        error: bool,
        code: i64,
    },
    /// It prints what it reads.
    Copies,
}

/// Runs a command; `sh -c` with one of the others, too.
pub(super) fn run(argv: &[String], setting: &Setting<'_>) -> Result {
    let words: Vec<&str> = argv.iter().map(String::as_str).collect();
    let done = |output: String, code| Result::Done { output, error: false, code };
    match words.as_slice() {
        ["sh" | "/bin/sh", "-c", line] => {
            let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
            run(&words, setting)
        }
        ["echo", words @ ..] => done(format!("{}\n", words.join(" ")), 0),
        ["true"] | ["sleep", _] | [] => done(String::new(), 0),
        ["false"] => done(String::new(), 1),
        ["exit", code] => done(String::new(), code.parse().unwrap_or(2)),
        ["pwd"] => done(format!("{}\n", setting.working_dir.unwrap_or("/")), 0),
        ["whoami"] => done(format!("{}\n", setting.user.unwrap_or("root")), 0),
        ["tty"] => done(
            (if setting.terminal { "/dev/pts/0\r\n" } else { "not a tty\n" }).to_owned(),
            i64::from(!setting.terminal),
        ),
        ["env"] => {
            done(setting.environment.iter().map(|(key, value)| format!("{key}={value}\n")).collect(), 0)
        }
        ["cat"] => Result::Copies,
        [program, ..] => Result::Done { output: format!("{program}: not found\n"), error: true, code: 127 },
    }
}

/// What the container's labels say of a command.
pub(super) fn told(labels: &BTreeMap<String, String>, argv: &[String]) -> Option<ExecOutcome> {
    let line = argv.join(" ");
    let scripts = labels.iter().filter(|(key, _)| key.starts_with("sim.exec."));
    let (_, result) =
        scripts.filter_map(|(_, script)| script.split_once(" => ")).find(|(part, _)| line.contains(part))?;
    let (code, output) = result.split_once(' ').unwrap_or((result, ""));
    Some(ExecOutcome { code: code.parse().ok()?, output: output.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_say_what_comes_of_a_command() {
        let labels = [("sim.exec.rows".to_owned(), "FROM species => 0 pokemon 188".to_owned())].into();
        let argv = |line: &str| ["sh".to_owned(), "-c".to_owned(), line.to_owned()];
        let found = told(&labels, &argv("psql -c 'SELECT 1 FROM species'")).unwrap();
        assert_eq!((found.code, found.output.as_str()), (0, "pokemon 188"));
        assert_eq!(told(&labels, &argv("true")), None);
    }
}
