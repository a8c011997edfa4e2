//! What was measured, each figure with where it stands. `bench/results` is held against these by the tests below: a bench that is
//! run again changes both or neither.

use super::training::Measured;

/// Predictions a second of one core: half of the median on two cores, which also made the load, so that it is a lower bound.
/// bench/results/api.json, `api`.
pub const REQUESTS_PER_CORE: f64 = 20_558.0;
/// The most memory of the API under everything that the bench asks of it, MiB: the same file, the most of `api_mb`.
pub const API_MIB: f64 = 32.9;
/// The larger of a battle's request and answer, heads included: bench/results/scale.json.
pub const BATTLE_BYTES: f64 = 413.0;
/// Series that one API exposes after every kind of request: bench/results/scale.json.
pub const SERIES_PER_POD: u32 = 1_142;
/// Connections to the database that one API keeps: bench/results/scale.json.
pub const LOGINS_PER_POD: u32 = 1;
/// The Pokédex in PostgreSQL, with its indexes and ledger, bytes: bench/results/scale.json.
pub const DATABASE_BYTES: u64 = 9_960_807;
/// Trainings without a search, on two cores that did nothing else: the default data set with its report, and a large one without,
/// data set and fit. services/trainer/README.md, *Measured*.
pub const TRAINING: &[Measured] = &[(175_750, 21.0), (913_246, 59.7)];
/// The default settings, which search: the same table.
pub const SEARCH: Measured = (175_750, 105.7);

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::Value;

    use super::*;

    fn result(name: &str) -> Value {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("bench/results").join(name);
        serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
    }

    #[test]
    fn the_api_figures_are_those_of_the_bench() {
        let bench = result("api.json");
        let rounds = bench["api"].as_array().unwrap();
        let mut rates: Vec<f64> = rounds.iter().map(|round| round[0].as_f64().unwrap()).collect();
        rates.sort_by(f64::total_cmp);
        let median = rates[rates.len() / 2] / bench["machine"]["cores"].as_f64().unwrap();
        assert!((median - REQUESTS_PER_CORE).abs() < 1.0, "{median}");
        let most = bench["api_mb"].as_array().unwrap().iter().filter_map(Value::as_f64).fold(0.0, f64::max);
        assert!((most - API_MIB).abs() < 0.06, "{most}");
    }

    #[test]
    fn what_a_pod_brings_is_what_was_counted() {
        let scale = result("scale.json");
        let bytes = scale["request_bytes"].as_f64().unwrap().max(scale["answer_bytes"].as_f64().unwrap());
        assert!((bytes - BATTLE_BYTES).abs() < 0.5, "{bytes}");
        assert_eq!(scale["series"], SERIES_PER_POD);
        assert_eq!(scale["connections"], LOGINS_PER_POD);
        assert_eq!(scale["database_bytes"], DATABASE_BYTES);
    }

    /// The first number after a text of the trainer's README.
    fn trained(text: &str) -> f64 {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("services/trainer/README.md");
        let readme = std::fs::read_to_string(path).unwrap();
        let rest = readme.split_once(text).unwrap_or_else(|| panic!("{text}")).1;
        let number = rest.chars().take_while(|c| c.is_ascii_digit() || ",.".contains(*c));
        number.filter(|c| *c != ',').collect::<String>().parse().unwrap()
    }

    #[test]
    fn the_trainings_are_those_of_the_trainers_bench() {
        let (rows, large) = (trained("Python's on "), trained("data set of "));
        let made = trained("data set of 913,246 rows | ");
        let fit = trained("300 trees of depth 8 on 668,312 rows | ");
        let plain = trained("first run without a search: data set, training, report | ");
        let search = trained("first run with the fast grid, by halving | ");
        let shown = |rows: f64, seconds: f64| format!("{rows} rows in {seconds:.1} s");
        let known = |run: &Measured| shown(run.0.into(), run.1);
        let runs: Vec<String> = TRAINING.iter().map(known).collect();
        assert_eq!(
            runs,
            [shown(rows, plain), shown(large, made + fit)],
            "src/capacity/measured.rs has others"
        );
        assert_eq!(known(&SEARCH), shown(rows, search));
    }
}
