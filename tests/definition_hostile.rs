//! Hostile definitions through the built program: each ends in an error that names file and line, in bounded time and memory.
//! Time is what the processor spent on it, so that a busy machine makes little difference; memory is limited from outside.
//! `PDEX_TEST_PROGRAM=target/release/pdex` has the program that users have tried.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "the program is tested from outside, under limits that a shell sets, and what was measured is said"
)]

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

/// Address space of the program, KiB.
const MEMORY_KIB: u32 = 384 * 1024;

/// The program, and how many seconds of the processor it has. On a machine that does nothing else it takes less than one; three are
/// what a slow core and its busy neighbour make of that. A debug build is slower by an order of magnitude.
fn program() -> (PathBuf, f64) {
    let built =
        || (PathBuf::from(env!("CARGO_BIN_EXE_pdex")), if cfg!(debug_assertions) { 24.0 } else { 3.0 });
    let named = std::env::var("PDEX_TEST_PROGRAM");
    named.map_or_else(|_| built(), |path| (Path::new(env!("CARGO_MANIFEST_DIR")).join(path), 3.0))
}

/// A folder with the files of one attack; `compose.yaml` is the definition.
struct Attack {
    folder: tempfile::TempDir,
}

impl Attack {
    fn new(definition: impl AsRef<[u8]>) -> Self {
        let attack = Self { folder: tempfile::tempdir().expect("folder") };
        attack.file("compose.yaml", definition)
    }

