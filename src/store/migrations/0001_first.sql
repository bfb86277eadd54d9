-- One code path on SQLite and PostgreSQL: TEXT, BIGINT and BYTEA only. Times are UTC ISO text of fixed width, dates ISO text. 1 and 0 are yes
-- and no. A text is empty where there is none.

-- The ordered field ids with which the bodies of records were packed.
CREATE TABLE layout (
    id BIGINT NOT NULL PRIMARY KEY,
    ledger TEXT NOT NULL,
    -- JSON list
    fields TEXT NOT NULL
);

-- One ledger of one source, as a pull or an import found it.
CREATE TABLE snapshot (
    ledger TEXT NOT NULL,
    source TEXT NOT NULL,
    seq BIGINT NOT NULL,
    -- held, in-force, discarded
    state TEXT NOT NULL,
    -- the day the data describe
    covers_on TEXT NOT NULL,
    -- 1 = it was given by hand or is in the file; 0 = it is the day of the pull
    day_stated BIGINT NOT NULL,
    taken_at TEXT NOT NULL,
    -- the last time a pull found it unchanged
    checked_at TEXT NOT NULL,
    -- 1 = of the shipped sample
    sample BIGINT NOT NULL,
    row_count BIGINT NOT NULL,
    -- sum of the amount field, in 分
    amount BIGINT NOT NULL,
    -- by which a pull recognises unchanged notes
    notes_hash TEXT NOT NULL,
    file_sha256 TEXT NOT NULL,
    -- file and sheets, as JSON
    origin TEXT NOT NULL,
    -- what became of the rows of each sheet, as JSON
    accounts TEXT NOT NULL,
    -- why it is held
    reason TEXT NOT NULL,
    PRIMARY KEY (ledger, source, seq)
);

-- All ledgers in one table. A version of a row is in the snapshots first_seq..last_seq of its source.
-- a pull that has written rows for a snapshot that is not there yet: it goes on, or was ended in the middle, and the next one of the source
-- removes them
CREATE TABLE staged_snapshot (
    ledger TEXT NOT NULL,
    source TEXT NOT NULL,
    seq BIGINT NOT NULL,
    PRIMARY KEY (ledger, source)
);

CREATE TABLE record (
    ledger TEXT NOT NULL,
    source TEXT NOT NULL,
    code TEXT NOT NULL,
    first_seq BIGINT NOT NULL,
    -- the largest number = the newest snapshot still has it
    last_seq BIGINT NOT NULL,
    -- of layout and body
    hash BYTEA NOT NULL,
    unit TEXT NOT NULL,
    name TEXT NOT NULL,
    -- the code of the project that the row of another ledger belongs to; empty = none, or it is a project
    project TEXT NOT NULL,
    -- in 分
    amount BIGINT NOT NULL,
    -- where the version began, in the file of snapshot first_seq
    sheet BIGINT NOT NULL,
    row_no BIGINT NOT NULL,
    layout BIGINT NOT NULL,
    -- the cells of the layout's fields
    body BYTEA NOT NULL,
    PRIMARY KEY (ledger, source, code, first_seq)
);
-- The look-ups of the portal read these indexes alone.
CREATE INDEX record_unit ON record (ledger, source, unit, code, first_seq, last_seq, name);
CREATE INDEX record_name ON record (ledger, source, name, code, first_seq, last_seq);
CREATE INDEX record_project ON record (project, ledger, source) WHERE project<>'';

-- The open versions after the last pull of a ledger, packed: what the next pull compares with. Made of `record`, and left out where the last
-- pull did not follow one in force; `record` is asked then.
CREATE TABLE open_part (
    ledger TEXT NOT NULL,
    source TEXT NOT NULL,
    seq BIGINT NOT NULL,
    part BIGINT NOT NULL,
    -- postcard of (code, hash, amount, row fingerprint), one behind the other
    body BYTEA NOT NULL,
    PRIMARY KEY (ledger, source, seq, part)
);

