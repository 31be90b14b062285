-- Requests about a bill's total name no order.
CREATE TABLE request_before AS SELECT * FROM request;
DROP TABLE request;
CREATE TABLE request (
    store     TEXT NOT NULL,
    writer    TEXT NOT NULL,
    caller    TEXT NOT NULL,
    idem_key  TEXT NOT NULL,
    body_hash BLOB NOT NULL,
    order_no  TEXT,
    PRIMARY KEY (store, writer, caller, idem_key)
) STRICT, WITHOUT ROWID;
INSERT INTO request SELECT * FROM request_before;
DROP TABLE request_before;
