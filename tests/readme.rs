//! The README's tables are the program's: every command is in the table, every line of the table is a command that the program
//! takes, the exit codes are those of the code, and what is shown of failures is what `tests/failures` and `tests/doctor` hold, which
//! the sessions check (`PDEX_SESSIONS=update cargo test --test sessions --test readme` writes both anew).

#![expect(clippy::disallowed_methods, reason = "the program is asked from outside")]
#![expect(clippy::unwrap_used, reason = "helpers of a test fail it")]

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use pdex::cli::Exit;

/// The rows under a heading, cells trimmed, without the table's head.
fn table(heading: &str) -> Vec<Vec<String>> {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let (_, rest) = text.split_once(&format!("{heading}\n")).unwrap();
    let rows =
        rest.lines().skip_while(|line| !line.starts_with('|')).take_while(|line| line.starts_with('|'));
    rows.skip(2)
        .map(|row| row.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect())
        .collect()
}

/// The command lines of the table, without `pdex`.
fn lines() -> Vec<Vec<String>> {
    let typed = |row: Vec<String>| {
        let line =
            row[1].trim_matches('`').strip_prefix("pdex ").unwrap_or_else(|| panic!("{row:?}")).to_owned();
        line.split(' ').map(str::to_owned).collect()
    };
    table("## Commands").into_iter().map(typed).collect()
}

fn help(arguments: &[String]) -> std::process::Output {
    Command::new(env!("CARGO_BIN_EXE_pdex")).args(arguments).output().unwrap()
}

#[test]
fn every_command_is_in_the_table() {
    let output = help(&["--help".to_owned()]);
    let text = String::from_utf8(output.stdout).unwrap();
    let commands =
        text.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    // A name stands two columns in; what it does may go on below, further in.
    let names = commands
        .filter_map(|line| line.strip_prefix("  ")?.split(' ').next().filter(|name| !name.is_empty()));
    let commands: BTreeSet<String> = names.filter(|name| *name != "help").map(str::to_owned).collect();
    assert!(commands.len() > 20, "{commands:?}");
    let shown: BTreeSet<String> = lines().into_iter().map(|line| line[0].clone()).collect();
    assert_eq!(shown, commands);
}

#[test]
fn every_line_of_the_table_is_taken() {
    for line in lines() {
        let mut arguments = line.clone();
        // Before the service, whose arguments follow; else behind all that is to be understood.
        let at = if ["exec", "run"].contains(&line[0].as_str()) { line.len() - 1 } else { line.len() };
        arguments.insert(at, "--help".to_owned());
        let output = help(&arguments);
        assert!(output.status.success(), "{line:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn the_exit_codes_are_those_of_the_program() {
    let rows = table("### Exit codes");
    let listed: Vec<u8> =
        rows.iter().flat_map(|row| row[0].split(", ")).map(|code| code.parse().unwrap()).collect();
    assert_eq!(listed, Exit::ALL.map(Exit::code));
    let output = help(&["--help".to_owned()]);
    let text = String::from_utf8(output.stdout).unwrap();
    let line: String =
        text.lines().skip_while(|line| !line.starts_with("Exit codes:")).collect::<Vec<_>>().join(" ");
    for code in &listed {
        assert!(line.split([' ', '/']).any(|word| word == code.to_string()), "{code} in `{line}`");
    }
}

/// What begins and what ends the part of the README that a folder fills.
fn gallery(folder: &str) -> (String, String) {
    (format!("<!-- {folder}: begin -->\n"), format!("<!-- {folder}: end -->"))
}

/// A session as a person would see it: its sentence, and its commands with all that they print.
fn shown(session: &str) -> String {
    let (sentence, rest) = session.split_once("\n--- stack.yaml\n").unwrap();
    let (_, commands) = rest.split_once("--- session\n").unwrap();
    let mut text = format!("{sentence}\n```console\n");
    let (mut exit, mut visible) = ("0", false);
    let told = |exit: &str| if exit == "0" { String::new() } else { format!("$ echo $?\n{exit}\n") };
    for line in commands.lines() {
        if let Some(command) = line.strip_prefix("$ ") {
            text.push_str(&told(exit));
            exit = "0";
            visible = !["given", "only", "replace"].contains(&command.split(' ').next().unwrap());
            if visible {
                // What runs until it is interrupted is not in the background of a person.
                let line = if commands.contains("\n$ ^C\n") { line.trim_end_matches(" &") } else { line };
                text.push_str(if command == "^C" { command } else { line });
                text.push('\n');
            }
        } else if let Some(code) = line.strip_prefix("exit ") {
            exit = code;
        } else if visible {
            text.push_str(line.get(2..).unwrap_or_default());
            text.push('\n');
        }
    }
    text + &told(exit) + "```\n"
}

#[test]
fn failures_are_shown_as_they_are() {
    // One after the other: both may write the README.
    for (folder, least) in [("failures", 11), ("doctor", 5)] {
        is_shown(folder, least);
    }
}

fn is_shown(folder: &str, least: usize) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (begin, end) = gallery(folder);
    let entries = root.join("tests").join(folder).read_dir().unwrap();
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let gallery: Vec<String> =
        files.iter().map(|file| shown(&std::fs::read_to_string(file).unwrap())).collect();
    assert!(gallery.len() >= least, "{folder}: they are there");
    let readme = std::fs::read_to_string(root.join("README.md")).unwrap();
    let (before, rest) = readme.split_once(&begin).unwrap();
    let (now, after) = rest.split_once(&end).unwrap();
    let gallery = format!("\n{}\n", gallery.join("\n"));
    if std::env::var("PDEX_SESSIONS").is_ok_and(|v| v == "update") {
        let text = [before, begin.as_str(), &gallery, &end, after].concat();
        std::fs::write(root.join("README.md"), text).unwrap();
    } else {
        assert!(now == gallery, "PDEX_SESSIONS=update cargo test --test readme writes it anew:\n{gallery}");
    }
}

#[test]
fn every_command_is_described_as_its_help_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/commands.md");
    let reference = pdex::cli::reference();
    assert!(reference.contains("\n## pdex secrets rotate\n"));
    if std::env::var("PDEX_SESSIONS").is_ok_and(|v| v == "update") {
        std::fs::write(&path, reference).unwrap();
    } else {
        let now = std::fs::read_to_string(&path).unwrap();
        assert!(
            now == reference,
            "PDEX_SESSIONS=update cargo test --test readme writes docs/commands.md anew"
        );
    }
}
