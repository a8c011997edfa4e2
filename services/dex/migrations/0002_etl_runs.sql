-- What the ETL did and what it refused: one row per run, kept whether or not the run's data was.

CREATE TABLE etl_runs (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source          text        NOT NULL CHECK (source IN ('snapshot', 'live')),
    status          text        NOT NULL CHECK (status IN ('running', 'loaded', 'unchanged', 'failed')),
    snapshot_sha256 text        CHECK (snapshot_sha256 ~ '^[0-9a-f]{64}$'),
    counts          jsonb       NOT NULL DEFAULT '{}',
    error           text,
    started_at      timestamptz NOT NULL DEFAULT now(),
    finished_at     timestamptz,
    CHECK ((status = 'running') = (finished_at IS NULL)),
    CHECK ((status = 'failed') = (error IS NOT NULL))
);
COMMENT ON TABLE etl_runs IS 'Runs of the ETL';
COMMENT ON COLUMN etl_runs.snapshot_sha256 IS 'SHA-256 of the canonical snapshot of the data, equal for equal data from any source';
COMMENT ON COLUMN etl_runs.counts IS 'Rows per table after the run and rows changed by it';
CREATE INDEX etl_runs_finished ON etl_runs (finished_at DESC);

CREATE TABLE etl_rejects (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run_id   bigint NOT NULL REFERENCES etl_runs ON DELETE CASCADE,
    resource text   NOT NULL CHECK (resource <> ''),
    reason   text   NOT NULL CHECK (reason <> '')
);
COMMENT ON TABLE etl_rejects IS 'Documents and rows a run refused, with the reason';
CREATE INDEX etl_rejects_run ON etl_rejects (run_id);
