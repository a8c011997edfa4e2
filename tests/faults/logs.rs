//! Very many log lines, followed: none is lost, and memory does not grow with them.

use std::io::{BufRead as _, BufReader};
use std::process::Child;

use crate::stage::Stage;

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
