-- What units have said of their records; the last one of a record counts, the earlier ones stay.
CREATE TABLE feedback (
    no BIGINT NOT NULL PRIMARY KEY,
    ledger TEXT NOT NULL,
    code TEXT NOT NULL,
    unit TEXT NOT NULL,
    received_at TEXT NOT NULL,
    -- sha256 of the form
    form TEXT NOT NULL,
    -- the answer as JSON
    body TEXT NOT NULL
);

CREATE INDEX feedback_record ON feedback (ledger, code, no);

-- Forms that were taken in from the folder, so that each is read once.
CREATE TABLE feedback_form (
    sha256 TEXT NOT NULL PRIMARY KEY,
    file TEXT NOT NULL,
    received_at TEXT NOT NULL
);
