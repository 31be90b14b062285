-- Texts of facts, which keep commitments to them (core's journal::text). Erased here, they are gone; the chain stays whole.
CREATE TABLE record (
    store  TEXT NOT NULL,
    writer TEXT NOT NULL,
    epoch  INTEGER NOT NULL,
    number INTEGER NOT NULL,
    slot   INTEGER NOT NULL,
    salt   BLOB NOT NULL,
    text   TEXT NOT NULL,
    PRIMARY KEY (store, writer, epoch, number, slot)
) STRICT, WITHOUT ROWID;

-- Facts of a branch that another history replaced, as they were written. A branch is named by the chain's value after its
-- first fact.
CREATE TABLE branch (
    store     TEXT NOT NULL,
    writer    TEXT NOT NULL,
    branch    BLOB NOT NULL,
    epoch     INTEGER NOT NULL,
    number    INTEGER NOT NULL,
    body      BLOB NOT NULL,
    head      BLOB NOT NULL,
    signature BLOB,
    PRIMARY KEY (store, writer, branch, epoch, number)
) STRICT, WITHOUT ROWID;

-- Seals of a writer that do not fit the history held of its journal: its own proof that there were two.
CREATE TABLE fork (
    store     TEXT NOT NULL,
    writer    TEXT NOT NULL,
    epoch     INTEGER NOT NULL,
    number    INTEGER NOT NULL,
    head      BLOB NOT NULL,
    signature BLOB NOT NULL,
    PRIMARY KEY (store, writer, epoch, number, head)
) STRICT, WITHOUT ROWID;
