-- The queue's ledger: a job is a row, and it exists if and only if the
-- transaction that enqueued it committed. `queue/README.md` explains the
-- protocol; `queue/src/ledger/` holds every statement that touches these tables.

-- Jobs that are still to end: waiting, scheduled or running.
--
-- Running is not a stored state. A claim writes only worker_id, claim_id,
-- attempt and started_at, none of which any index mentions, so it is a HOT
-- update and writes no index. (One that frees an until_started key writes all.) That is why `state` stays 'queued' while a job
-- runs, and why pages keep half of their room free for the claimed version.
CREATE TABLE queue_jobs (
    id              uuid        NOT NULL,
    kind            text        NOT NULL CHECK (char_length(kind) BETWEEN 1 AND 100),
    payload_version smallint    NOT NULL DEFAULT 1,
    queue           text        NOT NULL CHECK (queue ~ '^[a-z0-9_-]{1,50}$'),
    priority        smallint    NOT NULL CHECK (priority BETWEEN 0 AND 2),
    state           text        NOT NULL CHECK (state IN ('queued', 'scheduled')),
    payload         jsonb       NOT NULL,
    attempt         smallint    NOT NULL DEFAULT 0 CHECK (attempt BETWEEN 0 AND max_attempts),
    max_attempts    smallint    NOT NULL CHECK (max_attempts >= 1),
    run_at          timestamptz NOT NULL,
    timeout_ms      integer     NOT NULL CHECK (timeout_ms > 0),
    unique_key      text        CHECK (char_length(unique_key) BETWEEN 1 AND 300),
    unique_scope    text        CHECK (unique_scope IN ('until_started', 'until_finished')),
    worker_id       uuid,
    claim_id        uuid,
    errors          jsonb       NOT NULL DEFAULT '[]',
    owner           text,
    meta            jsonb       NOT NULL DEFAULT '{}',
    created_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    queued_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    started_at      timestamptz,
    CONSTRAINT queue_jobs_pkey PRIMARY KEY (id),
    CONSTRAINT queue_jobs_claim_is_whole CHECK ((worker_id IS NULL) = (claim_id IS NULL)),
    CONSTRAINT queue_jobs_key_has_scope CHECK ((unique_key IS NULL) = (unique_scope IS NULL))
) WITH (
    fillfactor = 50,
    autovacuum_vacuum_scale_factor = 0.02,
    autovacuum_vacuum_threshold = 1000,
    autovacuum_vacuum_cost_delay = 0,
    autovacuum_analyze_scale_factor = 0.05
);

COMMENT ON COLUMN queue_jobs.priority IS '0 high, 1 default, 2 low';
COMMENT ON COLUMN queue_jobs.claim_id IS
    'The fence: made for one claim statement and never used again. A finish must name it.';
COMMENT ON COLUMN queue_jobs.queued_at IS
    'When the job was last put on its ready list. The auditor compares it with the oldest element of the list.';

-- The auditor reads each list from its old end.
CREATE INDEX queue_jobs_queued ON queue_jobs (queue, priority, queued_at) WHERE state = 'queued';
-- The promoter reads what is due next.
CREATE INDEX queue_jobs_scheduled ON queue_jobs (run_at) WHERE state = 'scheduled';
-- At most one live job a kind and key.
CREATE UNIQUE INDEX queue_jobs_unique_key ON queue_jobs (kind, unique_key) WHERE unique_key IS NOT NULL;

-- Keys that hold for a window of time, whether or not their job has ended.
CREATE TABLE queue_unique_windows (
    kind       text        NOT NULL,
    unique_key text        NOT NULL CHECK (char_length(unique_key) BETWEEN 1 AND 300),
    job_id     uuid        NOT NULL,
    held_until timestamptz NOT NULL,
    PRIMARY KEY (kind, unique_key)
);
CREATE INDEX queue_unique_windows_held_until ON queue_unique_windows (held_until);

-- Jobs that have ended. A row is kept until the end of keep_until (UTC); a day
-- whose time is over is dropped as a whole partition, so nothing is ever
-- deleted row by row. The janitor makes partitions ahead, and a finish that
-- meets none makes it.
CREATE TABLE queue_history (
    id              uuid        NOT NULL,
    kind            text        NOT NULL,
    payload_version smallint    NOT NULL,
    queue           text        NOT NULL,
    priority        smallint    NOT NULL,
    state           text        NOT NULL CHECK (state IN ('completed', 'discarded', 'cancelled')),
    payload         jsonb       NOT NULL,
    attempt         smallint    NOT NULL,
    max_attempts    smallint    NOT NULL,
    run_at          timestamptz NOT NULL,
    timeout_ms      integer     NOT NULL,
    worker_id       uuid,
    result          jsonb,
    errors          jsonb       NOT NULL,
    end_reason      text,
    owner           text,
    meta            jsonb       NOT NULL,
    created_at      timestamptz NOT NULL,
    queued_at       timestamptz NOT NULL,
    started_at      timestamptz,
    finished_at     timestamptz NOT NULL,
    keep_until      date        NOT NULL
) PARTITION BY RANGE (keep_until);

CREATE INDEX queue_history_id ON queue_history (id);

-- One row a worker process, by an id made when it starts. A worker that has
-- not beaten for 15 s is gone, and its jobs are rescued.
CREATE TABLE queue_workers (
    id         uuid        NOT NULL PRIMARY KEY,
    name       text        NOT NULL,
    version    text        NOT NULL,
    queues     text[]      NOT NULL,
    kinds      text[]      NOT NULL,
    slots      integer     NOT NULL,
    busy       integer     NOT NULL DEFAULT 0,
    started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    beat_at    timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (fillfactor = 50);

-- Who holds a duty, and until when. `note` is the duty's memory from one
-- holder to the next (the auditor keeps its watermarks there).
CREATE TABLE queue_leases (
    duty       text        NOT NULL PRIMARY KEY,
    holder     uuid,
    held_until timestamptz NOT NULL DEFAULT '-infinity',
    note       jsonb       NOT NULL DEFAULT '{}'
) WITH (fillfactor = 50);

-- What people and the API see: live and ended jobs together, with `running`
-- told apart from `queued`.
CREATE VIEW queue_jobs_all AS
SELECT id, kind, payload_version, queue, priority,
       CASE WHEN worker_id IS NOT NULL THEN 'running' ELSE state END AS state,
       payload, attempt, max_attempts, run_at, timeout_ms, worker_id,
       NULL::jsonb AS result, errors, NULL::text AS end_reason, owner, meta,
       created_at, queued_at, started_at, NULL::timestamptz AS finished_at
FROM queue_jobs
UNION ALL
SELECT id, kind, payload_version, queue, priority, state,
       payload, attempt, max_attempts, run_at, timeout_ms, worker_id,
       result, errors, end_reason, owner, meta,
       created_at, queued_at, started_at, finished_at
FROM queue_history;
