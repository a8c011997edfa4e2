//! How fast the model answers without HTTP: `MODEL_DIR=… cargo run --release -p dex --example rate`. Prints one line of JSON:
//! microseconds per matchup in both orders on one thread, and matchups per second in blocks on all cores. Part of `make bench-api`.

#![expect(clippy::unwrap_used, reason = "a bench that cannot read its input has nothing to say")]
#![expect(clippy::print_stdout, reason = "its result")]

use std::path::Path;
use std::time::{Duration, Instant};

use dex::battle::{Fighter, Matchup, Rules};
use dex::pokedex::Pokedex;
use dex::predict::Predictor;

/// Each measurement takes at least this long.
const LONG_ENOUGH: Duration = Duration::from_secs(2);
/// Matchups evaluated together.
const BLOCK: usize = 250;

fn main() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../etl/data/snapshot.json");
    let mut snapshot: serde_json::Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let dex: Pokedex = serde_json::from_value(snapshot["pokedex"].take()).unwrap();
    let predictor = Predictor::load(Path::new(&std::env::var("MODEL_DIR").unwrap())).unwrap();
    let fighters: Vec<_> =
        dex.pokemon.iter().map(|p| Fighter::new(&dex, &Rules::default(), p, &[])).collect();
    let pairs: Vec<_> = fighters.iter().flat_map(|a| fighters.iter().map(move |b| (a, b))).collect();

    let (start, mut count, mut sum) = (Instant::now(), 0_u32, 0.0);
    while start.elapsed() < LONG_ENOUGH {
        for (a, b) in pairs.iter().step_by(7) {
            sum += predictor.odds(&Matchup::new(&dex.chart, a, b));
            count += 1;
        }
    }
    let alone_us = start.elapsed().as_secs_f64() * 1e6 / f64::from(count);

    let cores = std::thread::available_parallelism().unwrap().get();
    let start = Instant::now();
    let done: usize = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..cores)
            .map(|_| {
                scope.spawn(|| {
                    let mut done = 0;
                    for block in pairs.chunks(BLOCK).cycle() {
                        let matchups: Vec<_> =
                            block.iter().map(|(a, b)| Matchup::new(&dex.chart, a, b)).collect();
                        done += predictor.odds_of(&matchups).len();
                        if start.elapsed() > LONG_ENOUGH {
                            break;
                        }
                    }
                    done
                })
            })
            .collect();
        workers.into_iter().map(|worker| worker.join().unwrap()).sum()
    });
    let per_second = done as f64 / start.elapsed().as_secs_f64();
    println!(
        "{}",
        serde_json::json!({"matchup_us": alone_us, "batch_per_second": per_second, "cores": cores, "check": sum / f64::from(count)})
    );
}
