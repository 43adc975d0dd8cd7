-- The price list.

-- Finds parts of words, in Korean as in English; PostgreSQL ships it, managed
-- ones allow it, and the owner of a database may create it.
CREATE EXTENSION IF NOT EXISTS pg_trgm;

CREATE TABLE items (
    id          uuid          NOT NULL,
    title       text          NOT NULL,
    description text,
    price       numeric(14,2) NOT NULL,
    currency    text          NOT NULL,
    owner_id    uuid          NOT NULL,
    version     bigint        NOT NULL DEFAULT 1,
    created_at  timestamptz   NOT NULL DEFAULT clock_timestamp(),
    updated_at  timestamptz   NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT items_pkey PRIMARY KEY (id),
    CONSTRAINT items_owner_id_fkey FOREIGN KEY (owner_id) REFERENCES users,
    CONSTRAINT items_title_fits CHECK (char_length(title) BETWEEN 1 AND 200),
    CONSTRAINT items_description_fits CHECK (char_length(description) BETWEEN 1 AND 10000),
    CONSTRAINT items_price_positive CHECK (price > 0),
    CONSTRAINT items_currency_fits CHECK (currency ~ '^[A-Z]{3}$')
);

COMMENT ON TABLE items IS 'What the agency sells, and for how much.';
COMMENT ON COLUMN items.currency IS 'ISO 4217; a currency without a minor unit has prices without a fraction.';

-- One index for each order that the list can have; the owner's serves the
-- foreign key too.
CREATE INDEX items_created_at ON items (created_at, id);
CREATE INDEX items_updated_at ON items (updated_at, id);
CREATE INDEX items_title ON items (title, id);
CREATE INDEX items_price ON items (price, id);
CREATE INDEX items_owner_id ON items (owner_id, created_at, id);
CREATE INDEX items_search ON items USING gin (title gin_trgm_ops, description gin_trgm_ops);

CREATE TRIGGER items_stamp BEFORE UPDATE ON items
    FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*)
    EXECUTE FUNCTION stamp_change();
