//! Mechanics and model against a folder of vectors: a small one of our own making always, the independent simulator's where a
//! checkout has them beside it (`../shared/vectors`).

#![expect(clippy::unwrap_used, reason = "a test that cannot prepare its input has failed")]

use std::path::{Path, PathBuf};

use trainer::shipped;
use trainer::vectors::format::VectorsError;
use trainer::vectors::verify::{Verification, verify};

fn check(dir: &Path, seeds: u32) -> Result<Verification, VectorsError> {
    verify(shipped::pokedex(), dir, seeds)
}

/// Two damage lines worked out by hand and one pair in which the faster side always wins.
fn folder() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
    write(
        "damage.jsonl",
        r#"{"attacker":"pidgey","move":"tackle","defender":"gastly","crit":false,"atk_stage":0,"def_stage":0,"burned":false,"screen":false,"rolls":[0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]}
{"attacker":"machamp","move":"seismictoss","defender":"chansey","crit":false,"atk_stage":0,"def_stage":0,"burned":false,"screen":false,"rolls":[50,50,50,50,50,50,50,50,50,50,50,50,50,50,50,50]}
"#,
    );
    write(
        "battles_single.jsonl",
        r#"{"a":"mewtwo","b":"caterpie","n":20,"wins_a":20,"wins_b":0,"draws":0,"mean_turns":1,"first_a":"psychic","first_b":"tackle","moves_a":["psychic"],"moves_b":["tackle"]}
"#,
    );
    dir
}

#[test]
fn a_folder_of_few_lines_is_judged_line_by_line() {
    let dir = folder();
    let verification = check(dir.path(), 50).unwrap();
    assert!(verification.within, "{verification:?}");
    let lines: Vec<_> = verification.files.iter().map(|f| (f.file, f.lines, f.mismatches)).collect();
    assert_eq!(lines, [("damage.jsonl", 2, 0), ("battles_single.jsonl", 1, 0)]);

    // One roll, one opening move, one winner: each is noticed.
    for (file, from, to) in [
        ("damage.jsonl", "[50,50", "[50,51"),
        ("battles_single.jsonl", r#""first_b":"tackle""#, r#""first_b":"bugbite""#),
        ("battles_single.jsonl", r#""wins_a":20"#, r#""wins_a":0"#),
    ] {
        let dir = folder();
        let path = dir.path().join(file);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(from));
        std::fs::write(&path, text.replacen(from, to, 1)).unwrap();
        assert!(!check(dir.path(), 50).unwrap().within, "{to}");
    }
}

#[test]
fn what_cannot_be_read_is_named_with_its_line() {
    let dir = folder();
    let path = dir.path().join("battles_single.jsonl");
    let text = std::fs::read_to_string(&path).unwrap();
    for (from, to, message) in [
        ("mewtwo", "mewthree", "battles_single.jsonl:1: no Pokémon is called \"mewthree\""),
        ("[\"psychic\"]", "[\"psychick\"]", "battles_single.jsonl:1: no move is called \"psychick\""),
        ("\"n\":20", "\"n\":0", "battles_single.jsonl:1: 20 wins and 0 draws in 0 battles"),
        ("{", "", "battles_single.jsonl:1: not a line of this format"),
    ] {
        std::fs::write(&path, text.replacen(from, to, 1)).unwrap();
        let error = check(dir.path(), 10).unwrap_err().to_string();
        assert!(error.ends_with(message), "{error}");
    }
    let empty = tempfile::tempdir().unwrap();
    assert!(matches!(check(empty.path(), 10), Err(VectorsError::Nothing { .. })));
}

#[test]
fn the_independent_simulators_vectors_agree() {
    let dir: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors");
    if !dir.exists() {
        eprintln!("skipped: {} is not there", dir.display());
        return;
    }
    // A tenth of the usual number: this is the unoptimised program.
    let verification = check(&dir, 200).unwrap();
    for file in &verification.files {
        eprintln!("{}", file.line());
        // Our own noise of few battles adds a little to the difference.
        if let Some(b) = &file.battles {
            assert!(b.mean_absolute_difference < b.chance_alone + 0.0025, "{}", file.line());
            assert!(b.unanimous_agreement > 0.995, "{}", file.line());
        }
        assert_eq!(file.mismatches, 0, "{}", file.line());
    }
    assert_eq!(verification.files.len(), 4);
}
