-- The evolutions as a JSON array of `dex::pokedex::Evolution`.
SELECT coalesce(json_agg(json_build_object(
    'pokemon_id', pokemon_id, 'from_pokemon_id', from_pokemon_id, 'trigger', trigger, 'min_level', min_level,
    'item', item, 'friendship', friendship) ORDER BY pokemon_id), '[]')::text
FROM evolutions
