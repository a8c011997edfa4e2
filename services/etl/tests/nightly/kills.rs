//! A run ended at any instant leaves the data of before or the data of after, never a mixture; run again it leaves what an
//! uninterrupted run leaves.

use std::pin::pin;
use std::process::Stdio;
use std::task::Poll;
use std::time::Duration;

use etl::run::run;
use etl::settings::Choice;
use etl::snapshot::{SHIPPED, Snapshot};
use tokio::process::Command;

use super::dump::digest;
use super::support::{Database, texts};

const KILLS: u32 = 500;
const PROCESS_KILLS: u32 = 12;

/// `SplitMix64`: a documented generator, so that a printed seed means the same everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }
}

fn seed() -> Random {
    let seed = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    eprintln!("seed {seed}");
    Random(seed)
}

/// The shipped data of the first fifteen species: enough of every table, and five hundred runs of it are soon done.
fn small() -> Snapshot {
    let mut snapshot = Snapshot::decode(SHIPPED).unwrap();
    let facts = &mut snapshot.facts;
    facts.pokedex.pokemon.retain(|p| p.species_id <= 15);
    let kept: Vec<u16> = facts.pokedex.pokemon.iter().map(|p| p.id).collect();
    facts.evolutions.retain(|e| kept.contains(&e.pokemon_id));
    snapshot
}

/// That data and the same with another value in many rows of several tables, and rows that are not in the other.
fn two_snapshots() -> [Vec<u8>; 2] {
    let mut other = small();
    for p in &mut other.facts.pokedex.pokemon {
        p.weight_hg += 1;
    }
    for m in other.facts.pokedex.moves.iter_mut().filter(|m| m.pp < 40) {
        m.pp += 1;
    }
    // A level-up row moves to another level, so that rows vanish and appear.
    for p in &mut other.facts.pokedex.pokemon {
        if let Some(last) = p.learnset.iter_mut().filter(|l| l.level > 1).last() {
            last.level += 1;
        }
        p.learnset.sort_by_key(|l| (l.method, l.level, l.move_id));
    }
    other.facts.later_values.retain(|later| later.attribute != etl::facts::Attribute::Pp);
    [small(), other].map(|snapshot| snapshot.encode().unwrap().into_bytes())
}

/// Polls a run so many times and drops it: its connection ends as that of a killed process does.
async fn killed_after<F: Future>(polls: u64, run: F) -> Option<F::Output> {
    let mut run = pin!(run);
    let mut left = polls;
    std::future::poll_fn(|context| match run.as_mut().poll(context) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending if left == 0 => Poll::Ready(None),
        Poll::Pending => {
            left -= 1;
            Poll::Pending
        }
    })
    .await
}

async fn polls_of<F: Future>(run: F) -> (u64, F::Output) {
    let mut run = pin!(run);
    let mut polls = 0;
    let output = std::future::poll_fn(|context| {
        polls += 1;
        run.as_mut().poll(context)
    })
    .await;
    (polls, output)
}

#[tokio::test]
async fn five_hundred_kills_leave_the_old_content_or_the_new() {
    let Some(database) = Database::create().await else { return };
    let settings = database.run_settings(Choice::Snapshot, "http://127.0.0.1:1");
    let snapshots = two_snapshots();
    let expected =
        snapshots.each_ref().map(|bytes| etl::counts::Counts::of(&Snapshot::decode(bytes).unwrap().facts));
    let client = database.connect().await;
    let mut contents = Vec::new();
    let mut length = 0;
    for at in [1, 0] {
        let (polls, outcome) = polls_of(run(&settings, &snapshots[at], &expected[at])).await;
        outcome.unwrap();
        length = length.max(polls);
        contents.insert(0, digest(&client).await);
    }
    assert_ne!(contents[0], contents[1]);

    let mut random = seed();
    let (mut finished, mut switched, mut now) = (0, 0, 0);
    for kill in 0..KILLS {
        let to = 1 - now;
        let after = random.below(length);
        let outcome = killed_after(after, run(&settings, &snapshots[to], &expected[to])).await;
        finished += u32::from(outcome.is_some());
        let content = digest(&client).await;
        if content == contents[to] {
            switched += 1;
            now = to;
        } else {
            assert!(content == contents[now], "kill {kill} after {after} polls left a mixture");
            assert!(outcome.is_none(), "kill {kill}: a run that ended left nothing");
        }
    }
    run(&settings, &snapshots[0], &expected[0]).await.unwrap();
    assert!(digest(&client).await == contents[0], "run again, the content is the uninterrupted one");
    let open = texts(&client, "SELECT count(*)::text FROM etl_runs WHERE status = 'running'").await;
    assert_eq!(open, ["0"]);
    assert!(switched < KILLS, "no kill came before the commit: {finished} of {KILLS} runs finished");
    database.drop_it().await;
}

/// The same with SIGKILL for the built program, migrations included: every other time the database is new.
#[tokio::test]
async fn a_killed_process_leaves_nothing_half_done() {
    let mut random = seed();
    for kill in 0..PROCESS_KILLS {
        let Some(database) = Database::create().await else { return };
        let command = || {
            let mut command = Command::new(env!("CARGO_BIN_EXE_etl"));
            command
                .env_clear()
                .env("POSTGRES_HOST", &database.settings.host)
                .env("POSTGRES_PORT", database.settings.port.to_string())
                .env("POSTGRES_DB", &database.settings.database)
                .env("POSTGRES_USER", &database.settings.user)
                .env("POSTGRES_PASSWORD", database.settings.password.expose())
                .stdout(Stdio::null())
                .stderr(Stdio::null());
            command
        };
        let mut child = command().spawn().unwrap();
        let after = Duration::from_micros(random.below(400_000));
        if tokio::time::timeout(after, child.wait()).await.is_err() {
            child.kill().await.unwrap();
        }
        assert!(command().status().await.unwrap().success(), "kill {kill} after {after:?}");
        let facts = etl::load::read(&database.connect().await).await.unwrap();
        assert!(facts == Snapshot::decode(SHIPPED).unwrap().facts, "kill {kill} after {after:?}");
        database.drop_it().await;
    }
}