    fn file(self, name: &str, content: impl AsRef<[u8]>) -> Self {
        fs::write(self.folder.path().join(name), content).expect("written");
        self
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The program refuses it, with this beginning of its first error: `file:line` and, after the column, some words.
    fn is_refused(&self, place: &str, words: &str) {
        let script = format!(
            "ulimit -v {MEMORY_KIB}; \"$0\" -f compose.yaml config >out 2>err; code=$?; times >spent; exit $code"
        );
        let (program, limit) = program();
        let mut shell = Command::new("sh");
        shell
            .args(["-c", &script])
            .arg(program)
            .current_dir(self.path())
            .env_clear()
            .env("PATH", "/usr/bin:/bin");
        let began = Instant::now();
        let status = shell.status().expect("sh runs");
        let took = began.elapsed();
        let read = |name: &str| fs::read_to_string(self.path().join(name)).unwrap_or_default();
        let told = read("err");
        let first = told.lines().next().unwrap_or_default();
        let shown: String = told.chars().take(600).collect();
        assert_eq!(status.code(), Some(6), "{place}: {shown}");
        assert!(first.starts_with(&format!("error: {place}")), "{place}: {shown}");
        assert!(first.contains(words), "{words}: {shown}");
        assert!(told.len() < 300_000, "{place}: {} bytes of errors", told.len());
        let spent = cpu_seconds(read("spent").lines().last().unwrap_or_default());
        eprintln!("{place} ({words}): {spent:.2} s of the processor, {took:.2?} in all");
        assert!(spent < limit, "{place} ({words}) took {spent} s");
    }
}

/// `0m1.25s 0m0.10s` of the shell's `times`.
fn cpu_seconds(text: &str) -> f64 {
    let one = |part: &str| {
        let (minutes, seconds) = part.trim_end_matches('s').split_once('m').expect("minutes and seconds");
        minutes.parse::<f64>().expect("minutes") * 60.0 + seconds.parse::<f64>().expect("seconds")
    };
    text.split_whitespace().map(one).sum()
}

/// `count` lines made by `line`.
fn lines(count: usize, line: impl Fn(usize) -> String) -> String {
    let mut text = String::new();
    for at in 0..count {
        let _ = writeln!(text, "{}", line(at));
    }
    text
}

#[test]
fn aliases_and_depth_are_bounded() {
    let bomb = lines(9, |i| format!("x-{}: &n{} [{}]", i + 1, i + 1, vec![format!("*n{i}"); 9].join(",")));
    Attack::new(format!("x-0: &n0 [x]\n{bomb}")).is_refused("compose.yaml:7", "values once aliases");
    let merges = lines(500, |i| format!("x-{}: &m{} {{<<: [*m{i}, *m{i}], k{i}: v}}", i + 1, i + 1));
    Attack::new(format!("x-0: &m0 {{a: b}}\n{merges}")).is_refused("compose.yaml:15", "values once aliases");
    Attack::new("services: {a: &a {image: x, labels: *a}}\n")
        .is_refused("compose.yaml:1", "inside the value it names");
    Attack::new(lines(3_000, |i| format!("{}a:", " ".repeat(i))))
        .is_refused("compose.yaml:65", "more than 64 deep");
    Attack::new(format!("services: {}", "{a: ".repeat(100_000))).is_refused("compose.yaml:1", "");
    let nested = format!("services: {{a: {{image: \"{}x{}\"}}}}", "${X:-".repeat(50_000), "}".repeat(50_000));
    Attack::new(nested).is_refused("compose.yaml:1", "nested more than 32 deep");
    let names = lines(9, |i| format!("  s{i}: {{image: x, \"{}\": 1}}", "k".repeat(600 + i)));
    Attack::new(format!("services:\n{names}")).is_refused("compose.yaml:2", "a key has more than 512 bytes");
    Attack::new("services: {a: {image: x}}\n---\n".repeat(100))
        .is_refused("compose.yaml:129", "more than 64 documents");
}

#[test]
fn ten_thousand_services_are_bounded() {
    let ring = lines(10_000, |i| format!("  s{i}: {{image: x, depends_on: [s{}]}}", (i + 1) % 10_000));
    Attack::new(format!("services:\n{ring}")).is_refused("compose.yaml:10001", "in a circle");
    let wrong = lines(10_000, |i| {
        format!("  s{i}: {{image: x, depends_on: [n{i}], networks: [m{i}], volumes: ['v{i}:/v']}}")
    });
    Attack::new(format!("services:\n{wrong}")).is_refused("compose.yaml:2", "is not defined");
    let typos = lines(10_000, |i| format!("  s{i}: {{imag: x, prots: [1]}}"));
    Attack::new(format!("services:\n{typos}")).is_refused("compose.yaml:2", "neither `image` nor");
    let chain = lines(10_000, |i| format!("  s{i}: {{extends: s{}}}", i + 1));
    Attack::new(format!("services:\n{chain}  s10000: {{image: x}}\n"))
        .is_refused("compose.yaml:66", "more than 64 deep");
    let labels = lines(1_000, |i| format!("      l{i}: v"));
    let heirs = lines(9_000, |i| format!("  s{i}: {{extends: base}}"));
    Attack::new(format!("services:\n  base:\n    image: x\n    labels:\n{labels}{heirs}"))
        .is_refused("compose.yaml:1", "copies more than it may");
}

#[test]
fn long_lists_take_no_longer_than_they_are() {
    let many = |key: &str, item: fn(usize) -> String| {
        let items = lines(60_000, |i| format!("      - {}", item(i)));
        format!("services:\n  a:\n    image: x\n    restart: sometimes\n    {key}:\n{items}")
    };
    for (key, item) in [
        ("cap_add", (|i| format!("c{i}")) as fn(usize) -> String),
        ("tmpfs", |i| format!("/t{i}")),
        ("security_opt", |i| format!("c{i}")),
        ("devices", |i| format!("/dev/d{i}")),
        ("expose", |i| format!("{}-{}", i % 60_000 + 1, i % 60_000 + 2)),
        ("volumes", |i| format!("/v{i}")),
        ("environment", |i| format!("V{i}=1")),
        ("configs", |i| format!("{{source: c, target: /c{i}}}")),
    ] {
        Attack::new(many(key, item)).is_refused("compose.yaml:", "`sometimes` is none of");
    }
    Attack::new(many("ports", |i| format!("'{}:80'", i + 1))).is_refused("compose.yaml:4", "`sometimes`");
    Attack::new("services: {a: {image: x, ports: ['1-65535:1-65535']}}\n")
        .is_refused("compose.yaml:1", "more than 2000");
    Attack::new(format!(
        "services:\n  a:\n    image: x\n    ports:\n{}",
        "      - 1-2000:1-2000\n".repeat(5_000)
    ))
    .is_refused("compose.yaml:15", "more than 20000 ports");
}

#[test]
fn bytes_that_are_no_text_are_refused_where_they_begin() {
    Attack::new("\u{feff}services:\r\n  a:\r\n    imag: x\r\n")
        .is_refused("compose.yaml:3:5", "unknown attribute");
    Attack::new(b"services:\n  a: {image: caf\xe9}\n").is_refused("compose.yaml:2", "not UTF-8");
    Attack::new(b"\xff\xfes\0e\0").is_refused("compose.yaml:1", "not UTF-8");
    Attack::new(b"services:\n  a: {image: \"a\0b\"}\n").is_refused("compose.yaml:2", "");
    Attack::new("services:\n\ta: {image: x}\n").is_refused("compose.yaml:2", "");
    Attack::new("services:\n  a: {image: x}\n  a: {image: y}\n").is_refused("compose.yaml:3", "twice");
    Attack::new(vec![b'a'; 9 << 20]).is_refused("compose.yaml:", "more than the 8388608");
    let huge = "a".repeat(7 << 20);
    Attack::new(format!("services:\n  a: {{image: x, ports: [\"{huge}\"]}}\n"))
        .is_refused("compose.yaml:2", "container port");
    Attack::new(format!("services:\n  a: {{image: x, restart: {huge}}}\n"))
        .is_refused("compose.yaml:2", "restart: `aaa");
}

#[test]
fn variables_cannot_grow_without_end() {
    let doubling = lines(40, |i| format!("A{}=${{A{i}}}${{A{i}}}", i + 1));
    Attack::new("services: {a: {image: x}}\n")
        .file(".env", format!("A0=xxxxxxxx\n{doubling}"))
        .is_refused(".env:", "grow");
    let broad = lines(1_000, |i| format!("B{i}=$A"));
    let big = "x".repeat(900_000);
    Attack::new("services: {a: {image: x}}\n")
        .file(".env", format!("A={big}\n{broad}"))
        .is_refused(".env:10", "in all");
    let uses = lines(20_000, |i| format!("  s{i}: {{image: $A}}"));
    Attack::new(format!("services:\n{uses}"))
        .file(".env", format!("A={big}\n"))
        .is_refused("compose.yaml:", "grow too long");
    Attack::new("services: {a: {image: x}}\n")
        .file(".env", "=\n".repeat(1_000_000))
        .is_refused(".env:1", "name is missing");
    let readers = lines(10_000, |i| format!("  s{i}: {{image: x, env_file: big.env}}"));
    let variables = lines(20_000, |i| format!("VARIABLE_{i}=value"));
    Attack::new(format!("services:\n{readers}"))
        .file("big.env", variables)
        .is_refused("compose.yaml:", "such files have more");
}

#[test]
fn files_that_name_each_other_are_bounded() {
    let own = "include: [compose.yaml]\nservices: {a: {image: x}}\n";
    Attack::new(own).is_refused("compose.yaml:1:11", "include each other in a circle");
    let circle = Attack::new("include:\n  - b.yaml\nservices: {a: {image: x}}\n");
    circle.file("b.yaml", "include:\n  - compose.yaml\n").is_refused("b.yaml:2:5", "in a circle");
    let chain = (0..100).fold(Attack::new("include: [i0.yaml]\n"), |attack, i| {
        attack.file(&format!("i{i}.yaml"), format!("include: [i{}.yaml]\n", i + 1))
    });
    chain.is_refused("i31.yaml:1", "more than 32 deep");
    let fan = (0..30).fold(Attack::new("include: [i0.yaml, i0.yaml]\n"), |attack, i| {
        attack.file(&format!("i{i}.yaml"), format!("include: [i{0}.yaml, i{0}.yaml]\n", i + 1))
    });
    fan.file("i30.yaml", "services: {a: {image: x}}\n").is_refused("compose.yaml:1", "more than 500 files");
    let two = Attack::new("services:\n  a: {extends: {file: b.yaml, service: b}}\n");
    two.file("b.yaml", "services:\n  b: {extends: {file: compose.yaml, service: a}}\n")
        .is_refused("", "in a circle");
}

#[test]
fn what_is_no_file_is_not_read() {
    let attribute = |text: &str| Attack::new(format!("services:\n  a:\n    image: x\n    {text}\n"));
    attribute("env_file: missing.env").is_refused("compose.yaml:4:15", "there is no such file");
    attribute("env_file: /dev/zero").is_refused("compose.yaml:4:15", "not a regular file");
    attribute("label_file: /").is_refused("compose.yaml:4:17", "not a regular file");
    attribute("extends: {file: /dev/urandom, service: a}")
        .is_refused("compose.yaml:4:14", "not a regular file");
    Attack::new("include:\n  - nowhere.yaml\n").is_refused("compose.yaml:2:5", "there is no such file");
    let looped = Attack::new("include:\n  - loop.yaml\n");
    std::os::unix::fs::symlink("loop.yaml", looped.path().join("loop.yaml")).expect("link");
    looped.is_refused("compose.yaml:2:5", "cannot be read");
}
