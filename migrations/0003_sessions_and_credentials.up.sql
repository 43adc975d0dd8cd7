-- How people and services prove who they are: sessions, second factors, keys,
-- logins by other providers, and the links that mails carry.

-- Whoever logs in by a provider, or was invited, may have no password yet.
ALTER TABLE users ALTER COLUMN password_hash DROP NOT NULL;

-- Byte by byte: a username or an address that is written in another case is
-- another answer, though citext calls the two the same.
DROP TRIGGER users_stamp ON users;
CREATE TRIGGER users_stamp BEFORE UPDATE ON users
    FOR EACH ROW WHEN (OLD *<> NEW)
    EXECUTE FUNCTION stamp_change();

-- For the list that admins read, in each order it can have.
CREATE INDEX users_created_at ON users (created_at, id);
CREATE INDEX users_updated_at ON users (updated_at, id);
-- The last admin can't be removed: this finds the others.
CREATE INDEX users_admins ON users (id) WHERE role = 'admin' AND is_active;

CREATE TABLE sessions (
    id              uuid        NOT NULL,
    user_id         uuid        NOT NULL,
    device          text,
    ip              inet,
    created_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    last_used_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at      timestamptz NOT NULL,
    revoked_at      timestamptz,
    revoked_because text,
    CONSTRAINT sessions_pkey PRIMARY KEY (id),
    CONSTRAINT sessions_user_id_fkey FOREIGN KEY (user_id) REFERENCES users ON DELETE CASCADE,
    CONSTRAINT sessions_device_fits CHECK (char_length(device) <= 256),
    CONSTRAINT sessions_revoked_with_reason CHECK ((revoked_at IS NULL) = (revoked_because IS NULL)),
    CONSTRAINT sessions_revoked_because_known CHECK (revoked_because IN
        ('logout', 'revoked', 'password_changed', 'password_reset', 'refresh_reused'))
);

COMMENT ON TABLE sessions IS 'Logins that go on. The id is the sid of access tokens and the family of refresh tokens.';
COMMENT ON COLUMN sessions.device IS 'The User-Agent of the last request that logged in or refreshed, cut to 256 characters.';
COMMENT ON COLUMN sessions.expires_at IS 'Moved on by each refresh.';

CREATE INDEX sessions_user_id ON sessions (user_id);
-- For pruning, oldest first.
CREATE INDEX sessions_expires_at ON sessions (expires_at);

CREATE TABLE refresh_tokens (
    session_id uuid        NOT NULL,
    generation integer     NOT NULL,
    token_hash bytea       NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    used_at    timestamptz,
    CONSTRAINT refresh_tokens_pkey PRIMARY KEY (session_id, generation),
    CONSTRAINT refresh_tokens_token_hash_key UNIQUE (token_hash),
    CONSTRAINT refresh_tokens_session_id_fkey FOREIGN KEY (session_id) REFERENCES sessions ON DELETE CASCADE,
    CONSTRAINT refresh_tokens_generation_counts CHECK (generation >= 0),
    CONSTRAINT refresh_tokens_token_hash_is_sha256 CHECK (octet_length(token_hash) = 32)
);

COMMENT ON TABLE refresh_tokens IS
    'The tokens of a session, one after the other. A token is an HMAC of its session and generation, made again where it is needed.';
COMMENT ON COLUMN refresh_tokens.used_at IS 'When it was first exchanged for its successor.';

-- For pruning, oldest first.
CREATE INDEX refresh_tokens_used_at ON refresh_tokens (used_at) WHERE used_at IS NOT NULL;

CREATE TABLE password_reset_tokens (
    id         uuid        NOT NULL,
    user_id    uuid        NOT NULL,
    token_hash bytea       NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at    timestamptz,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT password_reset_tokens_pkey PRIMARY KEY (id),
    CONSTRAINT password_reset_tokens_token_hash_key UNIQUE (token_hash),
    CONSTRAINT password_reset_tokens_user_id_fkey FOREIGN KEY (user_id) REFERENCES users ON DELETE CASCADE,
    CONSTRAINT password_reset_tokens_token_hash_is_sha256 CHECK (octet_length(token_hash) = 32),
    CONSTRAINT password_reset_tokens_expires_later CHECK (expires_at > created_at)
);

COMMENT ON TABLE password_reset_tokens IS
    'Links that set a new password, for who forgot theirs and for who was invited. The token is an HMAC of the id.';

CREATE INDEX password_reset_tokens_user_id ON password_reset_tokens (user_id);
CREATE INDEX password_reset_tokens_expires_at ON password_reset_tokens (expires_at);

CREATE TABLE email_change_tokens (
    id         uuid        NOT NULL,
    user_id    uuid        NOT NULL,
    new_email  citext      NOT NULL,
    token_hash bytea       NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at    timestamptz,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT email_change_tokens_pkey PRIMARY KEY (id),
    CONSTRAINT email_change_tokens_token_hash_key UNIQUE (token_hash),
    CONSTRAINT email_change_tokens_user_id_fkey FOREIGN KEY (user_id) REFERENCES users ON DELETE CASCADE,
    CONSTRAINT email_change_tokens_new_email_fits
        CHECK (octet_length(new_email::text) BETWEEN 3 AND 254 AND new_email::text LIKE '%_@_%'),
    CONSTRAINT email_change_tokens_token_hash_is_sha256 CHECK (octet_length(token_hash) = 32),
    CONSTRAINT email_change_tokens_expires_later CHECK (expires_at > created_at)
);

