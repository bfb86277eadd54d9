-- A row of `open_part` holds the mark its file's row is known by as well, `(code, hash, amount, mark)`; lists without it are made anew by
-- the next pull that brings something new.
DELETE FROM open_part;
