DROP INDEX queue_history_owner;
