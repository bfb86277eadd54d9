-- The list a pull compares with under its own name, with the mark that the file's row is known by. Made of `record`, and left out where the
-- last pull did not follow one in force; `record` is asked then, so the lists of 0009 are not carried over.
-- body: postcard of (code, hash, amount, mark), one behind the other.
DROP TABLE standing_part;
CREATE TABLE open_part (
    ledger TEXT NOT NULL,
    source TEXT NOT NULL,
    seq BIGINT NOT NULL,
    part BIGINT NOT NULL,
    body BYTEA NOT NULL,
    PRIMARY KEY (ledger, source, part)
);
