-- Mail that is never lost, never doubled unseen, and never late without a word.

-- 1 = made in test mode: it goes to the test box and tells no unit anything.
ALTER TABLE outbox ADD COLUMN test BIGINT NOT NULL DEFAULT 0;
-- How many attempts ended where the server may have taken the message.
ALTER TABLE outbox ADD COLUMN unknowns BIGINT NOT NULL DEFAULT 0;
-- After this it is not sent any more: a digest that comes too late misleads.
ALTER TABLE outbox ADD COLUMN expires_at TEXT NOT NULL DEFAULT '9999';
-- The message whose content goes once more to a corrected address.
ALTER TABLE outbox ADD COLUMN instead_of TEXT NOT NULL DEFAULT '';

-- The bytes apart from the state: a claim and a settlement write a short row, not the attachment.
CREATE TABLE outbox_body (
    id TEXT NOT NULL PRIMARY KEY,
    message BYTEA NOT NULL
);
INSERT INTO outbox_body (id, message) SELECT id, message FROM outbox;
ALTER TABLE outbox ADD COLUMN size BIGINT NOT NULL DEFAULT 0;
UPDATE outbox SET size = LENGTH(message);
ALTER TABLE outbox DROP COLUMN message;

-- What a message told, as JSON lines [rule, ledger, key, light].
CREATE TABLE outbox_told (
    message TEXT NOT NULL PRIMARY KEY,
    body TEXT NOT NULL
);

-- What happened to a message beside a first acceptance, and who did it; `who` is empty for the service itself.
CREATE TABLE outbox_event (
    message TEXT NOT NULL,
    no BIGINT NOT NULL,
    at TEXT NOT NULL,
    who TEXT NOT NULL,
    what TEXT NOT NULL,
    detail TEXT NOT NULL,
    PRIMARY KEY (message, no)
);

-- One row. `counter` grows with every claim and every settlement and is copied to a file beside the database; `hold` says why nothing
-- goes out (empty: it goes).
CREATE TABLE sending (
    id BIGINT NOT NULL PRIMARY KEY,
    counter BIGINT NOT NULL,
    hold TEXT NOT NULL,
    held_at TEXT NOT NULL,
    held_by TEXT NOT NULL,
    held_why TEXT NOT NULL
);
INSERT INTO sending (id, counter, hold, held_at, held_by, held_why) VALUES (1, 0, '', '', '', '');

-- Mails handed to the server by day, for the fuse; `extra` is what a person has allowed beyond the setting.
CREATE TABLE sending_day (
    day TEXT NOT NULL PRIMARY KEY,
    sent BIGINT NOT NULL,
    extra BIGINT NOT NULL
);