COMMENT ON TABLE email_change_tokens IS
    'Links that confirm a new address, sent to that address. The token is an HMAC of the id.';

CREATE INDEX email_change_tokens_user_id ON email_change_tokens (user_id);
CREATE INDEX email_change_tokens_expires_at ON email_change_tokens (expires_at);

CREATE TABLE totp_credentials (
    user_id      uuid        NOT NULL,
    salt         bytea       NOT NULL,
    confirmed_at timestamptz,
    last_step    bigint,
    created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT totp_credentials_pkey PRIMARY KEY (user_id),
    CONSTRAINT totp_credentials_user_id_fkey FOREIGN KEY (user_id) REFERENCES users ON DELETE CASCADE,
    CONSTRAINT totp_credentials_salt_is_random CHECK (octet_length(salt) = 32)
);

COMMENT ON TABLE totp_credentials IS
    'Second factors. The shared secret is not here: it is an HMAC of the salt with TOKEN_KEY.';
COMMENT ON COLUMN totp_credentials.confirmed_at IS 'When a first code proved that the app has it; until then login asks for none.';
COMMENT ON COLUMN totp_credentials.last_step IS 'The time step of the last accepted code: no code is accepted twice.';

CREATE TABLE recovery_codes (
    user_id   uuid  NOT NULL,
    code_hash bytea NOT NULL,
    used_at   timestamptz,
    CONSTRAINT recovery_codes_pkey PRIMARY KEY (user_id, code_hash),
    CONSTRAINT recovery_codes_user_id_fkey FOREIGN KEY (user_id) REFERENCES totp_credentials ON DELETE CASCADE,
    CONSTRAINT recovery_codes_code_hash_is_sha256 CHECK (octet_length(code_hash) = 32)
);

COMMENT ON TABLE recovery_codes IS 'Each stands in for one code of a lost second factor.';

CREATE TABLE user_identities (
    provider   text        NOT NULL,
    subject    text        NOT NULL,
    user_id    uuid        NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT user_identities_pkey PRIMARY KEY (provider, subject),
    CONSTRAINT user_identities_user_id_provider_key UNIQUE (user_id, provider),
    CONSTRAINT user_identities_user_id_fkey FOREIGN KEY (user_id) REFERENCES users ON DELETE CASCADE,
    CONSTRAINT user_identities_provider_fits CHECK (provider ~ '^[a-z0-9_-]{1,32}$'),
    CONSTRAINT user_identities_subject_fits CHECK (char_length(subject) BETWEEN 1 AND 255)
);

COMMENT ON TABLE user_identities IS 'Which account of another provider logs in as which user.';
COMMENT ON COLUMN user_identities.subject IS 'Who it is at the provider; stable, unlike the address there.';

CREATE TABLE api_keys (
    id           uuid        NOT NULL,
    user_id      uuid        NOT NULL,
    name         text        NOT NULL,
    prefix       text        NOT NULL,
    key_hash     bytea       NOT NULL,
    scopes       text[]      NOT NULL,
    expires_at   timestamptz,
    last_used_at timestamptz,
    created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT api_keys_pkey PRIMARY KEY (id),
    CONSTRAINT api_keys_key_hash_key UNIQUE (key_hash),
    CONSTRAINT api_keys_user_id_fkey FOREIGN KEY (user_id) REFERENCES users ON DELETE CASCADE,
    CONSTRAINT api_keys_name_fits CHECK (char_length(name) BETWEEN 1 AND 100),
    CONSTRAINT api_keys_prefix_fits CHECK (char_length(prefix) BETWEEN 4 AND 16),
    CONSTRAINT api_keys_key_hash_is_sha256 CHECK (octet_length(key_hash) = 32)
);

COMMENT ON TABLE api_keys IS 'Keys of services. A key acts for its user, within its scopes; it is shown once and kept as a hash.';
COMMENT ON COLUMN api_keys.prefix IS 'The first characters of the key, to tell keys apart.';
COMMENT ON COLUMN api_keys.last_used_at IS 'To the minute, so that a busy key does not write on each request.';

CREATE INDEX api_keys_user_id ON api_keys (user_id);
CREATE INDEX api_keys_expires_at ON api_keys (expires_at);

CREATE TABLE login_throttles (
    subject        bytea       NOT NULL,
    failures       integer     NOT NULL,
    last_failed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    blocked_until  timestamptz NOT NULL DEFAULT clock_timestamp(),
    noticed_at     timestamptz,
    CONSTRAINT login_throttles_pkey PRIMARY KEY (subject),
    CONSTRAINT login_throttles_subject_is_sha256 CHECK (octet_length(subject) = 32),
    CONSTRAINT login_throttles_failures_count CHECK (failures >= 0)
);

COMMENT ON TABLE login_throttles IS 'Failed logins by account and by address of the client, and until when the next is refused.';
COMMENT ON COLUMN login_throttles.subject IS 'SHA-256 of what is counted, so that what was typed as a login is not kept.';
COMMENT ON COLUMN login_throttles.noticed_at IS 'When the owner was last told by mail.';

CREATE INDEX login_throttles_last_failed_at ON login_throttles (last_failed_at);
