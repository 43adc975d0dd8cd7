-- Drops the queue with every job in it, also those still to run.
DROP VIEW queue_jobs_all;
DROP TABLE queue_leases;
DROP TABLE queue_workers;
DROP TABLE queue_history; -- with its partitions
DROP TABLE queue_unique_windows;
DROP TABLE queue_jobs;
