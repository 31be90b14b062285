-- What cannot be made anew, and what must be there while rows are made anew. One schema for node and hub: a node's file holds
-- its own store, the hub's file all of them. Changed only by a step of the ladder in schema.rs.
-- A journal is (store, writer): see core's JournalId.

CREATE TABLE fact (
    store    TEXT NOT NULL,
    writer   TEXT NOT NULL,
    epoch    INTEGER NOT NULL,
    number   INTEGER NOT NULL,
    body     BLOB NOT NULL,
    -- the chain's value after this fact
    head     BLOB NOT NULL,
    order_no TEXT,
    PRIMARY KEY (store, writer, epoch, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX fact_of_order ON fact (order_no, store, writer, epoch, number) WHERE order_no IS NOT NULL;

CREATE TABLE seal (
    store     TEXT NOT NULL,
    writer    TEXT NOT NULL,
    epoch     INTEGER NOT NULL,
    number    INTEGER NOT NULL,
    signature BLOB NOT NULL,
    PRIMARY KEY (store, writer, epoch, number)
) STRICT, WITHOUT ROWID;

-- Facts of a newer version, kept as they are.
CREATE TABLE undigested (
    store  TEXT NOT NULL,
    writer TEXT NOT NULL,
    epoch  INTEGER NOT NULL,
    number INTEGER NOT NULL,
    why    TEXT NOT NULL,
    PRIMARY KEY (store, writer, epoch, number)
) STRICT, WITHOUT ROWID;

-- Requests that move money, or may, kept for ever: the same one again is the same payment. Without an order: a bill's total.
CREATE TABLE request (
    store     TEXT NOT NULL,
    writer    TEXT NOT NULL,
    caller    TEXT NOT NULL,
    idem_key  TEXT NOT NULL,
    body_hash BLOB NOT NULL,
    order_no  TEXT,
    PRIMARY KEY (store, writer, caller, idem_key)
) STRICT, WITHOUT ROWID;

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

-- Stored changes of a document: a compacted snapshot has sequence 0.
CREATE TABLE document_change (
    document TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    bytes    BLOB NOT NULL,
    PRIMARY KEY (document, sequence)
) STRICT, WITHOUT ROWID;

-- What a peer is known to have of a document.
CREATE TABLE document_peer (
    document TEXT NOT NULL,
    peer     TEXT NOT NULL,
    state    BLOB NOT NULL,
    PRIMARY KEY (document, peer)
) STRICT, WITHOUT ROWID;

CREATE TABLE note (
    key   TEXT NOT NULL PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;
