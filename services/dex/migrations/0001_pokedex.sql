-- The Let's Go Pokédex in third normal form. Identifiers are PokéAPI's, so that rows can be traced to their source.
-- Uniqueness beside the keys is checked at commit: a set-based update may pass through states that break it.

CREATE TABLE types (
    id      smallint PRIMARY KEY CHECK (id BETWEEN 1 AND 18),
    slug    text NOT NULL UNIQUE DEFERRABLE INITIALLY DEFERRED CHECK (slug ~ '^[a-z]+$'),
    name_en text NOT NULL CHECK (name_en <> ''),
    name_fr text NOT NULL CHECK (name_fr <> '')
);
COMMENT ON TABLE types IS 'The eighteen types';

CREATE TABLE type_effectiveness (
    attack_type_id smallint NOT NULL REFERENCES types,
    defend_type_id smallint NOT NULL REFERENCES types,
    halves         smallint NOT NULL CHECK (halves IN (0, 1, 2, 4)),
    PRIMARY KEY (attack_type_id, defend_type_id)
);
COMMENT ON TABLE type_effectiveness IS 'The complete chart of the seventh generation, 18 by 18';
COMMENT ON COLUMN type_effectiveness.halves IS 'Damage factor in halves: 0 none, 1 half, 2 normal, 4 double';

CREATE TABLE species (
    id      smallint PRIMARY KEY CHECK (id > 0),
    slug    text NOT NULL UNIQUE DEFERRABLE INITIALLY DEFERRED CHECK (slug ~ '^[a-z0-9-]+$'),
    name_en text NOT NULL CHECK (name_en <> ''),
    name_fr text NOT NULL CHECK (name_fr <> '')
);
COMMENT ON TABLE species IS 'Species of the Kanto Pokédex of Let''s Go, by national number';

CREATE TABLE pokemon (
    id              smallint PRIMARY KEY CHECK (id > 0),
    species_id      smallint NOT NULL REFERENCES species,
    slug            text     NOT NULL UNIQUE DEFERRABLE INITIALLY DEFERRED CHECK (slug ~ '^[a-z0-9-]+$'),
    form            text     NOT NULL CHECK (form IN ('base', 'alola', 'mega', 'starter')),
    name_en         text     NOT NULL CHECK (name_en <> ''),
    name_fr         text     NOT NULL CHECK (name_fr <> ''),
    hp              smallint NOT NULL CHECK (hp BETWEEN 1 AND 255),
    attack          smallint NOT NULL CHECK (attack BETWEEN 1 AND 255),
    defense         smallint NOT NULL CHECK (defense BETWEEN 1 AND 255),
    special_attack  smallint NOT NULL CHECK (special_attack BETWEEN 1 AND 255),
    special_defense smallint NOT NULL CHECK (special_defense BETWEEN 1 AND 255),
    speed           smallint NOT NULL CHECK (speed BETWEEN 1 AND 255),
    weight_hg       smallint NOT NULL CHECK (weight_hg > 0),
    height_dm       smallint NOT NULL CHECK (height_dm > 0)
);
COMMENT ON TABLE pokemon IS 'Combatants: a species in one of its forms';
COMMENT ON COLUMN pokemon.name_en IS 'Display name of the form, e.g. Alolan Raichu';
COMMENT ON COLUMN pokemon.weight_hg IS 'Weight in hectograms';
COMMENT ON COLUMN pokemon.height_dm IS 'Height in decimetres';
CREATE UNIQUE INDEX pokemon_one_base_form ON pokemon (species_id) WHERE form = 'base';
CREATE INDEX pokemon_species ON pokemon (species_id);

CREATE TABLE pokemon_types (
    pokemon_id smallint NOT NULL REFERENCES pokemon ON DELETE CASCADE,
    slot       smallint NOT NULL CHECK (slot IN (1, 2)),
    type_id    smallint NOT NULL REFERENCES types,
    PRIMARY KEY (pokemon_id, slot),
    UNIQUE (pokemon_id, type_id) DEFERRABLE INITIALLY DEFERRED
);
CREATE INDEX pokemon_types_type ON pokemon_types (type_id);

