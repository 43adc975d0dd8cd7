-- Clients, and the people to talk to there.

CREATE TABLE accounts (
    id           uuid        NOT NULL,
    account_name text        NOT NULL,
    profile_id   uuid,
    account_type text        NOT NULL DEFAULT 'Prospect',
    website      text,
    notes        text,
    owner_id     uuid        NOT NULL,
    version      bigint      NOT NULL DEFAULT 1,
    created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT accounts_pkey PRIMARY KEY (id),
    CONSTRAINT accounts_owner_id_fkey FOREIGN KEY (owner_id) REFERENCES users,
    CONSTRAINT accounts_account_name_fits CHECK (char_length(account_name) BETWEEN 1 AND 200),
    CONSTRAINT accounts_account_type_known CHECK (account_type IN ('Prospect', 'Customer', 'Partner', 'Former')),
    CONSTRAINT accounts_website_fits CHECK (char_length(website) BETWEEN 1 AND 2048),
    CONSTRAINT accounts_notes_fits CHECK (char_length(notes) BETWEEN 1 AND 10000)
);

COMMENT ON TABLE accounts IS 'Clients of the agency, from the first contact on.';
COMMENT ON COLUMN accounts.profile_id IS 'The primary contact.';

CREATE TABLE profiles (
    id         uuid        NOT NULL,
    first_name text        NOT NULL,
    last_name  text        NOT NULL,
    full_name  text        NOT NULL,
    email      citext,
    phone      text,
    title      text,
    account_id uuid,
    owner_id   uuid        NOT NULL,
    version    bigint      NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT profiles_pkey PRIMARY KEY (id),
    CONSTRAINT profiles_account_id_fkey FOREIGN KEY (account_id) REFERENCES accounts,
    CONSTRAINT profiles_owner_id_fkey FOREIGN KEY (owner_id) REFERENCES users,
    CONSTRAINT profiles_first_name_fits CHECK (char_length(first_name) BETWEEN 1 AND 100),
    CONSTRAINT profiles_last_name_fits CHECK (char_length(last_name) BETWEEN 1 AND 100),
    CONSTRAINT profiles_email_fits CHECK (octet_length(email::text) BETWEEN 3 AND 254 AND email::text LIKE '%_@_%'),
    CONSTRAINT profiles_phone_fits CHECK (char_length(phone) BETWEEN 3 AND 32),
    CONSTRAINT profiles_title_fits CHECK (char_length(title) BETWEEN 1 AND 200)
);

COMMENT ON TABLE profiles IS 'Contact people; they can''t log in.';
COMMENT ON COLUMN profiles.full_name IS 'Made from the parts by a trigger.';

-- The two refer to each other: an account to its primary contact, a contact to
-- the account where they work.
ALTER TABLE accounts
    ADD CONSTRAINT accounts_profile_id_fkey FOREIGN KEY (profile_id) REFERENCES profiles;

-- A Korean name is written family name first, without a space: 김지우. Any other
-- is written given name first: Ada Lovelace, and 지우 Kim, of which half is Korean.
CREATE FUNCTION make_full_name() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.full_name := CASE
        WHEN NEW.first_name ~ '[가-힣]' AND NEW.last_name ~ '[가-힣]' THEN NEW.last_name || NEW.first_name
        ELSE NEW.first_name || ' ' || NEW.last_name
    END;
    RETURN NEW;
END;
$$;

-- Triggers fire in the order of their names: this one before profiles_stamp,
-- which then sees whether anything has changed.
CREATE TRIGGER profiles_full_name BEFORE INSERT OR UPDATE ON profiles
    FOR EACH ROW EXECUTE FUNCTION make_full_name();

-- Byte by byte: an address that is written in another case is another answer,
-- though citext calls the two the same.
CREATE TRIGGER profiles_stamp BEFORE UPDATE ON profiles
    FOR EACH ROW WHEN (OLD *<> NEW)
    EXECUTE FUNCTION stamp_change();

CREATE TRIGGER accounts_stamp BEFORE UPDATE ON accounts
    FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*)
    EXECUTE FUNCTION stamp_change();

-- One index for each order that the lists can have, and one for each key that
-- refers elsewhere.
CREATE INDEX accounts_created_at ON accounts (created_at, id);
CREATE INDEX accounts_updated_at ON accounts (updated_at, id);
CREATE INDEX accounts_account_name ON accounts (account_name, id);
CREATE INDEX accounts_owner_id ON accounts (owner_id, created_at, id);
CREATE INDEX accounts_profile_id ON accounts (profile_id);
CREATE INDEX accounts_search ON accounts USING gin (account_name gin_trgm_ops, notes gin_trgm_ops);
CREATE INDEX profiles_created_at ON profiles (created_at, id);
CREATE INDEX profiles_updated_at ON profiles (updated_at, id);
CREATE INDEX profiles_full_name ON profiles (full_name, id);
CREATE INDEX profiles_owner_id ON profiles (owner_id, created_at, id);
CREATE INDEX profiles_account_id ON profiles (account_id, created_at, id);
CREATE INDEX profiles_search ON profiles USING gin (full_name gin_trgm_ops);
