-- The findings of a run and the timeline are packed, some hundred to a row. Those of earlier builds, which were never released, are left behind.
DROP TABLE finding;
DROP TABLE timeline;

-- body: deflated JSON lines in the order of (rule, ledger, key), each one item as `duban findings` prints it; state `resolved` = over.
CREATE TABLE finding (
    run TEXT NOT NULL,
    part BIGINT NOT NULL,
    items BIGINT NOT NULL,
    body BYTEA NOT NULL,
    PRIMARY KEY (run, part)
);

-- One life per finding, written only by the run of the latest as_of; sample 1 = of the shipped sample.
CREATE TABLE timeline (
    sample BIGINT NOT NULL PRIMARY KEY,
    as_of TEXT NOT NULL,
    version BIGINT NOT NULL,
    run TEXT NOT NULL
);

-- body: postcard of (rule, ledger, key, light, state, first_on, changed_on), one behind the other, in the order of the first three.
CREATE TABLE timeline_part (
    sample BIGINT NOT NULL,
    version BIGINT NOT NULL,
    part BIGINT NOT NULL,
    body BYTEA NOT NULL,
    PRIMARY KEY (sample, version, part)
);
