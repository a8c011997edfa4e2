//! What no constraint can say and no source can know: asked of the tables themselves, by every run before it commits and by
//! `etl check`.

use tokio_postgres::{Error, GenericClient};

/// Rows that break what no constraint can say, as `text` lines.
const ORPHANS: &str = "
    SELECT 'type ' || slug || ': ' || names || ' rows of the chart as attacker, 18 are complete'
    FROM (SELECT t.slug, count(e.*) AS names FROM types t LEFT JOIN type_effectiveness e ON e.attack_type_id = t.id
          GROUP BY t.slug) AS chart WHERE names <> 18
    UNION ALL SELECT 'pokemon ' || slug || ': it has no type' FROM pokemon p
        WHERE NOT EXISTS (SELECT FROM pokemon_types t WHERE t.pokemon_id = p.id)
    UNION ALL SELECT 'pokemon ' || slug || ': it learns no move' FROM pokemon p
        WHERE NOT EXISTS (SELECT FROM learnsets l WHERE l.pokemon_id = p.id)
    UNION ALL SELECT 'species ' || slug || ': it has no base form' FROM species s
        WHERE NOT EXISTS (SELECT FROM pokemon p WHERE p.species_id = s.id AND p.form = 'base')
    UNION ALL SELECT 'moves ' || slug || ': nobody vouches for it' FROM moves WHERE source = 'unknown'
    UNION ALL SELECT 'pokemon ' || slug || ': nobody vouches for it' FROM pokemon WHERE source = 'unknown'
    UNION ALL SELECT 'learnsets ' || concat_ws(' ', pokemon_id, method, level, move_id) || ': nobody vouches for it'
        FROM learnsets WHERE source = 'unknown'";

/// Every row that stands alone or that nobody vouches for, in words; none is good.
pub async fn orphans(client: &impl GenericClient) -> Result<Vec<String>, Error> {
    let rows = client.query(ORPHANS, &[]).await?;
    rows.iter().map(|row| row.try_get(0)).collect()
}