-- Rows that were not simply accepted, with the snapshot (待核, 提示, 未作数据).
CREATE TABLE intake_note (
    ledger TEXT NOT NULL,
    source TEXT NOT NULL,
    seq BIGINT NOT NULL,
    no BIGINT NOT NULL,
    kind TEXT NOT NULL,
    code TEXT NOT NULL,
    unit TEXT NOT NULL,
    -- the note as JSON
    body TEXT NOT NULL,
    PRIMARY KEY (ledger, source, seq, no)
);

-- Marks of secrecy (涉密、不便公开): what a row of a source stated of a code, whatever became of the row. No row is removed: a run pins the
-- position up to which it counts them.
CREATE TABLE restriction (
    ledger TEXT NOT NULL,
    source TEXT NOT NULL,
    -- that of the row, or its name where it has none
    code TEXT NOT NULL,
    -- the name of the row, by which texts of other records may name it
    name TEXT NOT NULL,
    -- the position at which it began
    began BIGINT NOT NULL,
    -- the position at which a row of the source replaced it or stated the contrary, and at which a person lifted it; the largest number = not yet
    ended BIGINT NOT NULL,
    lifted BIGINT NOT NULL,
    since TEXT NOT NULL,
    ended_at TEXT NOT NULL,
    lifted_at TEXT NOT NULL,
    lifted_by TEXT NOT NULL,
    lift_reason TEXT NOT NULL,
    -- the file in which it was found
    file_sha256 TEXT NOT NULL,
    -- the cell as it was read; never the grade of a state secret
    cell TEXT NOT NULL,
    -- the header of a column about which the office has not decided; empty = a column of secrecy
    header TEXT NOT NULL,
    -- 1 = of the shipped sample
    sample BIGINT NOT NULL,
    -- the held snapshot whose row states the contrary: it ends the mark when it comes into force; 0 = none
    ends_with BIGINT NOT NULL,
    PRIMARY KEY (ledger, source, code, began)
);

CREATE INDEX restriction_began ON restriction (began);
CREATE INDEX restriction_code ON restriction (ledger, code);

-- One row: how often marks have begun, ended or been lifted.
CREATE TABLE restriction_position (
    id BIGINT NOT NULL PRIMARY KEY,
    position BIGINT NOT NULL
);
INSERT INTO restriction_position (id, position) VALUES (1, 0);

-- What the office has decided about headers that may be of secrecy.
CREATE TABLE secrecy_header (
    source TEXT NOT NULL,
    header TEXT NOT NULL,
    -- marks, opens, ignored
    decision TEXT NOT NULL,
    at TEXT NOT NULL,
    who TEXT NOT NULL,
    PRIMARY KEY (source, header)
);

-- Codes that left a register, as the office confirmed it.
CREATE TABLE gone_confirmed (
    ledger TEXT NOT NULL,
    source TEXT NOT NULL,
    code TEXT NOT NULL,
    -- the last snapshot in force that had the code; one that returns and leaves once more has another, and is listed anew
    seen_seq BIGINT NOT NULL,
    confirmed_at TEXT NOT NULL,
    who TEXT NOT NULL,
    reason TEXT NOT NULL,
    PRIMARY KEY (ledger, source, code, seen_seq)
);

-- Texts of the configuration that runs were made with, by their sha256.
CREATE TABLE frozen (
    sha256 TEXT NOT NULL PRIMARY KEY,
    body TEXT NOT NULL
);

