-- Ends all sessions and drops all keys, second factors and links to providers.
-- Users without a password can't be kept by the schema before: they get one that
-- nobody knows, and can have it reset.
DROP TABLE login_throttles;
DROP TABLE api_keys;
DROP TABLE user_identities;
DROP TABLE recovery_codes;
DROP TABLE totp_credentials;
DROP TABLE email_change_tokens;
DROP TABLE password_reset_tokens;
DROP TABLE refresh_tokens;
DROP TABLE sessions;
DROP INDEX users_admins;
DROP INDEX users_updated_at;
DROP INDEX users_created_at;
DROP TRIGGER users_stamp ON users;
CREATE TRIGGER users_stamp BEFORE UPDATE ON users
    FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*)
    EXECUTE FUNCTION stamp_change();
UPDATE users
SET password_hash = '$argon2id$v=19$m=19456,t=2,p=1$Y2FsbGJvYXJkLW5vYm9keQ$AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8'
WHERE password_hash IS NULL;
ALTER TABLE users ALTER COLUMN password_hash SET NOT NULL;
