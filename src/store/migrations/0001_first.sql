-- One code path on SQLite and PostgreSQL: TEXT, BIGINT and BYTEA only; times are UTC ISO text of fixed width, dates ISO text.

-- The ordered field ids a record's body was packed with.
CREATE TABLE layout (
    id BIGINT NOT NULL PRIMARY KEY,
    ledger TEXT NOT NULL,
    fields TEXT NOT NULL
);

-- Where rows were read: the file and its sheets, as JSON.
CREATE TABLE snapshot (
    ledger TEXT NOT NULL,
    source TEXT NOT NULL,
    seq BIGINT NOT NULL,
    state TEXT NOT NULL,
    covers_on TEXT NOT NULL,
    taken_at TEXT NOT NULL,
    checked_at TEXT NOT NULL,
    sample BIGINT NOT NULL,
    row_count BIGINT NOT NULL,
    amount BIGINT NOT NULL,
    notes_hash TEXT NOT NULL,
    file_sha256 TEXT NOT NULL,
    origin TEXT NOT NULL,
    accounts TEXT NOT NULL,
    reason TEXT NOT NULL,
    PRIMARY KEY (ledger, source, seq)
);

-- All ledgers in one table. A version of a row is in the snapshots first_seq..last_seq of its source.
CREATE TABLE record (
    ledger TEXT NOT NULL,
    source TEXT NOT NULL,
    code TEXT NOT NULL,
    first_seq BIGINT NOT NULL,
    last_seq BIGINT NOT NULL,
    hash BYTEA NOT NULL,
    unit TEXT NOT NULL,
    name TEXT NOT NULL,
    amount BIGINT NOT NULL,
    sheet BIGINT NOT NULL,
    row_no BIGINT NOT NULL,
    layout BIGINT NOT NULL,
    body BYTEA NOT NULL,
    PRIMARY KEY (ledger, source, code, first_seq)
);
CREATE INDEX record_open ON record (ledger, source, last_seq);

-- Rows that were not simply accepted, with the snapshot (待核, 提示, 未作数据).
CREATE TABLE intake_note (
    ledger TEXT NOT NULL,
    source TEXT NOT NULL,
    seq BIGINT NOT NULL,
    no BIGINT NOT NULL,
    kind TEXT NOT NULL,
    code TEXT NOT NULL,
    unit TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (ledger, source, seq, no)
);

-- Texts a run was made with, by their sha256.
CREATE TABLE frozen (
    sha256 TEXT NOT NULL PRIMARY KEY,
    body TEXT NOT NULL
);

CREATE TABLE run (
    id TEXT NOT NULL PRIMARY KEY,
    job TEXT NOT NULL,
    slot TEXT NOT NULL,
    revision BIGINT NOT NULL,
    as_of TEXT NOT NULL,
    scheduled BIGINT NOT NULL,
    state TEXT NOT NULL,
    step TEXT NOT NULL,
    reason TEXT NOT NULL,
    fence BIGINT NOT NULL,
    lease_until TEXT NOT NULL,
    holder TEXT NOT NULL DEFAULT '',
    started_at TEXT NOT NULL,
    finished_at TEXT NOT NULL,
    inputs TEXT NOT NULL,
    result TEXT NOT NULL,
    UNIQUE (job, slot, revision)
);

-- Where each job's schedule has got to: slots up to here are run, skipped or were before the job was known.
CREATE TABLE job_state (
    job TEXT NOT NULL PRIMARY KEY,
    settled_until TEXT NOT NULL
);

CREATE TABLE finding (
    run TEXT NOT NULL,
    rule TEXT NOT NULL,
    ledger TEXT NOT NULL,
    key TEXT NOT NULL,
    unit TEXT NOT NULL,
    light TEXT NOT NULL,
    state TEXT NOT NULL,
    change TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (run, rule, ledger, key)
);

-- One life per finding, written only by the run of the latest as_of.
CREATE TABLE timeline (
    rule TEXT NOT NULL,
    ledger TEXT NOT NULL,
    key TEXT NOT NULL,
    state TEXT NOT NULL,
    light TEXT NOT NULL,
    first_on TEXT NOT NULL,
    changed_on TEXT NOT NULL,
    as_of TEXT NOT NULL,
    run TEXT NOT NULL,
    sample BIGINT NOT NULL,
    PRIMARY KEY (rule, ledger, key)
);

-- What each recipient unit was last told of.
CREATE TABLE told (
    unit TEXT NOT NULL,
    rule TEXT NOT NULL,
    ledger TEXT NOT NULL,
    key TEXT NOT NULL,
    light TEXT NOT NULL,
    told_on TEXT NOT NULL,
    run TEXT NOT NULL,
    sample BIGINT NOT NULL,
    PRIMARY KEY (unit, rule, ledger, key)
);

-- What a unit had been told before a run told it anew, as JSON lines: a revision of the slot compares with it.
CREATE TABLE told_history (
    run TEXT NOT NULL,
    unit TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (run, unit)
);

CREATE TABLE report_file (
    run TEXT NOT NULL,
    path TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    bytes BIGINT NOT NULL,
    PRIMARY KEY (run, path)
);

CREATE TABLE outbox (
    id TEXT NOT NULL PRIMARY KEY,
    run TEXT NOT NULL,
    recipient TEXT NOT NULL,
    address TEXT NOT NULL,
    unit TEXT NOT NULL,
    subject TEXT NOT NULL,
    message_id TEXT NOT NULL,
    digest_sha256 TEXT NOT NULL,
    message BYTEA NOT NULL,
    state TEXT NOT NULL,
    fence BIGINT NOT NULL,
    lease_until TEXT NOT NULL,
    holder TEXT NOT NULL DEFAULT '',
    attempts BIGINT NOT NULL,
    next_at TEXT NOT NULL,
    reply TEXT NOT NULL,
    created_at TEXT NOT NULL,
    settled_at TEXT NOT NULL,
    UNIQUE (run, recipient)
);
CREATE INDEX outbox_due ON outbox (state, next_at);
CREATE INDEX outbox_unit ON outbox (unit, created_at);

CREATE TABLE audit (
    id BIGINT NOT NULL PRIMARY KEY,
    at TEXT NOT NULL,
    who TEXT NOT NULL,
    what TEXT NOT NULL,
    object TEXT NOT NULL,
    reason TEXT NOT NULL
);
