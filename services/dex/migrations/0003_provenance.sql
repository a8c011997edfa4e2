-- The rest of the domain (evolutions, machines, values of later games, learn methods, stats), where each row comes from, what the
-- ETL knows about its sources and where they disagree, how fresh the data is, and who may do what.

-- ---- Reference tables: closed sets that the games will not extend, so they belong to the schema and not to a source. ----

CREATE TABLE stats (
    slug     text PRIMARY KEY,
    position smallint NOT NULL UNIQUE,
    is_base  boolean NOT NULL,
    name_en  text NOT NULL CHECK (name_en <> ''),
    name_fr  text NOT NULL CHECK (name_fr <> '')
);
COMMENT ON TABLE stats IS 'Stats of battle';
COMMENT ON COLUMN stats.position IS 'Order in which the games list them';
COMMENT ON COLUMN stats.is_base IS 'Whether a Pokémon has a base value of it (a column of pokemon)';
INSERT INTO stats VALUES
    ('hp', 1, true, 'HP', 'PV'),
    ('attack', 2, true, 'Attack', 'Attaque'),
    ('defense', 3, true, 'Defense', 'Défense'),
    ('special-attack', 4, true, 'Special Attack', 'Attaque Spéciale'),
    ('special-defense', 5, true, 'Special Defense', 'Défense Spéciale'),
    ('speed', 6, true, 'Speed', 'Vitesse'),
    ('accuracy', 7, false, 'Accuracy', 'Précision'),
    ('evasion', 8, false, 'Evasion', 'Esquive');
ALTER TABLE move_stat_changes ADD CONSTRAINT move_stat_changes_stat_fkey FOREIGN KEY (stat) REFERENCES stats;

CREATE TABLE learn_methods (
    slug    text PRIMARY KEY,
    name_en text NOT NULL CHECK (name_en <> ''),
    name_fr text NOT NULL CHECK (name_fr <> '')
);
COMMENT ON TABLE learn_methods IS 'Ways of learning a move';
INSERT INTO learn_methods VALUES
    ('level-up', 'Level up', 'Montée en niveau'),
    ('machine', 'Technical Machine', 'Capsule Technique'),
    ('tutor', 'Move tutor', 'Donneur de capacités');
ALTER TABLE learnsets ADD CONSTRAINT learnsets_method_fkey FOREIGN KEY (method) REFERENCES learn_methods;

COMMENT ON TABLE pokemon_types IS 'One or two types of each Pokémon';
COMMENT ON TABLE schema_migrations IS 'Migrations that were applied, with the SHA-256 of their text';

-- ---- Provenance ----

CREATE TABLE sources (
    slug    text PRIMARY KEY CHECK (slug ~ '^[a-z]+$'),
    name    text NOT NULL CHECK (name <> ''),
    url     text NOT NULL,
    licence text NOT NULL,
    role    text NOT NULL CHECK (role IN ('authority', 'witness', 'correction', 'none'))
);
COMMENT ON TABLE sources IS 'Where facts come from';
COMMENT ON COLUMN sources.role IS 'authority: its word is loaded; witness: it is compared and never loaded; correction: facts no source documents';
INSERT INTO sources VALUES
    ('pokeapi', 'PokéAPI', 'https://pokeapi.co/', 'BSD-3-Clause', 'authority'),
    ('pokepedia', 'Poképédia', 'https://www.pokepedia.fr/', 'CC BY-NC-SA 3.0', 'witness'),
    ('project', 'This project', '', 'MIT OR Apache-2.0', 'correction'),
    ('unknown', 'Nobody', '', '', 'none');

