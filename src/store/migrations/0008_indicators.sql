-- What the rates of a run were reckoned from (JSON), so that the next run of its job shows by how much they moved.
CREATE TABLE run_indicators (
    run TEXT NOT NULL PRIMARY KEY,
    body TEXT NOT NULL
);
