-- Jobs that wait for others: for their parents to end, or for a slot of their
-- limit key. Both are the state 'blocked'.

ALTER TABLE queue_jobs
    DROP CONSTRAINT queue_jobs_state_check,
    ADD CONSTRAINT queue_jobs_state_check CHECK (state IN ('queued', 'scheduled', 'blocked')) NOT VALID,
    ADD COLUMN blocked_by        text CHECK (blocked_by IN ('parents', 'limit')),
    ADD COLUMN limit_key         text CHECK (char_length(limit_key) BETWEEN 1 AND 300),
    ADD COLUMN limit_concurrency integer CHECK (limit_concurrency > 0),
    ADD COLUMN limit_per_minute  integer CHECK (limit_per_minute > 0),
    ADD COLUMN admitted          boolean NOT NULL DEFAULT false,
    ADD COLUMN has_children      boolean NOT NULL DEFAULT false,
    ADD COLUMN on_parent_failure text CHECK (on_parent_failure IN ('cancel', 'run'));
ALTER TABLE queue_jobs VALIDATE CONSTRAINT queue_jobs_state_check;

COMMENT ON COLUMN queue_jobs.limit_key IS
    'At most limit_concurrency jobs of a key are admitted at a time, over all workers; without one, a small window';
COMMENT ON COLUMN queue_jobs.admitted IS 'Counts against its limit key: it is on its list, runs, or has a reserved time';
COMMENT ON COLUMN queue_jobs.has_children IS 'Whether jobs wait for its end that were enqueued with it';

-- A claim changes none of these columns.
CREATE INDEX queue_jobs_admitted ON queue_jobs (limit_key) WHERE admitted;
CREATE INDEX queue_jobs_limited ON queue_jobs (limit_key, priority, queued_at)
    WHERE state = 'blocked' AND blocked_by = 'limit';
CREATE INDEX queue_jobs_children ON queue_jobs (id) WHERE state = 'blocked' AND blocked_by = 'parents';

ALTER TABLE queue_history
    ADD COLUMN limit_key         text,
    ADD COLUMN limit_concurrency integer,
    ADD COLUMN limit_per_minute  integer,
    ADD COLUMN has_children      boolean NOT NULL DEFAULT false;

-- What a job waits for. A row goes when its parent has ended; a child without
-- rows is released.
CREATE TABLE queue_dependencies (
    child_id  uuid NOT NULL,
    parent_id uuid NOT NULL,
    PRIMARY KEY (child_id, parent_id)
);
CREATE INDEX queue_dependencies_parent_id ON queue_dependencies (parent_id);

-- Who admits jobs of a key locks its row; and until when starts are reserved,
-- for a key with a rate.
CREATE TABLE queue_limits (
    key         text        NOT NULL PRIMARY KEY,
    reserved_to timestamptz NOT NULL DEFAULT '-infinity',
    admitted_at timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (fillfactor = 50);
CREATE INDEX queue_limits_admitted_at ON queue_limits (admitted_at);

CREATE OR REPLACE VIEW queue_jobs_all AS
SELECT id, kind, payload_version, queue, priority,
       CASE WHEN worker_id IS NOT NULL THEN 'running' ELSE state END AS state,
       payload, attempt, max_attempts, run_at, timeout_ms, worker_id,
       NULL::jsonb AS result, errors, NULL::text AS end_reason, owner, meta,
       created_at, queued_at, started_at, NULL::timestamptz AS finished_at,
       expires_at, progress, cancel_requested, unique_key, blocked_by, limit_key
FROM queue_jobs
UNION ALL
SELECT id, kind, payload_version, queue, priority, state,
       payload, attempt, max_attempts, run_at, timeout_ms, worker_id,
       result, errors, end_reason, owner, meta,
       created_at, queued_at, started_at, finished_at,
       expires_at, progress, false, unique_key, NULL::text, limit_key
FROM queue_history;
