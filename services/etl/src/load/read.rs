//! Facts back from the database: what `etl check` judges and what tests compare.

use dex::store;
use tokio_postgres::Client;

use super::LoadError;
use crate::facts::Facts;

/// What the schema has beside the Pokédex, as one JSON document of [`Facts`]' fields.
const REST: &str = "
    SELECT json_build_object(
        'evolutions', (SELECT coalesce(json_agg(json_build_object('pokemon_id', pokemon_id, 'from_pokemon_id', from_pokemon_id,
            'trigger', trigger, 'min_level', min_level, 'item', item, 'friendship', friendship,
            'chain', substring(document from '^evolution-chain/(\\d+)$')::integer) ORDER BY pokemon_id), '[]') FROM evolutions),
        'machines', (SELECT coalesce(json_agg(json_build_object('number', number, 'move_id', move_id,
            'document', substring(document from '^machine/(\\d+)$')::integer) ORDER BY number), '[]') FROM machines),
        'later_values', (SELECT coalesce(json_agg(json_build_object('move_id', move_id, 'attribute', attribute,
            'value', later_value) ORDER BY move_id, attribute), '[]') FROM move_later_values))::text";

/// The database's facts.
pub async fn read(client: &Client) -> Result<Facts, LoadError> {
    let pokedex = store::load(client).await?;
    let row = client.query_one(REST, &[]).await.map_err(LoadError::Count)?;
    let mut facts: serde_json::Value = serde_json::from_str(row.get(0))?;
    facts["pokedex"] = serde_json::to_value(pokedex)?;
    Ok(serde_json::from_value(facts)?)
}