-- One row for each job, slot and revision.
CREATE TABLE run (
    -- JOB@SLOT#REVISION
    id TEXT NOT NULL PRIMARY KEY,
    job TEXT NOT NULL,
    -- the period for which it counts, or its slot
    key TEXT NOT NULL,
    slot TEXT NOT NULL,
    revision BIGINT NOT NULL,
    as_of TEXT NOT NULL,
    -- 1 = begun by the service
    scheduled BIGINT NOT NULL,
    -- running, done, partial, failed
    state TEXT NOT NULL,
    -- the last finished step
    step TEXT NOT NULL,
    -- why it failed
    reason TEXT NOT NULL,
    -- grows with every claim; a write with an older one is refused
    fence BIGINT NOT NULL,
    lease_until TEXT NOT NULL,
    -- machine and root of the process that claimed it
    holder TEXT NOT NULL DEFAULT '',
    started_at TEXT NOT NULL,
    finished_at TEXT NOT NULL,
    -- what it is computed from, and what it could not read or make, as JSON
    inputs TEXT NOT NULL,
    -- what it has found, made and queued, as JSON with its version; empty until it ends
    result TEXT NOT NULL,
    UNIQUE (job, key, revision)
);

-- How long each step of a run took; a step that was taken once more has its last times.
CREATE TABLE run_step (
    run TEXT NOT NULL,
    step TEXT NOT NULL,
    began_at TEXT NOT NULL,
    ended_at TEXT NOT NULL,
    PRIMARY KEY (run, step)
);

-- The figures from which the rates of a run were computed: the next run of its job shows by how much they moved.
CREATE TABLE run_indicators (
    run TEXT NOT NULL PRIMARY KEY,
    -- JSON
    body TEXT NOT NULL
);

-- Where the schedule of each job is: slots up to this time were run, skipped, or were before the job was known.
CREATE TABLE job_state (
    job TEXT NOT NULL PRIMARY KEY,
    -- local time
    handled_until TEXT NOT NULL,
    -- the cron time by which that was reckoned; empty = not known
    slot TEXT NOT NULL
);

-- One row: when the service last did what was due.
CREATE TABLE beat (
    id BIGINT NOT NULL PRIMARY KEY,
    at TEXT NOT NULL
);

-- One row: the clock of a machine was not believed, and since then nobody has believed it.
CREATE TABLE clock_doubt (
    id BIGINT NOT NULL PRIMARY KEY,
    since TEXT NOT NULL,
    -- the newest fact when the doubt began: what a wrong clock dates later is none
    newest TEXT NOT NULL,
    text TEXT NOT NULL
);

-- The findings of a run, some hundred to a row.
CREATE TABLE finding (
    run TEXT NOT NULL,
    part BIGINT NOT NULL,
    -- number of findings in the part
    items BIGINT NOT NULL,
    -- deflated JSON lines in the order of (rule, ledger, key), each a finding as `duban findings` prints it; state `resolved` = over
    body BYTEA NOT NULL,
    PRIMARY KEY (run, part)
);

-- One life per finding, written only by the run of the latest as_of: one timeline of all jobs, and one of each series of runs.
CREATE TABLE timeline (
    -- 1 = of the shipped sample
    sample BIGINT NOT NULL,
    -- name of a job, or a kind of period with / before it; empty = all
    series TEXT NOT NULL,
    as_of TEXT NOT NULL,
    -- how often it was written
    version BIGINT NOT NULL,
    -- whose parts are in force: a run with the number of its claim
    writer TEXT NOT NULL,
    PRIMARY KEY (sample, series)
);

-- The lives of a timeline, some hundred to a row. Those of another writer are being written, or are left of one that died.
CREATE TABLE timeline_part (
    sample BIGINT NOT NULL,
    series TEXT NOT NULL,
    writer TEXT NOT NULL,
    -- that of the timeline once they are in force
    version BIGINT NOT NULL,
    part BIGINT NOT NULL,
    -- postcard of (rule, ledger, key, light, state, first_on, changed_on, state and light before that), one behind the other, in the order of the
    -- first three
    body BYTEA NOT NULL,
    PRIMARY KEY (sample, series, writer, version, part)
);

-- Pictures: the findings of a day as the pages list them.
CREATE TABLE picture (
    no BIGINT NOT NULL PRIMARY KEY,
    as_of TEXT NOT NULL,
    made_at TEXT NOT NULL,
    -- the run that made it; empty = the pages
    run TEXT NOT NULL,
    -- of what it was made: the positions of the data and of the marks of secrecy, the sha256 of the configuration
    data BIGINT NOT NULL,
    restrictions BIGINT NOT NULL,
    config TEXT NOT NULL,
    -- milliseconds that its making took
    took BIGINT NOT NULL,
    -- the rules and units by which its rows count, as JSON
    names TEXT NOT NULL
);

