-- What people and handlers do to jobs beside running them: cancel, expire,
-- report progress, take back from the history; queues that are paused; and
-- schedules that enqueue by the clock.

-- No column that a claim writes is added to an index, and no index predicate
-- mentions one: claims stay HOT updates.
ALTER TABLE queue_jobs
    ADD COLUMN expires_at       timestamptz,
    ADD COLUMN cancel_requested boolean NOT NULL DEFAULT false,
    ADD COLUMN progress         jsonb;

COMMENT ON COLUMN queue_jobs.expires_at IS 'Not started by then, it is cancelled';
COMMENT ON COLUMN queue_jobs.cancel_requested IS
    'Set while a worker runs it; however the run ends but by completing, the job is cancelled';

-- Each beat asks for its worker's; there are few.
CREATE INDEX queue_jobs_cancel_requested ON queue_jobs (id) WHERE cancel_requested;

ALTER TABLE queue_history
    ADD COLUMN expires_at   timestamptz,
    ADD COLUMN progress     jsonb,
    ADD COLUMN unique_key   text,
    ADD COLUMN unique_scope text;

-- Only the last holder's keys are of use to a redrive: those that hold until the end.
COMMENT ON COLUMN queue_history.unique_key IS 'Taken again by a redrive';

-- What operators have said of queues. A queue without a row is as by default.
CREATE TABLE queue_queues (
    name      text        NOT NULL PRIMARY KEY CHECK (name ~ '^[a-z0-9_-]{1,50}$'),
    paused_at timestamptz,
    paused_by text
);

-- What is enqueued by the clock. A row is what the newest worker declares,
-- but for `enabled`, which is the operators'.
CREATE TABLE queue_schedules (
    name       text        NOT NULL PRIMARY KEY CHECK (char_length(name) BETWEEN 1 AND 100),
    cron       text        NOT NULL,
    time_zone  text        NOT NULL,
    misfire    text        NOT NULL CHECK (misfire IN ('skip', 'run_once', 'run_all')),
    enabled    boolean     NOT NULL DEFAULT true,
    job        jsonb       NOT NULL,
    ticked_to  timestamptz NOT NULL DEFAULT clock_timestamp(),
    next_at    timestamptz,
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

COMMENT ON COLUMN queue_schedules.job IS 'The job that a tick enqueues, with the policy of its kind';
COMMENT ON COLUMN queue_schedules.ticked_to IS 'All ticks up to here have been seen to';
COMMENT ON COLUMN queue_schedules.next_at IS 'The next tick; null: to be computed';

-- One row a tick that has enqueued its job, in the same transaction: however
-- many schedulers there are, each tick has one job at most.
CREATE TABLE queue_schedule_ticks (
    schedule   text        NOT NULL,
    tick_at    timestamptz NOT NULL,
    job_id     uuid        NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (schedule, tick_at)
);
CREATE INDEX queue_schedule_ticks_tick_at ON queue_schedule_ticks (tick_at);

-- A schedule fires while some live worker declares it.
ALTER TABLE queue_workers ADD COLUMN schedules text[] NOT NULL DEFAULT '{}';

CREATE OR REPLACE VIEW queue_jobs_all AS
SELECT id, kind, payload_version, queue, priority,
       CASE WHEN worker_id IS NOT NULL THEN 'running' ELSE state END AS state,
       payload, attempt, max_attempts, run_at, timeout_ms, worker_id,
       NULL::jsonb AS result, errors, NULL::text AS end_reason, owner, meta,
       created_at, queued_at, started_at, NULL::timestamptz AS finished_at,
       expires_at, progress, cancel_requested, unique_key
FROM queue_jobs
UNION ALL
SELECT id, kind, payload_version, queue, priority, state,
       payload, attempt, max_attempts, run_at, timeout_ms, worker_id,
       result, errors, end_reason, owner, meta,
       created_at, queued_at, started_at, finished_at,
       expires_at, progress, false, unique_key
FROM queue_history;
