-- Who can log in, and how they prove that an address is theirs.

-- Text that compares without regard to case; PostgreSQL ships it, managed ones
-- allow it, and the owner of a database may create it.
CREATE EXTENSION IF NOT EXISTS citext;

-- For every resource's table: what changes a row moves its version, from which
-- the API makes the ETag, and its updated_at, whoever changes it and by
-- whatever path. The columns can't be written by hand. Attach it as
--
--     CREATE TRIGGER <table>_stamp BEFORE UPDATE ON <table>
--         FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*)
--         EXECUTE FUNCTION stamp_change();
--
-- where the WHEN keeps an update that changes nothing from making a client's
-- ETag stale.
CREATE FUNCTION stamp_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.created_at := OLD.created_at;
    NEW.updated_at := clock_timestamp();
    NEW.version := OLD.version + 1;
    RETURN NEW;
END;
$$;

CREATE TABLE users (
    id                uuid        NOT NULL,
    email             citext      NOT NULL,
    username          citext      NOT NULL,
    password_hash     text        NOT NULL,
    full_name         text,
    phone             text,
    locale            text        NOT NULL DEFAULT 'en',
    role              text        NOT NULL DEFAULT 'member',
    is_active         boolean     NOT NULL DEFAULT true,
    email_verified_at timestamptz,
    version           bigint      NOT NULL DEFAULT 1,
    created_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT users_pkey PRIMARY KEY (id),
    CONSTRAINT users_email_key UNIQUE (email),
    CONSTRAINT users_username_key UNIQUE (username),
    -- The application parses these values; what stands here is the last defence
    -- against a path around it, so lengths are given in the same measure.
    CONSTRAINT users_email_fits CHECK (octet_length(email::text) BETWEEN 3 AND 254 AND email::text LIKE '%_@_%'),
    -- As text: matching a citext would let capital letters pass.
    CONSTRAINT users_username_fits CHECK (username::text ~ '^[a-z0-9._-]{3,50}$'),
    CONSTRAINT users_password_hash_fits CHECK (password_hash LIKE '$argon2id$%' AND char_length(password_hash) <= 512),
    CONSTRAINT users_full_name_fits CHECK (char_length(full_name) BETWEEN 1 AND 200),
    CONSTRAINT users_phone_fits CHECK (char_length(phone) BETWEEN 3 AND 32),
    CONSTRAINT users_locale_known CHECK (locale IN ('en', 'ko')),
    CONSTRAINT users_role_known CHECK (role IN ('admin', 'manager', 'member'))
);

COMMENT ON TABLE users IS 'People who can log in.';
COMMENT ON COLUMN users.password_hash IS 'argon2id in PHC form, which names its own parameters.';
COMMENT ON COLUMN users.email_verified_at IS 'When the address was proved to be theirs; null until then.';
COMMENT ON COLUMN users.version IS 'Counts the changes of the row; the ETag is made from it.';

CREATE TRIGGER users_stamp BEFORE UPDATE ON users
    FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*)
    EXECUTE FUNCTION stamp_change();

CREATE TABLE email_verification_tokens (
    id         uuid        NOT NULL,
    user_id    uuid        NOT NULL,
    token_hash bytea       NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at    timestamptz,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT email_verification_tokens_pkey PRIMARY KEY (id),
    CONSTRAINT email_verification_tokens_token_hash_key UNIQUE (token_hash),
    CONSTRAINT email_verification_tokens_user_id_fkey FOREIGN KEY (user_id) REFERENCES users ON DELETE CASCADE,
    CONSTRAINT email_verification_tokens_token_hash_is_sha256 CHECK (octet_length(token_hash) = 32),
    CONSTRAINT email_verification_tokens_expires_later CHECK (expires_at > created_at)
);

COMMENT ON TABLE email_verification_tokens IS
    'Links that prove an address. The token itself is not here: it is an HMAC of the id, made again where it is needed.';
COMMENT ON COLUMN email_verification_tokens.used_at IS
    'Kept until the row is pruned, so that a second click gets a kind answer.';

-- For the foreign key, and to count how many links a user was sent lately.
CREATE INDEX email_verification_tokens_user_id ON email_verification_tokens (user_id);
-- For pruning, oldest first.
CREATE INDEX email_verification_tokens_expires_at ON email_verification_tokens (expires_at);