-- One row: the picture in force. Rows of others are being written, or are left of a process that died.
CREATE TABLE current_picture (
    id BIGINT NOT NULL PRIMARY KEY,
    -- 0 = none
    picture BIGINT NOT NULL,
    -- the number that was last given to a process that makes one, and until when no other begins
    making BIGINT NOT NULL,
    making_until TEXT NOT NULL
);
INSERT INTO current_picture (id, picture, making, making_until) VALUES (1, 0, 0, '');

-- One row: how often other snapshots have come into force.
CREATE TABLE data_position (
    id BIGINT NOT NULL PRIMARY KEY,
    position BIGINT NOT NULL
);
INSERT INTO data_position (id, position) VALUES (1, 0);

-- The findings of a picture, numbered in the order of its lists.
CREATE TABLE picture_finding (
    picture BIGINT NOT NULL,
    no BIGINT NOT NULL,
    ledger TEXT NOT NULL,
    key TEXT NOT NULL,
    -- the line of a list, as JSON
    body TEXT NOT NULL,
    PRIMARY KEY (picture, no)
);
CREATE INDEX picture_finding_key ON picture_finding (picture, key);

-- What each unit may list.
CREATE TABLE picture_reader (
    picture BIGINT NOT NULL,
    -- code of the unit; empty = the office
    reader TEXT NOT NULL,
    -- restricted findings that belong to its list and are only counted
    only_counted BIGINT NOT NULL,
    -- postcard of (rule, owner, light, state, restricted, number of findings), one for all findings that follow each other in the list
    body BYTEA NOT NULL,
    PRIMARY KEY (picture, reader)
);

-- The numbers of the findings in the list of a unit, some thousand to a row.
CREATE TABLE picture_list (
    picture BIGINT NOT NULL,
    reader TEXT NOT NULL,
    part BIGINT NOT NULL,
    -- postcard of the distances from one to the next
    body BYTEA NOT NULL,
    PRIMARY KEY (picture, reader, part)
);

-- Codes and names of the findings of a picture in small letters, some thousand lines to a row: what a search reads.
CREATE TABLE picture_text (
    picture BIGINT NOT NULL,
    part BIGINT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (picture, part)
);

-- What the list of each reader counted on a day: the open findings by light.
CREATE TABLE picture_day (
    -- code of the unit; empty = the office
    reader TEXT NOT NULL,
    day TEXT NOT NULL,
    red BIGINT NOT NULL,
    orange BIGINT NOT NULL,
    yellow BIGINT NOT NULL,
    PRIMARY KEY (reader, day)
);

-- The findings of which each unit was last notified.
CREATE TABLE notified (
    unit TEXT NOT NULL,
    rule TEXT NOT NULL,
    ledger TEXT NOT NULL,
    key TEXT NOT NULL,
    -- empty = listed as a cell to fill in
    light TEXT NOT NULL,
    -- day of the slot
    notified_on TEXT NOT NULL,
    run TEXT NOT NULL,
    sample BIGINT NOT NULL,
    PRIMARY KEY (unit, rule, ledger, key)
);

-- The findings of which a unit had been notified before a run notified it anew: a revision of the slot compares with them.
CREATE TABLE notified_history (
    run TEXT NOT NULL,
    unit TEXT NOT NULL,
    -- JSON list of [rule, ledger, key, light]
    body TEXT NOT NULL,
    PRIMARY KEY (run, unit)
);

-- Why each unit was mailed by a run, or was not. A newer run that supersedes an unsent mail changes the reason.
CREATE TABLE notify_reason (
    run TEXT NOT NULL,
    -- code and name of the unit
    unit TEXT NOT NULL,
    name TEXT NOT NULL,
    -- the codes of the reasons
    reason TEXT NOT NULL,
    -- place in the administrative order
    no BIGINT NOT NULL,
    PRIMARY KEY (run, unit)
);