-- A row that nobody vouches for says so; the next run replaces it or deletes it.
DO $$
DECLARE name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['types', 'type_effectiveness', 'species', 'pokemon', 'pokemon_types', 'moves', 'move_stat_changes',
                                'learnsets']
    LOOP
        EXECUTE format('ALTER TABLE %I ADD COLUMN source text NOT NULL DEFAULT ''unknown'' REFERENCES sources', name);
        EXECUTE format('ALTER TABLE %I ADD COLUMN document text NOT NULL DEFAULT ''''', name);
        EXECUTE format('COMMENT ON COLUMN %I.source IS %L', name, 'Who says so');
        EXECUTE format('COMMENT ON COLUMN %I.document IS %L', name, 'Where it says so: the path of the document in the source');
    END LOOP;
END $$;

-- ---- The rest of the domain ----

CREATE TABLE evolutions (
    pokemon_id      smallint PRIMARY KEY REFERENCES pokemon ON DELETE CASCADE,
    from_pokemon_id smallint NOT NULL REFERENCES pokemon ON DELETE CASCADE,
    trigger         text     NOT NULL CHECK (trigger IN ('level-up', 'use-item', 'trade')),
    min_level       smallint CHECK (min_level BETWEEN 1 AND 100),
    item            text     CHECK (item ~ '^[a-z0-9-]+$'),
    friendship      boolean  NOT NULL,
    source          text     NOT NULL DEFAULT 'unknown' REFERENCES sources,
    document        text     NOT NULL DEFAULT '',
    CHECK (pokemon_id <> from_pokemon_id),
    CHECK ((trigger = 'use-item') = (item IS NOT NULL)),
    CHECK (trigger = 'level-up' OR (min_level IS NULL AND NOT friendship))
);
COMMENT ON TABLE evolutions IS 'What each evolved Pokémon evolves from, and how, within the games';
COMMENT ON COLUMN evolutions.item IS 'Identifier of the stone that is used';
COMMENT ON COLUMN evolutions.friendship IS 'Whether it takes high friendship';
CREATE INDEX evolutions_from ON evolutions (from_pokemon_id);

CREATE TABLE machines (
    number   smallint PRIMARY KEY CHECK (number BETWEEN 1 AND 60),
    move_id  smallint NOT NULL REFERENCES moves,
    source   text     NOT NULL DEFAULT 'unknown' REFERENCES sources,
    document text     NOT NULL DEFAULT '',
    UNIQUE (move_id) DEFERRABLE INITIALLY DEFERRED
);
COMMENT ON TABLE machines IS 'The sixty Technical Machines';

CREATE TABLE move_later_values (
    move_id     smallint NOT NULL REFERENCES moves ON DELETE CASCADE,
    attribute   text     NOT NULL CHECK (attribute IN ('power', 'accuracy', 'pp')),
    later_value smallint,
    source      text     NOT NULL DEFAULT 'unknown' REFERENCES sources,
    document    text     NOT NULL DEFAULT '',
    PRIMARY KEY (move_id, attribute)
);
COMMENT ON TABLE move_later_values IS 'Values that later games gave a move where they differ from those of Let''s Go, which moves has';
COMMENT ON COLUMN move_later_values.later_value IS 'The value of the newest games';

-- ---- Bookkeeping ----

ALTER TABLE etl_rejects ADD COLUMN source text NOT NULL DEFAULT 'unknown' REFERENCES sources;
COMMENT ON COLUMN etl_rejects.source IS 'Whose document or row was refused';

CREATE TABLE etl_documents (
    source        text NOT NULL REFERENCES sources,
    path          text NOT NULL CHECK (path <> ''),
    sha256        text NOT NULL CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    etag          text,
    last_modified text,
    run_id        bigint NOT NULL REFERENCES etl_runs ON DELETE CASCADE,
    PRIMARY KEY (source, path)
);
COMMENT ON TABLE etl_documents IS 'Documents the last live run read, with the validators the source gave them';
COMMENT ON COLUMN etl_documents.run_id IS 'The run that saw this content first';
CREATE INDEX etl_documents_run ON etl_documents (run_id);

CREATE TABLE etl_disagreements (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run_id    bigint NOT NULL REFERENCES etl_runs ON DELETE CASCADE,
    kind      text   NOT NULL CHECK (kind IN ('level', 'move', 'name')),
    subject   text   NOT NULL CHECK (subject <> ''),
    pokeapi   text,
    pokepedia text,
    decided   text   NOT NULL REFERENCES sources,
    CHECK (pokeapi IS DISTINCT FROM pokepedia)
);
COMMENT ON TABLE etl_disagreements IS 'Where the two sources of a run said different things, and whose word was loaded';
COMMENT ON COLUMN etl_disagreements.pokeapi IS 'What it says; NULL where it says nothing';
CREATE INDEX etl_disagreements_run ON etl_disagreements (run_id);

CREATE VIEW etl_freshness AS
SELECT success.finished_at                                                    AS last_success_at,
       extract(epoch FROM success.finished_at)::double precision              AS last_success_epoch_s,
       extract(epoch FROM success.finished_at - success.started_at)::double precision AS duration_s,
       success.source,
       (SELECT count(*) FROM etl_rejects r WHERE r.run_id = success.id)       AS rejects,
       (SELECT count(*) FROM etl_disagreements d WHERE d.run_id = success.id) AS disagreements,
       (SELECT count(*) FROM etl_runs f WHERE f.status = 'failed' AND f.id > success.id) AS failures_since
FROM (SELECT * FROM etl_runs WHERE status IN ('loaded', 'unchanged') ORDER BY id DESC LIMIT 1) AS success;
COMMENT ON VIEW etl_freshness IS 'The last run that succeeded: when, how long, what it refused; empty before the first';

CREATE VIEW table_rows AS
SELECT 'types' AS table_name, count(*) AS row_count FROM types
UNION ALL SELECT 'type_effectiveness', count(*) FROM type_effectiveness
UNION ALL SELECT 'species', count(*) FROM species
UNION ALL SELECT 'pokemon', count(*) FROM pokemon
UNION ALL SELECT 'pokemon_types', count(*) FROM pokemon_types
UNION ALL SELECT 'moves', count(*) FROM moves
UNION ALL SELECT 'move_stat_changes', count(*) FROM move_stat_changes
UNION ALL SELECT 'move_later_values', count(*) FROM move_later_values
UNION ALL SELECT 'machines', count(*) FROM machines
UNION ALL SELECT 'learnsets', count(*) FROM learnsets
UNION ALL SELECT 'evolutions', count(*) FROM evolutions;
COMMENT ON VIEW table_rows IS 'Rows of each table of the domain';

-- ---- Roles: groups without a login, granted to whoever connects. They belong to the whole server, so another database may have
-- made them, at this very moment; and who may not make roles goes without. ----
DO $$
DECLARE role text;
BEGIN
    FOREACH role IN ARRAY ARRAY['predictiondex_etl', 'predictiondex_reader']
    LOOP
        BEGIN
            EXECUTE format('CREATE ROLE %I NOLOGIN', role);
        EXCEPTION WHEN duplicate_object OR unique_violation OR insufficient_privilege THEN NULL;
        END;
    END LOOP;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'predictiondex_reader') THEN
        GRANT USAGE ON SCHEMA public TO predictiondex_reader;
        GRANT SELECT ON ALL TABLES IN SCHEMA public TO predictiondex_reader;
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'predictiondex_etl') THEN
        GRANT USAGE ON SCHEMA public TO predictiondex_etl;
        GRANT SELECT, INSERT, UPDATE, DELETE ON types, type_effectiveness, species, pokemon, pokemon_types, moves, move_stat_changes,
            move_later_values, machines, learnsets, evolutions, etl_runs, etl_rejects, etl_documents, etl_disagreements
            TO predictiondex_etl;
        GRANT SELECT ON sources, stats, learn_methods, schema_migrations, etl_freshness, table_rows TO predictiondex_etl;
        EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO predictiondex_etl', current_database());
    END IF;
END $$;
