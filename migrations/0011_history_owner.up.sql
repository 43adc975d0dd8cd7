-- As 0010 for the jobs that have ended. A partition's index that is there
-- already is taken over: see "Upgrading" in docs/operations.md.
CREATE INDEX queue_history_owner ON queue_history (owner, id) WHERE owner IS NOT NULL;
