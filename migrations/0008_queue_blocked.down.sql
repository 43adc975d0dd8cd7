-- Drops limits and dependencies. Jobs that wait for others are queued: they run
-- without waiting any longer.
DROP VIEW queue_jobs_all;
DROP TABLE queue_limits;
DROP TABLE queue_dependencies;
ALTER TABLE queue_history
    DROP COLUMN has_children,
    DROP COLUMN limit_per_minute,
    DROP COLUMN limit_concurrency,
    DROP COLUMN limit_key;
DROP INDEX queue_jobs_children;
DROP INDEX queue_jobs_limited;
DROP INDEX queue_jobs_admitted;
UPDATE queue_jobs SET state = 'queued', queued_at = clock_timestamp() WHERE state = 'blocked';
ALTER TABLE queue_jobs
    DROP COLUMN on_parent_failure,
    DROP COLUMN has_children,
    DROP COLUMN admitted,
    DROP COLUMN limit_per_minute,
    DROP COLUMN limit_concurrency,
    DROP COLUMN limit_key,
    DROP COLUMN blocked_by,
    DROP CONSTRAINT queue_jobs_state_check,
    ADD CONSTRAINT queue_jobs_state_check CHECK (state IN ('queued', 'scheduled'));
CREATE VIEW queue_jobs_all AS
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
