//! Which registered version serves: the alias `champion` moves only to a model that is better on the same held-out rows;
//! any other is `challenger`.

use dex::features;
use dex::model::Forest;
use serde_json::{Value, json};
use tracing::info;

use super::{Client, MlflowError, Record, text};
use crate::table::Table;
use crate::{evaluate, metrics};

/// Alias of the version to serve.
pub const CHAMPION: &str = "champion";
/// Alias of the newest version that is not better.
pub const CHALLENGER: &str = "challenger";

/// Judges another model on the rows that the new one was held out from.
pub trait HeldOut {
    /// Log loss of a model in `XGBoost`'s JSON; `None` when it cannot be judged: other features, or no rows at hand.
    fn log_loss(&self, model: &[u8]) -> Option<f64>;
}

impl HeldOut for Table {
    fn log_loss(&self, model: &[u8]) -> Option<f64> {
        let forest = Forest::from_json(model, &features::NAMES).ok()?;
        let judged = evaluate::judge(self, &evaluate::predict(&forest, self));
        metrics::all(&judged).get("log_loss").copied()
    }
}

/// For records that waited: their rows are gone.
#[derive(Debug, Clone, Copy)]
pub struct NoHeldOut;

impl HeldOut for NoHeldOut {
    fn log_loss(&self, _: &[u8]) -> Option<f64> {
        None
    }
}

/// Gives a new version its alias. Returns the alias.
pub(super) async fn place(
    client: &Client,
    record: &Record,
    version: &str,
    held_out: &(dyn HeldOut + Sync),
) -> Result<&'static str, MlflowError> {
    let name = &record.metadata.name;
    let own = record.metadata.metrics.get("log_loss").copied().unwrap_or(f64::INFINITY);
    let alias = match current(client, name).await? {
        None => CHAMPION,
        Some(run) => match its_loss(client, &run, record, held_out).await? {
            // A champion that today's features cannot feed cannot be served either.
            Loss::OtherFeatures => CHAMPION,
            Loss::Unknown => CHALLENGER,
            Loss::Known(champion) => {
                info!(champion, new = own, "log loss on the same held-out rows");
                if own < champion { CHAMPION } else { CHALLENGER }
            }
        },
    };
    client
        .post("registered-models/alias", &json!({"name": name, "alias": alias, "version": version}))
        .await?;
    Ok(alias)
}

/// The run of the champion, if there is one.
async fn current(client: &Client, name: &str) -> Result<Option<Value>, MlflowError> {
    let asked = client.get("registered-models/alias", &[("name", name), ("alias", CHAMPION)]).await;
    let found = match asked {
        Ok(found) => found,
        Err(error)
            if error.has_code("RESOURCE_DOES_NOT_EXIST") || error.has_code("INVALID_PARAMETER_VALUE") =>
        {
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    let run_id = text(&found, "/model_version/run_id")?;
    match client.get("runs/get", &[("run_id", run_id)]).await {
        Ok(run) => Ok(Some(run)),
        // Its run was deleted: nobody can say how good it is.
        Err(error) if error.has_code("RESOURCE_DOES_NOT_EXIST") => Ok(None),
        Err(error) => Err(error),
    }
}

enum Loss {
    Known(f64),
    /// It was trained on other columns, or its file is gone.
    OtherFeatures,
    /// No rows are at hand to judge it by.
    Unknown,
}

/// The champion's log loss on our held-out rows: what its run says when it had the same data, else its model is fetched and
/// judged.
async fn its_loss(
    client: &Client,
    run: &Value,
    record: &Record,
    held_out: &(dyn HeldOut + Sync),
) -> Result<Loss, MlflowError> {
    let tag = |key: &str| entry(run, "/run/data/tags", key).and_then(Value::as_str);
    if tag("data_hash") == Some(record.metadata.data_hash.as_str())
        && tag("code_version") == Some(record.metadata.code_version.as_str())
        && let Some(loss) = entry(run, "/run/data/metrics", "log_loss").and_then(Value::as_f64)
    {
        return Ok(Loss::Known(loss));
    }
    let model = match client.download(text(run, "/run/info/artifact_uri")?, "model/model.json").await {
        Ok(model) => model,
        // Its file was removed: it cannot be served either.
        Err(MlflowError::Refused { status: 404, .. }) => return Ok(Loss::OtherFeatures),
        Err(error) => return Err(error),
    };
    if Forest::from_json(&model, &features::NAMES).is_err() {
        return Ok(Loss::OtherFeatures);
    }
    Ok(held_out.log_loss(&model).map_or(Loss::Unknown, Loss::Known))
}

/// The value of an entry in a list of keys and values.
fn entry<'a>(answer: &'a Value, list: &str, key: &str) -> Option<&'a Value> {
    let entries = answer.pointer(list)?.as_array()?;
    entries.iter().find(|entry| entry["key"] == key).map(|entry| &entry["value"])
}
