-- People list the jobs that their own requests have caused, newest first: an
-- index leads to them, however many jobs of others there are. A claim changes
-- neither column, and jobs that nobody owns cost nothing.
CREATE INDEX IF NOT EXISTS queue_jobs_owner ON queue_jobs (owner, id) WHERE owner IS NOT NULL;
