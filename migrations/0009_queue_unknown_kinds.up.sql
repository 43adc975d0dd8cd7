-- Jobs of a kind, or of a version of its payload, that no living worker knows
-- are 'blocked' by 'kind' until one does; they would be promoted and parked in
-- circles else. A worker's kinds name what it reads: `email.welcome`, and with
-- version 2 of the payload also `email.welcome#2`.

ALTER TABLE queue_jobs
    DROP CONSTRAINT queue_jobs_blocked_by_check,
    ADD CONSTRAINT queue_jobs_blocked_by_check CHECK (blocked_by IN ('parents', 'limit', 'kind')) NOT VALID;
ALTER TABLE queue_jobs VALIDATE CONSTRAINT queue_jobs_blocked_by_check;

-- A claim changes none of these columns.
CREATE INDEX queue_jobs_unknown ON queue_jobs (kind, payload_version, queue, queued_at)
    WHERE state = 'blocked' AND blocked_by = 'kind';