-- The files that a run has made.
CREATE TABLE report_file (
    run TEXT NOT NULL,
    -- id of the template
    template TEXT NOT NULL,
    -- workbook, document, pack
    kind TEXT NOT NULL,
    -- code of the unit of a pack; empty for the other kinds
    unit TEXT NOT NULL,
    -- place among the files that were made together: packs are in the administrative order of their units
    no BIGINT NOT NULL,
    path TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    bytes BIGINT NOT NULL,
    PRIMARY KEY (run, template, kind, unit)
);

-- The files that runs have made, in pieces, where several machines share the database: each gives out what any of them has made.
CREATE TABLE report_piece (
    sha256 TEXT NOT NULL,
    part BIGINT NOT NULL,
    body BYTEA NOT NULL,
    PRIMARY KEY (sha256, part)
);

-- The state of every message. Its bytes are apart, so that a claim and an outcome write a short row, not the attachment.
CREATE TABLE outbox (
    id TEXT NOT NULL PRIMARY KEY,
    run TEXT NOT NULL,
    -- unit and mailbox, with the act of a draft
    recipient TEXT NOT NULL,
    address TEXT NOT NULL,
    unit TEXT NOT NULL,
    subject TEXT NOT NULL,
    message_id TEXT NOT NULL,
    -- fingerprint of the content
    digest_sha256 TEXT NOT NULL,
    -- of its bytes: they are sent only as they were made
    bytes_sha256 TEXT NOT NULL,
    -- the codes of the delivery states
    state TEXT NOT NULL,
    -- grows with every claim; an outcome with an older one is refused
    fence BIGINT NOT NULL,
    lease_until TEXT NOT NULL,
    -- machine and root of the process that claimed it
    holder TEXT NOT NULL DEFAULT '',
    -- the fence of the last claim under which its sending was begun; the outcome of any other claim that broke off is known: nothing went out
    begun BIGINT NOT NULL DEFAULT 0,
    attempts BIGINT NOT NULL,
    next_at TEXT NOT NULL,
    -- the last reply of the server
    reply TEXT NOT NULL,
    created_at TEXT NOT NULL,
    -- when it reached its last state
    ended_at TEXT NOT NULL,
    -- the letter that it is a copy of: it is released and rejected with it; empty = it is none
    copy_of TEXT NOT NULL DEFAULT '',
    -- 1 = made in test mode: it goes to the test mailbox, and no unit counts as notified
    test BIGINT NOT NULL,
    -- attempts after which the server may or may not have accepted it
    unknowns BIGINT NOT NULL DEFAULT 0,
    -- after this it is not sent any more: a digest that comes too late misleads
    expires_at TEXT NOT NULL,
    -- the message whose content goes to a corrected address
    instead_of TEXT NOT NULL DEFAULT '',
    -- bytes of the message
    size BIGINT NOT NULL,
    -- the act above 催办 of a draft that a person releases; empty for a digest
    act TEXT NOT NULL,
    -- the position of the marks of secrecy against which it was last checked; it is sent only if that is the present one
    checked BIGINT NOT NULL DEFAULT 0,
    UNIQUE (run, recipient)
);
CREATE INDEX outbox_due ON outbox (state, next_at);
CREATE INDEX outbox_unit ON outbox (unit, created_at);

-- The bytes of every message.
CREATE TABLE outbox_body (
    id TEXT NOT NULL PRIMARY KEY,
    message BYTEA NOT NULL
);

-- The findings that a message reports.
CREATE TABLE outbox_findings (
    message TEXT NOT NULL PRIMARY KEY,
    -- JSON list of [rule, ledger, key, light]
    body TEXT NOT NULL
);

