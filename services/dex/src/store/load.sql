-- The whole Pokédex as one JSON document shaped as `dex::pokedex::Pokedex`: one statement, so one consistent view of the data.
SELECT json_build_object(
    'types', (
        SELECT json_agg(json_build_object('type', slug, 'name_en', name_en, 'name_fr', name_fr) ORDER BY id) FROM types),
    'chart', (
        SELECT json_agg(halves ORDER BY attack_type_id)
        FROM (SELECT attack_type_id, json_agg(halves ORDER BY defend_type_id) AS halves
              FROM type_effectiveness GROUP BY attack_type_id) AS chart_rows),
    'moves', (
        SELECT coalesce(json_agg(json_build_object(
            'id', m.id, 'slug', m.slug, 'name_en', m.name_en, 'name_fr', m.name_fr, 'type', t.slug,
            'category', m.category, 'power', m.power, 'accuracy', m.accuracy, 'pp', m.pp, 'priority', m.priority,
            'min_hits', m.min_hits, 'max_hits', m.max_hits, 'drain', m.drain, 'healing', m.healing,
            'crit_rate', m.crit_rate, 'flinch_chance', m.flinch_chance, 'ailment', m.ailment,
            'ailment_chance', m.ailment_chance, 'stat_chance', m.stat_chance,
            'stat_changes', coalesce(c.stat_changes, '[]'),
            'effect_class', m.effect_class, 'target', m.target) ORDER BY m.id), '[]')
        FROM moves m
        JOIN types t ON t.id = m.type_id
        LEFT JOIN (
            SELECT move_id, json_agg(json_build_object('stat', stat, 'change', change) ORDER BY array_position(ARRAY[
                'attack', 'defense', 'special-attack', 'special-defense', 'speed', 'accuracy', 'evasion'], stat)) AS stat_changes
            FROM move_stat_changes GROUP BY move_id) AS c ON c.move_id = m.id),
    'pokemon', (
        SELECT coalesce(json_agg(json_build_object(
            'id', p.id, 'species_id', p.species_id, 'slug', p.slug, 'name_en', p.name_en, 'name_fr', p.name_fr,
            'form', p.form, 'types', coalesce(t.types, '[]'),
            'stats', json_build_object('hp', p.hp, 'attack', p.attack, 'defense', p.defense,
                'special_attack', p.special_attack, 'special_defense', p.special_defense, 'speed', p.speed),
            'weight_hg', p.weight_hg, 'height_dm', p.height_dm, 'learnset', coalesce(l.learnset, '[]')) ORDER BY p.id), '[]')
        FROM pokemon p
        LEFT JOIN (
            SELECT pt.pokemon_id, json_agg(ty.slug ORDER BY pt.slot) AS types
            FROM pokemon_types pt JOIN types ty ON ty.id = pt.type_id GROUP BY pt.pokemon_id) AS t ON t.pokemon_id = p.id
        LEFT JOIN (
            SELECT pokemon_id, json_agg(json_build_object('move_id', move_id, 'method', method, 'level', level)
                ORDER BY array_position(ARRAY['level-up', 'machine', 'tutor'], method), level, move_id) AS learnset
            FROM learnsets GROUP BY pokemon_id) AS l ON l.pokemon_id = p.id)
)::text
