DROP INDEX queue_jobs_owner;