-- The records that a message or a file of a run names, so that a mark of secrecy that comes later finds it.
CREATE TABLE named_records (
    -- id of a message, or path of a file
    object TEXT NOT NULL PRIMARY KEY,
    -- the run of the message, or the folder of the file: one line of the audit is about all of a part
    part TEXT NOT NULL,
    -- deflated JSON list of [ledger, code]
    body BYTEA NOT NULL
);
CREATE INDEX named_part ON named_records (part);

-- What happened to a message beside a first acceptance.
CREATE TABLE outbox_event (
    message TEXT NOT NULL,
    no BIGINT NOT NULL,
    at TEXT NOT NULL,
    -- empty = the service itself
    who TEXT NOT NULL,
    -- name and number of the user of the operating system
    os_user TEXT NOT NULL,
    what TEXT NOT NULL,
    detail TEXT NOT NULL,
    PRIMARY KEY (message, no)
);

-- One row.
CREATE TABLE sending (
    id BIGINT NOT NULL PRIMARY KEY,
    -- grows with every claim and every recording of outcomes; a file beside the database has a copy of it
    counter BIGINT NOT NULL,
    -- the reason why nothing is sent; empty = it is sent
    hold TEXT NOT NULL,
    hold_at TEXT NOT NULL,
    hold_by TEXT NOT NULL,
    hold_why TEXT NOT NULL,
    -- since when nothing is numbered, because the database is a restored copy; empty = it is numbered
    numbers_held TEXT NOT NULL
);
INSERT INTO sending (id, counter, hold, hold_at, hold_by, hold_why, numbers_held) VALUES (1, 0, '', '', '', '', '');

-- Mails given to the server by day, for the daily limit.
CREATE TABLE sending_day (
    day TEXT NOT NULL PRIMARY KEY,
    sent BIGINT NOT NULL,
    -- mails that a person has allowed beyond the limit
    extra BIGINT NOT NULL
);

-- The answers of units on records; the last one of a record counts, the earlier ones stay.
CREATE TABLE feedback (
    no BIGINT NOT NULL PRIMARY KEY,
    ledger TEXT NOT NULL,
    code TEXT NOT NULL,
    unit TEXT NOT NULL,
    received_at TEXT NOT NULL,
    -- sha256 of the form
    form TEXT NOT NULL,
    -- who handed it in: the user of this machine, or the service that read a folder
    sender TEXT NOT NULL,
    -- the answer as JSON; that of a withdrawal is the one withdrawn
    body TEXT NOT NULL,
    -- the number of the answer that this row takes back; 0 = it is an answer
    withdraws BIGINT NOT NULL
);
CREATE INDEX feedback_record ON feedback (ledger, code, no);

-- Forms that were imported from the folder, so that each is read once.
CREATE TABLE feedback_form (
    sha256 TEXT NOT NULL PRIMARY KEY,
    file TEXT NOT NULL,
    received_at TEXT NOT NULL
);

-- Secret keys, by what they prove. One of each purpose is in use; those before it prove what was made with them until they are revoked.
CREATE TABLE secret_key (
    id BIGINT NOT NULL PRIMARY KEY,
    -- form: the numbers and rows of feedback forms
    purpose TEXT NOT NULL,
    secret BYTEA NOT NULL,
    valid_from TEXT NOT NULL,
    -- empty = in use
    valid_until TEXT NOT NULL,
    -- empty = not revoked
    revoked_at TEXT NOT NULL
);

-- Files whose reading was begun. A row is written before a file is read and deleted when that has ended well: what is left has ended its reader.
CREATE TABLE reading (
    sha256 TEXT NOT NULL PRIMARY KEY,
    file TEXT NOT NULL,
    -- the last time
    begun_at TEXT NOT NULL,
    -- how often it was begun
    attempts BIGINT NOT NULL,
    -- 1 = its reader died or ran out of time; 0 = the program itself ended meanwhile
    ended_reader BIGINT NOT NULL
);

-- Each source as it was when it was pulled last.
CREATE TABLE source_check (
    source TEXT NOT NULL PRIMARY KEY,
    checked_at TEXT NOT NULL,
    -- why it could not be read; empty = it could
    failure TEXT NOT NULL,
    -- since when it cannot be read; empty = it can
    failed_since TEXT NOT NULL
);

