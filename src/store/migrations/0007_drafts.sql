-- An act above 催办 (supervise, circulate, interview) that waits as a message of its own until a person releases it; empty for a digest.
ALTER TABLE outbox ADD COLUMN act TEXT NOT NULL DEFAULT '';
