-- Codes that left a register, as the office confirmed it. `seen_seq` is the last snapshot in force that held the code: one that comes
-- back and goes again has another, and is listed anew.
CREATE TABLE gone_confirmed (
    ledger TEXT NOT NULL,
    source TEXT NOT NULL,
    code TEXT NOT NULL,
    seen_seq BIGINT NOT NULL,
    confirmed_at TEXT NOT NULL,
    who TEXT NOT NULL,
    reason TEXT NOT NULL,
    PRIMARY KEY (ledger, source, code, seen_seq)
);
