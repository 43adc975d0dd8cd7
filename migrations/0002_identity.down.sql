-- Drops all users with everything that hangs on them.
DROP TABLE email_verification_tokens;
DROP TABLE users;
DROP FUNCTION stamp_change();
-- The extension citext stays: it may have been here before, and others may use it.
