-- Drops the audit log with everything in it.
DROP TABLE audit_log;
DROP FUNCTION refuse_audit_change();
DROP FUNCTION claim_idempotency_key(text, text, text);
DROP TABLE idempotency_keys;