-- What was reported to the operator and is not over.
CREATE TABLE trouble (
    -- a code of TroubleKind
    kind TEXT NOT NULL,
    -- a source, a job
    about TEXT NOT NULL,
    text TEXT NOT NULL,
    began_at TEXT NOT NULL,
    -- since when it is not found any more; empty = it is found
    gone_at TEXT NOT NULL,
    PRIMARY KEY (kind, about)
);

-- The messages to the operator.
CREATE TABLE operator_message (
    no BIGINT NOT NULL PRIMARY KEY,
    text TEXT NOT NULL,
    made_at TEXT NOT NULL,
    -- when it went by mail and to the chat; empty = not yet
    mailed_at TEXT NOT NULL,
    posted_at TEXT NOT NULL,
    -- no other process takes it before this time
    next_at TEXT NOT NULL,
    attempts BIGINT NOT NULL
);

-- Who did what, when and why.
CREATE TABLE audit (
    -- time, order within the process, random part
    id TEXT NOT NULL PRIMARY KEY,
    at TEXT NOT NULL,
    -- the name that was given
    who TEXT NOT NULL,
    -- name and number of the user of the operating system
    os_user TEXT NOT NULL,
    what TEXT NOT NULL,
    object TEXT NOT NULL,
    reason TEXT NOT NULL,
    -- the rows that the act wrote, and the sha256 of what they hold since; empty = it wrote none that is compared
    row_key TEXT NOT NULL,
    row_hash TEXT NOT NULL,
    -- the place in the chain; 0 = not sealed yet
    no BIGINT NOT NULL,
    -- sha256 of the line and of the hash before it
    hash TEXT NOT NULL
);
CREATE INDEX audit_chained ON audit (no);
CREATE INDEX audit_object ON audit (object);
CREATE INDEX audit_rows ON audit (row_key);

-- One row: the end of the chain of audit lines, and the last line that was removed after its time.
CREATE TABLE audit_chain (
    id BIGINT NOT NULL PRIMARY KEY,
    no BIGINT NOT NULL,
    hash TEXT NOT NULL,
    pruned_no BIGINT NOT NULL,
    pruned_hash TEXT NOT NULL
);
INSERT INTO audit_chain (id, no, hash, pruned_no, pruned_hash) VALUES (1, 0, '', 0, '');

-- The configurations that were published: the one with the highest number is in force.
CREATE TABLE config_published (
    no BIGINT NOT NULL PRIMARY KEY,
    at TEXT NOT NULL,
    who TEXT NOT NULL,
    -- JSON: path -> sha256 of its text in frozen
    files TEXT NOT NULL,
    -- from the one before
    difference TEXT NOT NULL
);

-- One row, or none: the folder of the service has another configuration, which waits for a person.
CREATE TABLE config_waiting (
    id BIGINT NOT NULL PRIMARY KEY,
    since TEXT NOT NULL,
    text TEXT NOT NULL
);

-- Accounts of the portal. None is deleted, because the audit names them.
CREATE TABLE account (
    -- the name in small letters
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    -- code of its unit
    unit TEXT NOT NULL,
    -- codes, joined by commas
    roles TEXT NOT NULL,
    -- argon2: algorithm, its numbers, salt and hash
    password TEXT NOT NULL,
    password_set_at TEXT NOT NULL,
    -- 1 = somebody else set the password, and its owner has to choose another one first
    must_change BIGINT NOT NULL,
    created_at TEXT NOT NULL,
    created_by TEXT NOT NULL,
    -- empty = in use
    ended_at TEXT NOT NULL,
    -- the secret of its authenticator, in hex; empty = it has none
    totp_secret TEXT NOT NULL DEFAULT '',
    -- when the secret was made
    totp_begun_at TEXT NOT NULL DEFAULT '',
    -- 1 = its owner has confirmed the secret, and a login asks for a code
    totp_on BIGINT NOT NULL DEFAULT 0,
    -- the step of the last code that was used
    totp_step BIGINT NOT NULL DEFAULT 0
);

