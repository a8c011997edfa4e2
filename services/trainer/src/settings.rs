//! What the environment asks of the trainer. The only place that knows its variables.

use std::path::PathBuf;

use crate::scenario::Scenario;

/// A variable with a value that is not accepted.
#[derive(Debug, thiserror::Error)]
#[error("{variable}={value:?} is not accepted: it must be {accepted}")]
pub struct SettingsError {
    pub variable: &'static str,
    pub value: String,
    pub accepted: String,
}

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Data set, training and evaluation.
    All,
    Dataset,
    /// Trains on the data set already written.
    Train,
    /// Judges the model already written on the held-out part of the data set already written.
    Evaluate,
}

/// How many parameter combinations tuning tries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grid {
    Fast,
    Extended,
}

impl Grid {
    /// The name used in the environment.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fast => "fast",
            Self::Extended => "extended",
        }
    }
}

/// How a grid is searched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Search {
    /// All combinations on one fold, the best few on all folds.
    Halving,
    /// All combinations on all folds.
    Full,
}

impl Search {
    /// The name used in the environment.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Halving => "halving",
            Self::Full => "full",
        }
    }
}

/// Where the Pokédex comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// `PostgreSQL`, as the ETL filled it.
    Database,
    /// The one shipped with the program.
    Shipped,
}

/// What shapes the data set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatasetSettings {
    pub scenarios: Vec<Scenario>,
    /// Battles per row.
    pub repeats: u32,
    /// Random pairs of sets per matchup, for `random_move`.
    pub random_samples: u32,
    /// Pairs of moves per matchup, for `all_combinations`.
    pub max_combinations: u32,
    pub seed: u64,
}

/// Everything the job needs to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    pub mode: Mode,
    pub source: Source,
    pub dataset: DatasetSettings,
    /// Which grid to search; `None` trains with the defaults.
    pub tune: Option<(Grid, Search)>,
    pub skip_if_exists: bool,
    /// Base address of MLflow; `None` records nothing.
    pub mlflow: Option<String>,
    pub model_dir: PathBuf,
    pub threads: usize,
}

impl Settings {
    /// Reads the variables through `lookup`; an empty value counts as absent. `cores` is the default number of threads.
    pub fn from_lookup(lookup: &dyn Fn(&str) -> Option<String>, cores: usize) -> Result<Self, SettingsError> {
        let read = Reader { lookup };
        let mode = read.choice(
            "ML_MODE",
            &[
                ("all", Mode::All),
                ("dataset", Mode::Dataset),
                ("train", Mode::Train),
                ("evaluate", Mode::Evaluate),
            ],
        )?;
        let all = Scenario::ALL.to_vec();
        let mut scenarios = vec![("all", all)];
        scenarios.extend(Scenario::ALL.map(|s| (s.name(), vec![s])));
        let tune = read.flag("ML_TUNE_HYPERPARAMS", true)?;
        let grid = read.choice("ML_GRID_TYPE", &[("fast", Grid::Fast), ("extended", Grid::Extended)])?;
        let sources = [("database", Source::Database), ("shipped", Source::Shipped)];
        let search = read.choice("ML_SEARCH", &[("halving", Search::Halving), ("full", Search::Full)])?;
        Ok(Self {
            mode,
            source: read.choice("ML_POKEDEX", &sources)?,
            dataset: DatasetSettings {
                scenarios: read.choice("ML_SCENARIO_TYPE", &scenarios)?,
                repeats: read.number("ML_BATTLES_PER_MATCHUP", 200, 1, 100_000)?,
                random_samples: read.number("ML_NUM_RANDOM_SAMPLES", 2, 1, 1_000)?,
                max_combinations: read.number("ML_MAX_COMBINATIONS", 2, 1, 1_000)?,
                seed: u64::from(read.number("ML_SEED", 42, 0, u32::MAX)?),
            },
            tune: tune.then_some((grid, search)),
            skip_if_exists: read.flag("ML_SKIP_IF_EXISTS", true)?,
            mlflow: if read.flag("DISABLE_MLFLOW_TRACKING", false)? { None } else { read.tracking_uri()? },
            model_dir: read.text("MODEL_DIR").map_or_else(|| PathBuf::from("models"), PathBuf::from),
            threads: read.number("ML_THREADS", u32::try_from(cores).unwrap_or(1), 1, 1_024)? as usize,
        })
    }
}

struct Reader<'a> {
    lookup: &'a dyn Fn(&str) -> Option<String>,
}

