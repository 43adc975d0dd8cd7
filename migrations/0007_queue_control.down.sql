-- Drops schedules, pauses, progress and expiry; jobs stay.
DROP VIEW queue_jobs_all;
ALTER TABLE queue_workers DROP COLUMN schedules;
DROP TABLE queue_schedule_ticks;
DROP TABLE queue_schedules;
DROP TABLE queue_queues;
ALTER TABLE queue_history
    DROP COLUMN unique_scope,
    DROP COLUMN unique_key,
    DROP COLUMN progress,
    DROP COLUMN expires_at;
DROP INDEX queue_jobs_cancel_requested;
ALTER TABLE queue_jobs
    DROP COLUMN progress,
    DROP COLUMN cancel_requested,
    DROP COLUMN expires_at;
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
