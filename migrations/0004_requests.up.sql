-- What requests leave behind besides their work: answers that can be replayed,
-- and the record of who did what.

CREATE TABLE idempotency_keys (
    principal   text        NOT NULL,
    route       text        NOT NULL,
    key         text        NOT NULL,
    fingerprint bytea       NOT NULL,
    status      smallint    NOT NULL,
    location    text,
    etag        text,
    body        bytea,
    created_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at  timestamptz NOT NULL,
    CONSTRAINT idempotency_keys_pkey PRIMARY KEY (principal, route, key),
    CONSTRAINT idempotency_keys_key_fits CHECK (octet_length(key) BETWEEN 1 AND 255),
    CONSTRAINT idempotency_keys_fingerprint_is_sha256 CHECK (octet_length(fingerprint) = 32),
    CONSTRAINT idempotency_keys_status_is_success CHECK (status BETWEEN 200 AND 299)
);

COMMENT ON TABLE idempotency_keys IS
    'Answers of requests that carried an Idempotency-Key, written in the transaction of their work and replayed to the same request.';
COMMENT ON COLUMN idempotency_keys.principal IS 'Who sent it, user:<id> or key:<id>; never a token.';
COMMENT ON COLUMN idempotency_keys.route IS 'Method and path.';
COMMENT ON COLUMN idempotency_keys.fingerprint IS 'HMAC-SHA256 of the body, which may hold a password: another body under the same key is refused.';
COMMENT ON COLUMN idempotency_keys.body IS 'Null when the answer carried a secret that is shown once.';

-- Tries the lock of a request's key, until the end of the transaction, and then
-- looks for its answer: new, in_flight or answered. Two statements in one round
-- trip: what a volatile function asks second sees what was committed when it got
-- the lock, which one statement with one snapshot would not. It returns a word,
-- since a row would cost each request more than the few that are answered gain.
CREATE FUNCTION claim_idempotency_key(wanted_principal text, wanted_route text, wanted_key text)
RETURNS text LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    is_ours boolean := pg_try_advisory_xact_lock(
        hashtextextended(concat_ws(' ', wanted_principal, wanted_route, wanted_key), 0));
BEGIN
    IF EXISTS (SELECT FROM idempotency_keys AS stored
               WHERE stored.principal = wanted_principal AND stored.route = wanted_route
                 AND stored.key = wanted_key AND stored.expires_at > clock_timestamp()) THEN
        RETURN 'answered';
    END IF;
    RETURN CASE WHEN is_ours THEN 'new' ELSE 'in_flight' END;
END;
$$;

-- For pruning, oldest first.
CREATE INDEX idempotency_keys_expires_at ON idempotency_keys (expires_at);

CREATE TABLE audit_log (
    id          uuid        NOT NULL,
    at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    actor       text        NOT NULL,
    action      text        NOT NULL,
    resource    text,
    resource_id uuid,
    ip          inet,
    request_id  text,
    details     jsonb       NOT NULL DEFAULT '{}',
    CONSTRAINT audit_log_pkey PRIMARY KEY (id),
    CONSTRAINT audit_log_actor_fits CHECK (char_length(actor) BETWEEN 1 AND 100),
    CONSTRAINT audit_log_action_fits CHECK (action LIKE '_%._%'),
    CONSTRAINT audit_log_details_is_object CHECK (jsonb_typeof(details) = 'object')
);

COMMENT ON TABLE audit_log IS 'Who did what to what, when, from where. It has no foreign keys: it outlives what it speaks of.';
COMMENT ON COLUMN audit_log.actor IS 'user:<id>, key:<id>, anonymous or system.';
COMMENT ON COLUMN audit_log.action IS 'What was done, as <thing>.<verb in the past>: item.created, login.failed.';

-- The list is read newest first, often for one actor, one thing or one action.
CREATE INDEX audit_log_at ON audit_log (at, id);
CREATE INDEX audit_log_actor ON audit_log (actor, at, id);
CREATE INDEX audit_log_resource ON audit_log (resource_id, at, id) WHERE resource_id IS NOT NULL;
CREATE INDEX audit_log_action ON audit_log (action, at, id);

-- Append-only. What prunes it says so, for its transaction, by
-- SET LOCAL callboard.prunes_audit_log = 'on'.
CREATE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND current_setting('callboard.prunes_audit_log', true) = 'on' THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'the audit log is append-only' USING ERRCODE = 'insufficient_privilege';
END;
$$;

CREATE TRIGGER audit_log_is_append_only BEFORE UPDATE OR DELETE ON audit_log
    FOR EACH ROW EXECUTE FUNCTION refuse_audit_change();
CREATE TRIGGER audit_log_is_not_truncated BEFORE TRUNCATE ON audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change();