impl Reader<'_> {
    fn text(&self, variable: &str) -> Option<String> {
        (self.lookup)(variable).map(|v| v.trim().to_owned()).filter(|v| !v.is_empty())
    }

    /// One of a list of names; the first is the default.
    fn choice<T: Clone>(
        &self,
        variable: &'static str,
        choices: &[(&'static str, T)],
    ) -> Result<T, SettingsError> {
        let Some(value) = self.text(variable) else { return Ok(choices[0].1.clone()) };
        if let Some((_, choice)) = choices.iter().find(|(name, _)| value.eq_ignore_ascii_case(name)) {
            return Ok(choice.clone());
        }
        let names: Vec<_> = choices.iter().map(|(name, _)| *name).collect();
        Err(SettingsError { variable, value, accepted: format!("one of {}", names.join(", ")) })
    }

    fn flag(&self, variable: &'static str, default: bool) -> Result<bool, SettingsError> {
        let yes_or_no = [("true", true), ("false", false), ("1", true), ("0", false)];
        if self.text(variable).is_none() { Ok(default) } else { self.choice(variable, &yes_or_no) }
    }

    fn number(
        &self,
        variable: &'static str,
        default: u32,
        least: u32,
        most: u32,
    ) -> Result<u32, SettingsError> {
        let Some(value) = self.text(variable) else { return Ok(default) };
        match value.parse() {
            Ok(number) if (least..=most).contains(&number) => Ok(number),
            _ => {
                let accepted = format!("a whole number from {least} to {most}");
                Err(SettingsError { variable, value, accepted })
            }
        }
    }

    /// Plain HTTP only: the tracking server is a neighbour on the stack's own network.
    fn tracking_uri(&self) -> Result<Option<String>, SettingsError> {
        let variable = "MLFLOW_TRACKING_URI";
        let Some(value) = self.text(variable) else { return Ok(None) };
        let address = value.trim_end_matches('/');
        if address.strip_prefix("http://").is_some_and(|host| !host.is_empty()) {
            Ok(Some(address.to_owned()))
        } else {
            let accepted = "an address such as http://mlflow:5000".to_owned();
            Err(SettingsError { variable, value, accepted })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Settings, SettingsError> {
        let lookup = |name: &str| variables.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned());
        Settings::from_lookup(&lookup, 2)
    }

    #[test]
    fn empty_environment_is_the_stacks_default() {
        let settings = read(&[("ML_MODE", "")]).unwrap();
        assert_eq!(settings.mode, Mode::All);
        assert_eq!(settings.dataset.scenarios, Scenario::ALL);
        assert_eq!((settings.tune, settings.skip_if_exists), (Some((Grid::Fast, Search::Halving)), true));
        assert_eq!((settings.mlflow, settings.model_dir), (None, PathBuf::from("models")));
        assert_eq!(settings.threads, 2);
    }

    #[test]
    fn values_are_read() {
        let settings = read(&[
            ("ML_MODE", "train"),
            ("ML_SCENARIO_TYPE", "best_move"),
            ("ML_TUNE_HYPERPARAMS", "false"),
            ("ML_GRID_TYPE", "extended"),
            ("MLFLOW_TRACKING_URI", "http://mlflow:5000/"),
        ])
        .unwrap();
        assert_eq!(settings.mode, Mode::Train);
        assert_eq!(settings.dataset.scenarios, [Scenario::BestMove]);
        assert_eq!(settings.tune, None);
        assert_eq!(settings.mlflow.as_deref(), Some("http://mlflow:5000"));
    }

    #[test]
    fn disabled_tracking_ignores_the_address() {
        let settings =
            read(&[("DISABLE_MLFLOW_TRACKING", "true"), ("MLFLOW_TRACKING_URI", "nonsense")]).unwrap();
        assert_eq!(settings.mlflow, None);
    }

    #[test]
    fn a_wrong_value_names_variable_value_and_what_is_accepted() {
        for (variable, value, message) in [
            (
                "ML_MODE",
                "fit",
                "ML_MODE=\"fit\" is not accepted: it must be one of all, dataset, train, evaluate",
            ),
            (
                "ML_SCENARIO_TYPE",
                "worst",
                "ML_SCENARIO_TYPE=\"worst\" is not accepted: it must be one of all, best_move, random_move, all_combinations",
            ),
            (
                "ML_TUNE_HYPERPARAMS",
                "yes",
                "ML_TUNE_HYPERPARAMS=\"yes\" is not accepted: it must be one of true, false, 1, 0",
            ),
            (
                "ML_GRID_TYPE",
                "huge",
                "ML_GRID_TYPE=\"huge\" is not accepted: it must be one of fast, extended",
            ),
            ("ML_THREADS", "0", "ML_THREADS=\"0\" is not accepted: it must be a whole number from 1 to 1024"),
            (
                "MLFLOW_TRACKING_URI",
                "https://x",
                "MLFLOW_TRACKING_URI=\"https://x\" is not accepted: it must be an address such as http://mlflow:5000",
            ),
        ] {
            assert_eq!(read(&[(variable, value)]).unwrap_err().to_string(), message);
        }
    }
}
