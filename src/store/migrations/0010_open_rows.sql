-- The list under its own name. Its rows hold the mark that the file's row is known by as well, (code, hash, amount, mark), so those of 0009
-- are not carried over: `record` is asked until the next pull writes a list.
ALTER TABLE standing_part RENAME TO open_part;
DELETE FROM open_part;
