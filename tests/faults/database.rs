//! Backups of a real PostgreSQL: everything that `pg_dump` and `pg_dumpall` tell of it is the same afterwards, letter by letter,
//! whether it runs, is gone or has other data; a kill leaves the old or the new, and a wrong password is noticed before either.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::killed::{Random, kills};
use crate::stage::{Said, Stage, eventually, text};

/// In the place of `ROOT` comes the repository: where the image is not there, it is made from the recipe.
const STACK: &str = r#"
services:
  db:
    image: postgres:15
    x-pdex: { distribution: "ROOT/stack/images/postgres", ready: { tcp: 5432 }, backup: { dump: postgres } }
    environment: { POSTGRES_DB: shop, POSTGRES_USER: owner, POSTGRES_PASSWORD: "${SHOP_PASSWORD}" }
    volumes: ["tables:/var/lib/postgresql/data"]
    healthcheck: { test: ["CMD-SHELL", "pg_isready -h 127.0.0.1 -U owner"], interval: 1s, retries: 30 }
volumes: { tables: {} }
"#;

const PASSWORD: &str = "owners-very-own-password";

/// What a dump may stumble over: names, locales, privileges, settings, and every kind of thing that holds data.
const SHOP: &str = r#"
CREATE ROLE readers NOLOGIN;
CREATE ROLE "odd ""role""" LOGIN PASSWORD 'readers-very-own-password' CONNECTION LIMIT 7;
ALTER ROLE "odd ""role""" SET statement_timeout = '5s';
GRANT readers TO "odd ""role""";
CREATE SCHEMA stock;
CREATE TYPE stock.kind AS ENUM ('berry', 'ball');
CREATE TABLE stock.items (
  id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, kind stock.kind NOT NULL, name text COLLATE "C" NOT NULL, price numeric,
  weight double precision, blob bytea, tags text[], more jsonb, at timestamptz, CHECK (price IS NULL OR price >= 0));
INSERT INTO stock.items (kind, name, price, weight, blob, tags, more, at)
  SELECT 'berry', E'n\t\\' || n || E'\n«é»', n / 7.0, n / 3.0, decode(md5(n::text), 'hex'), ARRAY[n::text, NULL], jsonb_build_object('n', n),
         '2020-01-01'::timestamptz + n * interval '1 hour' FROM generate_series(1, 20000) n;
INSERT INTO stock.items (kind, name, price, weight) VALUES ('ball', '', 'NaN', '-Infinity'), ('ball', '\.', NULL, 'NaN');
CREATE INDEX ON stock.items (lower(name));
CREATE TABLE sales (day date, item integer REFERENCES stock.items) PARTITION BY RANGE (day);
CREATE TABLE sales_old PARTITION OF sales FOR VALUES FROM (MINVALUE) TO ('2020-01-01');
CREATE TABLE sales_new PARTITION OF sales DEFAULT;
INSERT INTO sales SELECT date '2019-06-01' + n, n FROM generate_series(1, 500) n;
CREATE VIEW cheap AS SELECT id, name FROM stock.items WHERE price < 100;
CREATE MATERIALIZED VIEW counted AS SELECT kind, count(*) FROM stock.items GROUP BY kind;
CREATE FUNCTION twice(integer) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT $1 * 2';
CREATE SEQUENCE tickets INCREMENT 3; SELECT nextval('tickets'), nextval('tickets');
SELECT lo_from_bytea(424242, decode(repeat('00ff', 3000), 'hex'));
GRANT USAGE ON SCHEMA stock TO readers; GRANT SELECT ON ALL TABLES IN SCHEMA stock TO readers;
REVOKE CONNECT ON DATABASE shop FROM PUBLIC; GRANT CONNECT ON DATABASE shop TO readers WITH GRANT OPTION;
ALTER DATABASE shop SET search_path = stock, "$user", public;
ALTER DATABASE shop SET application_name = 'it''s; :"name" \';
ALTER ROLE readers IN DATABASE shop SET work_mem = '8MB';
ALTER DATABASE shop CONNECTION LIMIT 50;
COMMENT ON DATABASE shop IS 'it''s :"name"';
CREATE DATABASE "odd ""name"" = 'x'" TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' OWNER "odd ""role""";
CREATE DATABASE nations TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'fr-FR';
\connect nations
CREATE TABLE words (word text); INSERT INTO words VALUES ('cote'), ('côte'), ('coté'), ('côté');
CREATE INDEX ON words (word);
"#;

fn set(name: &str) -> Option<Stage> {
    let stage = Stage::set(name)?;
    stage.define(&STACK.replace("ROOT", env!("CARGO_MANIFEST_DIR")));
    has_password(&stage, PASSWORD);
    stage.run(&["up"]).ends(0, &[]);
    sql(&stage, "shop", SHOP);
    Some(stage)
}

fn has_password(stage: &Stage, password: &str) {
    fs::write(stage.folder.path().join(".env"), format!("SHOP_PASSWORD={password}\n")).unwrap();
}

