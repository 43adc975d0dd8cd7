-- Drops all clients and contact people.
ALTER TABLE accounts DROP CONSTRAINT accounts_profile_id_fkey;
DROP TABLE profiles;
DROP TABLE accounts;
DROP FUNCTION make_full_name();