CREATE TABLE moves (
    id             smallint PRIMARY KEY CHECK (id > 0),
    slug           text     NOT NULL UNIQUE DEFERRABLE INITIALLY DEFERRED CHECK (slug ~ '^[a-z0-9-]+$'),
    name_en        text     NOT NULL CHECK (name_en <> ''),
    name_fr        text     NOT NULL CHECK (name_fr <> ''),
    type_id        smallint NOT NULL REFERENCES types,
    category       text     NOT NULL CHECK (category IN ('physical', 'special', 'status')),
    power          smallint CHECK (power BETWEEN 1 AND 250),
    accuracy       smallint CHECK (accuracy BETWEEN 1 AND 100),
    pp             smallint NOT NULL CHECK (pp BETWEEN 1 AND 40),
    priority       smallint NOT NULL CHECK (priority BETWEEN -7 AND 5),
    min_hits       smallint NOT NULL CHECK (min_hits >= 1),
    max_hits       smallint NOT NULL CHECK (max_hits BETWEEN 1 AND 5),
    drain          smallint NOT NULL CHECK (drain BETWEEN -100 AND 100),
    healing        smallint NOT NULL CHECK (healing BETWEEN -100 AND 100),
    crit_rate      smallint NOT NULL CHECK (crit_rate BETWEEN 0 AND 6),
    flinch_chance  smallint NOT NULL CHECK (flinch_chance BETWEEN 0 AND 100),
    ailment        text     NOT NULL CHECK (ailment <> ''),
    ailment_chance smallint NOT NULL CHECK (ailment_chance BETWEEN 0 AND 100),
    stat_chance    smallint NOT NULL CHECK (stat_chance BETWEEN 0 AND 100),
    effect_class   text     NOT NULL CHECK (effect_class <> ''),
    target         text     NOT NULL CHECK (target <> ''),
    CHECK (min_hits <= max_hits),
    CHECK (category <> 'status' OR power IS NULL)
);
COMMENT ON TABLE moves IS 'Moves with their values in Let''s Go, not today''s';
COMMENT ON COLUMN moves.power IS 'NULL for status moves and for damage computed another way';
COMMENT ON COLUMN moves.accuracy IS 'Per cent; NULL never misses';
COMMENT ON COLUMN moves.drain IS 'Per cent of the damage: positive drains, negative is recoil';
COMMENT ON COLUMN moves.healing IS 'Per cent of the user''s maximum HP: positive heals, negative costs';
COMMENT ON COLUMN moves.ailment_chance IS 'Per cent; 0 with an ailment other than none means always';
CREATE INDEX moves_type ON moves (type_id);

CREATE TABLE move_stat_changes (
    move_id smallint NOT NULL REFERENCES moves ON DELETE CASCADE,
    stat    text     NOT NULL CHECK (stat IN
        ('attack', 'defense', 'special-attack', 'special-defense', 'speed', 'accuracy', 'evasion')),
    change  smallint NOT NULL CHECK (change BETWEEN -6 AND 6 AND change <> 0),
    PRIMARY KEY (move_id, stat)
);
COMMENT ON TABLE move_stat_changes IS 'Stages by which a move changes stats';

CREATE TABLE learnsets (
    pokemon_id smallint NOT NULL REFERENCES pokemon ON DELETE CASCADE,
    move_id    smallint NOT NULL REFERENCES moves,
    method     text     NOT NULL CHECK (method IN ('level-up', 'machine', 'tutor')),
    level      smallint NOT NULL CHECK (level BETWEEN 0 AND 100),
    PRIMARY KEY (pokemon_id, method, level, move_id),
    CHECK (method = 'level-up' OR level = 0)
);
COMMENT ON TABLE learnsets IS 'Ways a Pokémon learns a move; one move may be learnt at several levels';
COMMENT ON COLUMN learnsets.level IS 'For level-up: 0 on evolution, 1 known at start; 0 for the other methods';
CREATE INDEX learnsets_move ON learnsets (move_id);
