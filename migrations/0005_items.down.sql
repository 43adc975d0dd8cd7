-- Drops the price list.
DROP TABLE items;
-- The extension pg_trgm stays: it may have been here before, and others may use it.