/// Runs a program in the server's container; its output.
fn inside(stage: &Stage, program: &[&str], input: &str) -> String {
    let container = stage.container("db");
    let mut command = Command::new("docker");
    command.args(["exec", "-i", &container]).args(program);
    let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = piped.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{program:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

fn sql(stage: &Stage, database: &str, script: &str) -> String {
    inside(stage, &["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-U", "owner", "-d", database], script)
}

fn databases(stage: &Stage) -> Vec<String> {
    let names =
        sql(stage, "template1", "SELECT datname FROM pg_database WHERE NOT datistemplate ORDER BY 1;");
    names.lines().map(str::to_owned).collect()
}

/// Everything, as PostgreSQL's own programs write it.
fn everything(stage: &Stage) -> BTreeMap<String, String> {
    dumped(stage, databases(stage))
}

/// Everything but what a restore has beside it, which the server may still be removing for one that was killed.
fn lasting(stage: &Stage) -> BTreeMap<String, String> {
    let mut names = databases(stage);
    names.retain(|name| !name.ends_with(".pdex-new") && !name.ends_with(".pdex-old"));
    dumped(stage, names)
}

/// The roles and these databases.
fn dumped(stage: &Stage, names: Vec<String>) -> BTreeMap<String, String> {
    let roles = inside(stage, &["pg_dumpall", "-U", "owner", "--roles-only", "--no-role-passwords"], "");
    let mut all = BTreeMap::from([("roles".to_owned(), roles)]);
    for name in names {
        let variable = format!("PGDATABASE={name}");
        all.insert(name, inside(stage, &["env", &variable, "pg_dump", "-U", "owner", "--create"], ""));
    }
    // A word that is another in each dump, against what might be in its lines.
    let is_own = |line: &&str| !line.starts_with("\\restrict ") && !line.starts_with("\\unrestrict ");
    all.into_iter()
        .map(|(name, dump)| {
            let kept = dump.lines().filter(is_own).fold(String::new(), |mut kept, line| {
                let _ = writeln!(kept, "{line}");
                kept
            });
            (name, kept)
        })
        .collect()
}

/// Fails with the first line that differs, for a dump is long.
fn are_same(before: &BTreeMap<String, String>, after: &BTreeMap<String, String>, when: &str) {
    assert_eq!(before.keys().collect::<Vec<_>>(), after.keys().collect::<Vec<_>>(), "{when}");
    for (name, dump) in before {
        let mut pairs = dump.lines().zip(after[name].lines());
        assert_eq!(pairs.find(|(before, after)| before != after), None, "{name} {when}");
        assert_eq!(dump.len(), after[name].len(), "{name} {when}");
    }
}

/// Another shop under the same name.
fn change(stage: &Stage) {
    let script = "DROP TABLE sales; DROP VIEW cheap; DELETE FROM stock.items WHERE id % 2 = 0; CREATE TABLE stock.added (n integer);
         UPDATE stock.items SET name = 'changed' WHERE id < 1000; SELECT lo_unlink(424242);
         ALTER DATABASE shop RESET ALL; GRANT CONNECT ON DATABASE shop TO PUBLIC; COMMENT ON DATABASE shop IS NULL;";
    sql(stage, "shop", script);
    sql(stage, "template1", "DROP DATABASE IF EXISTS nations;");
}

fn has_secret(bytes: &[u8]) -> bool {
    [PASSWORD, "readers-very-own-password", "SCRAM-SHA-256"]
        .iter()
        .any(|secret| bytes.windows(secret.len()).any(|window| window == secret.as_bytes()))
}

#[test]
fn a_database_comes_back_letter_by_letter() {
    let Some(stage) = set("database-whole") else { return };
    let before = everything(&stage);
    assert!(before["shop"].contains("424242") && before["shop"].len() > 2_000_000, "{:?}", before.keys());
    let said = stage.run(&["backup", "--out", "kept"]).ends(0, &["saved database shop of db", "wrote kept"]);
    let tar = zstd::decode_all(fs::read(stage.folder.path().join("kept")).unwrap().as_slice()).unwrap();
    assert!(!has_secret(&tar), "no password is in it");
    assert!(!has_secret(said.error.as_bytes()), "{said:#?}");

    // Over other data, with a session that does not want to go, beside a database that came later.
    change(&stage);
    sql(&stage, "shop", "CREATE DATABASE later;");
    let sleep = "SELECT pg_sleep(600)";
    stage.docker(&["exec", "-d", &stage.container("db"), "psql", "-U", "owner", "-d", "shop", "-c", sleep]);
    let sleeping =
        "SELECT count(*) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(600)' AND datname = 'shop';";
    eventually("somebody sleeps in the shop", || sql(&stage, "template1", sleeping).trim() == "1");
    let plan = stage.run(&["restore", "--plan", "kept"]).ends(0, &[]);
    assert!(plan.out.contains("database nations, if it is there"), "{plan:#?}");
    stage.run(&["restore", "kept", "--yes"]).ends(0, &["replaced the databases of db", "restored kept"]);
    let mut after = everything(&stage);
    assert!(after.remove("later").is_some(), "what is not in the backup stays");
    are_same(&before, &after, "over other data");
    sql(&stage, "template1", "DROP DATABASE later;");
    assert_eq!(sql(&stage, "template1", sleeping).trim(), "0");

    // Where nothing is left.
    stage.run(&["down", "-v", "--yes"]).ends(0, &["wrote ", "removed volume"]);
    stage.run(&["restore", "kept", "--yes"]).ends(0, &["restored kept", "stopped container"]);
    stage.run(&["up"]).ends(0, &[]);
    are_same(&before, &everything(&stage), "after a removal of everything");

    // From the backup that came before the removal, and from a server that did not run.
    let own = fs::read_dir(stage.folder.path().join("backups")).unwrap().next().unwrap().unwrap().path();
    change(&stage);
    stage.run(&["restore", &own.display().to_string(), "--yes"]).ends(0, &[]);
    are_same(&before, &everything(&stage), "from the backup before the removal");
    stage.run(&["down"]).ends(0, &[]);
    stage.run(&["backup", "--out", "cold"]).ends(0, &["saved volume tables of db"]);
    stage.run(&["up"]).ends(0, &[]);
    change(&stage);
    stage.run(&["restore", "cold", "--yes"]).ends(0, &["replaced volume"]);
    are_same(&before, &everything(&stage), "from a copy of the volume");
}

#[test]
fn a_password_that_is_not_the_databases_replaces_nothing() {
    let Some(stage) = set("database-password") else { return };
    stage.run(&["backup", "--out", "kept"]).ends(0, &[]);
    change(&stage);
    let before = everything(&stage);
    has_password(&stage, "another-password");
    stage.run(&["up"]).ends(0, &[]);
    let words = ["does not take the password", "nothing was replaced"];
    let said = stage.run(&["restore", "kept", "--yes"]).ends(1, &words);
    assert!(!said.error.contains("another-password"), "{said:#?}");
    are_same(&before, &everything(&stage), "after it was refused");
}

#[test]
fn a_dump_waits_for_nobody_who_never_lets_go() {
    let Some(stage) = set("database-locked") else { return };
    let lock = "BEGIN; LOCK TABLE sales; SELECT pg_sleep(600);";
    stage.docker(&["exec", "-d", &stage.container("db"), "psql", "-U", "owner", "-d", "shop", "-c", lock]);
    let locked = "SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND granted AND relation IS NOT NULL;";
    eventually("a table is locked", || sql(&stage, "shop", locked).trim() != "0");
    stage.run(&["backup", "--out", "kept"]).ends(1, &["cannot be dumped (shop)", "canceling statement"]);
    assert!(!stage.folder.path().join("kept").exists());
}

#[test]
fn a_restore_killed_at_any_instant_leaves_the_old_databases_or_the_new() {
    let mut random = Random::seeded("killed while databases are exchanged");
    let Some(stage) = set("database-killed") else { return };
    let kept = everything(&stage);
    stage.run(&["backup", "--out", "kept"]).ends(0, &[]);
    let began = Instant::now();
    stage.run(&["restore", "kept", "--yes"]).ends(0, &[]);
    let whole = began.elapsed();
    let (mut old, mut halves) = (0, 0);
    for _ in 0..kills() {
        change(&stage);
        let changed = everything(&stage);
        let after = Duration::from_millis(random.below(u64::try_from(whole.as_millis()).unwrap()));
        let mut child = stage.command(&["restore", "kept", "--yes"]).spawn().unwrap();
        std::thread::sleep(after);
        let _ = child.kill();
        Said::of(child);
        let label = format!("label=com.docker.compose.project={}", stage.project);
        let half = stage.docker(&["volume", "ls", "-q", "--filter", &label]).contains("_pdex-restoring");
        if half {
            halves += 1;
            stage.run(&["restart"]).ends(1, &["a restore was begun and has not ended"]);
            stage.run(&["restore"]).ends(0, &["finishing the restore of kept"]);
        }
        stage.run(&["up"]).ends(0, &[]);
        let found = lasting(&stage);
        if half || found["shop"] == kept["shop"] {
            are_same(&kept, &found, &format!("killed after {after:?}, half: {half}"));
        } else {
            old += 1;
            are_same(&changed, &found, &format!("killed after {after:?}"));
        }
        // What was made ready and not needed goes with the next.
        stage.run(&["restore", "kept", "--yes"]).ends(0, &[]);
        are_same(&kept, &everything(&stage), &format!("the next after one killed after {after:?}"));
    }
    eprintln!(
        "{old} of {} kept the old, {halves} were cut short in between, of a restore that takes {whole:?}",
        kills()
    );
}
