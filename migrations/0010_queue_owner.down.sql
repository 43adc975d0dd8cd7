DROP INDEX queue_history_owner;
DROP INDEX queue_jobs_owner;
