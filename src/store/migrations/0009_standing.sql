-- The rows that stand after the last pull of a ledger, packed: what the next pull compares with. Made of `record`, and left out where the
-- last pull did not follow one in force; `record` is asked then.
-- body: postcard of (code, hash, amount), one behind the other.
CREATE TABLE standing_part (
    ledger TEXT NOT NULL,
    source TEXT NOT NULL,
    seq BIGINT NOT NULL,
    part BIGINT NOT NULL,
    body BYTEA NOT NULL,
    PRIMARY KEY (ledger, source, part)
);

-- Only what `standing_part` now says was asked by it.
DROP INDEX record_open;
