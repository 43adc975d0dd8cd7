-- Jobs of unknown kinds are scheduled again, for now.
DROP INDEX queue_jobs_unknown;
UPDATE queue_jobs SET state = 'scheduled', blocked_by = NULL WHERE state = 'blocked' AND blocked_by = 'kind';
ALTER TABLE queue_jobs
    DROP CONSTRAINT queue_jobs_blocked_by_check,
    ADD CONSTRAINT queue_jobs_blocked_by_check CHECK (blocked_by IN ('parents', 'limit'));
