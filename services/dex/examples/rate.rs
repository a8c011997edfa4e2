//! How fast the model answers without HTTP: `MODEL_DIR=… cargo run --release -p dex --example rate`. Prints one line of JSON:
//! microseconds per matchup in both orders on one thread, and matchups per second in blocks on all cores; `cpu_us` are microseconds of
//! CPU per matchup in both ways, which a busy machine stretches less. Part of `make bench-api`.

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

/// CPU time of this thread in microseconds (`/proc`, see proc(5)).
fn cpu_us() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split(' ').next().unwrap().parse::<f64>().unwrap() / 1e3
}

fn main() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../etl/data/snapshot.json");
    let mut snapshot: serde_json::Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let dex: Pokedex = serde_json::from_value(snapshot["pokedex"].take()).unwrap();
    let predictor = Predictor::load(Path::new(&std::env::var("MODEL_DIR").unwrap())).unwrap();
    let fighters: Vec<_> =
        dex.pokemon.iter().map(|p| Fighter::new(&dex, &Rules::default(), p, &[])).collect();
    let pairs: Vec<_> = fighters.iter().flat_map(|a| fighters.iter().map(move |b| (a, b))).collect();

    let (start, mut count, mut sum) = (Instant::now(), 0_u32, 0.0);
    let cpu = cpu_us();
    while start.elapsed() < LONG_ENOUGH {
        for (a, b) in pairs.iter().step_by(7) {
            sum += predictor.odds(&Matchup::new(&dex.chart, a, b));
            count += 1;
        }
    }
    let alone_us = start.elapsed().as_secs_f64() * 1e6 / f64::from(count);
    let alone_cpu_us = (cpu_us() - cpu) / f64::from(count);

    let cores = std::thread::available_parallelism().unwrap().get();
    let start = Instant::now();
    let done: Vec<(usize, f64)> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..cores)
            .map(|_| {
                scope.spawn(|| {
                    let (mut done, cpu) = (0, cpu_us());
                    for block in pairs.chunks(BLOCK).cycle() {
                        let matchups: Vec<_> =
                            block.iter().map(|(a, b)| Matchup::new(&dex.chart, a, b)).collect();
                        done += predictor.odds_of(&matchups).len();
                        if start.elapsed() > LONG_ENOUGH {
                            break;
                        }
                    }
                    (done, cpu_us() - cpu)
                })
            })
            .collect();
        workers.into_iter().map(|worker| worker.join().unwrap()).collect()
    });
    let seconds = start.elapsed().as_secs_f64();
    let (done, cpu) = done.iter().fold((0, 0.0), |sum, worker| (sum.0 + worker.0, sum.1 + worker.1));
    let (per_second, together_cpu_us) = (done as f64 / seconds, cpu / done as f64);
    println!(
        "{}",
        serde_json::json!({"matchup_us": alone_us, "batch_per_second": per_second, "cores": cores, "cpu_us": [alone_cpu_us, together_cpu_us], "check": sum / f64::from(count)})
    );
}
