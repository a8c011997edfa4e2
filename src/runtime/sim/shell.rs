//! The few commands that the double's containers know, enough to see what arrives and what comes back. Pure.

use std::collections::BTreeMap;

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