-- Codes with which an owner logs in without the authenticator, each once.
CREATE TABLE account_recovery (
    account TEXT NOT NULL,
    -- its sha256
    code TEXT NOT NULL,
    PRIMARY KEY (account, code)
);

-- Sessions of the portal. This table and the next two are used in var/session.db where the database is an SQLite file.
CREATE TABLE session (
    -- sha256 of the token in the cookie
    id TEXT NOT NULL PRIMARY KEY,
    account TEXT NOT NULL,
    -- what every form of the session carries
    form_token TEXT NOT NULL,
    began_at TEXT NOT NULL,
    seen_at TEXT NOT NULL,
    address TEXT NOT NULL,
    browser TEXT NOT NULL,
    -- what the next page shows once
    message TEXT NOT NULL
);
CREATE INDEX session_account ON session (account);

-- Logins of the last day.
CREATE TABLE login_attempt (
    -- in small letters
    name TEXT NOT NULL,
    address TEXT NOT NULL,
    at TEXT NOT NULL,
    -- 1 = wrong
    wrong BIGINT NOT NULL
);
CREATE INDEX login_attempt_name ON login_attempt (name, at);
CREATE INDEX login_attempt_address ON login_attempt (address, at);

-- Codes that are used once, by what they allow.
CREATE TABLE one_time_code (
    purpose TEXT NOT NULL PRIMARY KEY,
    -- its sha256
    code TEXT NOT NULL,
    valid_until TEXT NOT NULL
);

-- Events (办理记录): transitions of records that happened. A row is never edited; only its retraction is added.
CREATE TABLE event (
    -- from the one row of event_position, so in the order in which events were committed
    pos BIGINT NOT NULL PRIMARY KEY,
    -- the position of the event of which this one is a copy or a consequence; its own where it is none
    act BIGINT NOT NULL,
    ledger TEXT NOT NULL,
    code TEXT NOT NULL,
    -- counted for each record, from 1
    no BIGINT NOT NULL,
    -- by which a door repeats itself without effect; empty = none
    key TEXT NOT NULL,
    -- whose series the number is of (the code of a unit, empty = the office), and the number; empty = none
    issuer TEXT NOT NULL,
    number TEXT NOT NULL,
    -- 1 = made while only the shipped sample held projects
    sample BIGINT NOT NULL,
    -- the day on which it takes effect
    day TEXT NOT NULL,
    recorded_at TEXT NOT NULL,
    -- everything else, as JSON
    body TEXT NOT NULL,
    -- the position of the retraction; 0 = it counts
    retracted BIGINT NOT NULL,
    retracted_at TEXT NOT NULL,
    retracted_by TEXT NOT NULL,
    retracted_why TEXT NOT NULL
);
CREATE UNIQUE INDEX event_no ON event (ledger, code, no, sample);
CREATE UNIQUE INDEX event_key ON event (ledger, code, key, sample) WHERE key<>'';
CREATE UNIQUE INDEX event_number ON event (ledger, issuer, sample, number) WHERE number<>'';
CREATE INDEX event_act ON event (act);

-- One row: the position that was last given. Whoever writes events changes it first, so that nobody else does meanwhile.
CREATE TABLE event_position (
    id BIGINT NOT NULL PRIMARY KEY,
    pos BIGINT NOT NULL
);
INSERT INTO event_position (id, pos) VALUES (1, 0);

-- The last number of each series of codes and numbers. It changes in the transaction of the event that uses it, so no number is missing.
CREATE TABLE event_series (
    ledger TEXT NOT NULL,
    -- code PREFIX, or number UNIT
    series TEXT NOT NULL,
    -- of the time of recording, in Shanghai
    year BIGINT NOT NULL,
    last BIGINT NOT NULL,
    PRIMARY KEY (ledger, series, year)
);
