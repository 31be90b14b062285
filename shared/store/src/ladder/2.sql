-- Only for a file without facts: those of version 1 name no writer.
DROP TABLE fact;
DROP TABLE seal;
DROP TABLE undigested;
DROP TABLE request;

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

-- Requests that move money, or may, kept for ever: the same one again is the same payment.
CREATE TABLE request (
    store     TEXT NOT NULL,
    writer    TEXT NOT NULL,
    caller    TEXT NOT NULL,
    idem_key  TEXT NOT NULL,
    body_hash BLOB NOT NULL,
    order_no  TEXT NOT NULL,
    PRIMARY KEY (store, writer, caller, idem_key)
) STRICT, WITHOUT ROWID;
