//! Logs that are followed: very many lines, a stream that is cut, and before anything runs. No line is lost or told twice, and
//! memory does not grow with them.

use std::io::{BufRead as _, BufReader};
use std::process::Child;
use std::time::Duration;

use crate::proxy::{Act, Fault, Proxy};
use crate::stage::{Said, Stage, wait_for_line};

const LINES: u64 = 300_000;
/// Far below what the lines take, which is about 25 MiB.
const MOST_MEMORY_KIB: u64 = 40 * 1024;

/// The most memory that a process has had so far.
fn peak_kib(child: &Child) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn very_many_lines_are_followed_without_loss_in_bounded_memory() {
    let Some(stage) = Stage::set("logs") else { return };
    let count = LINES.to_string();
    stage.define(&format!(
        "services: {{ talker: {{ image: IMAGE, command: [wait, \"1000\", then, lines, \"{count}\", then, stay], network_mode: none, \
         stop_signal: SIGKILL, logging: {{ driver: json-file, options: {{ max-size: 200m }} }} }} }}\n"
    ));
    stage.run(&["up"]).ends(0, &[]);
    let mut child = stage.command(&["logs", "-f", "talker"]).spawn().unwrap();
    let mut seen = 0;
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        let expected = format!("line {} of {count},", seen + 1);
        assert!(line.contains(&expected), "after {seen} lines: {line}");
        seen += 1;
        if seen == LINES {
            break;
        }
    }
    let peak = peak_kib(&child);
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(seen, LINES);
    eprintln!("logs -f: {seen} lines, {peak} KiB at most");
    assert!(peak < MOST_MEMORY_KIB, "{peak} KiB");
}

#[test]
fn who_follows_before_anything_runs_is_told_and_gets_the_first_line() {
    let Some(stage) = Stage::set("logs-early") else { return };
    stage.define(
        "services: { talker: { image: IMAGE, command: [say, here I am, then, exit, \"0\"], network_mode: none, x-pdex: { job: true } } }\n",
    );
    let mut child = stage.command(&["logs", "-f"]).spawn().unwrap();
    wait_for_line(&mut BufReader::new(child.stderr.take().unwrap()), "nothing has run yet; waiting");
    stage.run(&["up"]).ends(0, &[]);
    let said = Said::of(child).ends(0, &[]);
    assert_eq!(said.out, "talker | here I am\n");
}

#[test]
fn a_log_whose_stream_is_cut_again_and_again_is_whole() {
    let Some(mut stage) = Stage::set("logs-cut") else { return };
    let said: Vec<String> = (0..40).map(|n| format!("say, number {n}, then, wait, \"60\", then")).collect();
    stage.define(&format!(
        "services:\n  talker: {{ image: IMAGE, command: [wait, \"300\", then, {}, exit, \"0\"], network_mode: none }}\n  \
         silent: {{ image: IMAGE, command: [wait, \"4000\", then, exit, \"0\"], network_mode: none }}\n",
        said.join(", ")
    ));
    stage.run(&["up", "--no-wait"]).ends(0, &[]);
    let path = stage.folder.path().join("proxy.sock");
    let _proxy = Proxy::at(&path, Fault::always("/logs", Act::CutAfter(Duration::from_millis(250))));
    let direct = stage.host.replace(format!("unix://{}", path.display()));
    let child = stage.command(&["logs", "-f"]).spawn().unwrap();
    stage.host = direct;
    let said = Said::of(child).ends(0, &[]);
    let expected: Vec<String> = (0..40).map(|n| format!("talker | number {n}")).collect();
    assert_eq!(said.out.lines().collect::<Vec<_>>(), expected);
}
