-- One schema for node and hub: a node's file holds its own store, the hub's file all of them.

CREATE TABLE fact (
    store    TEXT NOT NULL,
    epoch    INTEGER NOT NULL,
    number   INTEGER NOT NULL,
    body     BLOB NOT NULL,
    -- the chain's value after this fact
    head     BLOB NOT NULL,
    order_no TEXT,
    PRIMARY KEY (store, epoch, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX fact_of_order ON fact (order_no, epoch, number) WHERE order_no IS NOT NULL;

CREATE TABLE seal (
    store     TEXT NOT NULL,
    epoch     INTEGER NOT NULL,
    number    INTEGER NOT NULL,
    signature BLOB NOT NULL,
    PRIMARY KEY (store, epoch, number)
) STRICT, WITHOUT ROWID;

-- Facts of a newer version, kept as they are.
CREATE TABLE undigested (
    store  TEXT NOT NULL,
    epoch  INTEGER NOT NULL,
    number INTEGER NOT NULL,
    why    TEXT NOT NULL,
    PRIMARY KEY (store, epoch, number)
) STRICT, WITHOUT ROWID;

-- Charges, voids and refunds: everything a list shows. Rebuilt from facts at any time.
CREATE TABLE payment (
    no            TEXT NOT NULL,
    store         TEXT NOT NULL,
    kind          TEXT NOT NULL,
    original      TEXT,
    state         TEXT NOT NULL,
    reason        TEXT,
    message       TEXT,
    amount        INTEGER NOT NULL,
    received      INTEGER,
    refunded      INTEGER NOT NULL DEFAULT 0,
    wallet        TEXT,
    code_last_two TEXT,
    code_hash     INTEGER,
    acquirer      TEXT,
    acquirer_no   TEXT,
    wallet_no     TEXT,
    till          TEXT NOT NULL,
    cashier       TEXT NOT NULL,
    bill_source   TEXT,
    bill_number   TEXT,
    bill_total    INTEGER,
    business_day  INTEGER NOT NULL,
    at            INTEGER NOT NULL,
    changed_at    INTEGER NOT NULL,
    paid_at       INTEGER,
    remark        TEXT,
    approver      TEXT,
    -- the last fact that changed this row
    epoch         INTEGER NOT NULL,
    number        INTEGER NOT NULL,
    -- a store's facts change its own rows only, whatever number they name
    PRIMARY KEY (no, store)
) STRICT, WITHOUT ROWID;
CREATE INDEX payment_by_time ON payment (at DESC, no DESC);
CREATE INDEX payment_by_store_time ON payment (store, at DESC, no DESC);
CREATE INDEX payment_by_bill ON payment (bill_number, bill_source) WHERE bill_number IS NOT NULL;
CREATE INDEX payment_open ON payment (state)
    WHERE state IN ('pending', 'unknown', 'held', 'reversing', 'refunding');
CREATE INDEX payment_ended ON payment (changed_at) WHERE state IN ('reversed', 'closed');
CREATE INDEX payment_owed ON payment (original) WHERE kind = 'refund' AND approver IS NULL AND state = 'declined';
CREATE INDEX payment_by_code ON payment (code_hash) WHERE code_hash IS NOT NULL;
CREATE INDEX payment_of_original ON payment (original) WHERE original IS NOT NULL;

-- Requests that move money, or may, kept for ever: the same one again is the same payment.
CREATE TABLE request (
    store     TEXT NOT NULL,
    caller    TEXT NOT NULL,
    idem_key  TEXT NOT NULL,
    body_hash BLOB NOT NULL,
    order_no  TEXT NOT NULL,
    PRIMARY KEY (store, caller, idem_key)
) STRICT, WITHOUT ROWID;

CREATE TABLE stat (
    store    TEXT NOT NULL,
    day      INTEGER NOT NULL,
    movement TEXT NOT NULL,
    wallet   TEXT NOT NULL,
    cashier  TEXT NOT NULL,
    hour     INTEGER NOT NULL,
    count    INTEGER NOT NULL,
    sum      INTEGER NOT NULL,
    PRIMARY KEY (store, day, movement, wallet, cashier, hour)
) STRICT, WITHOUT ROWID;

CREATE TABLE account (
    store    TEXT NOT NULL,
    account  TEXT NOT NULL,
    name     TEXT NOT NULL,
    role     TEXT NOT NULL,
    verifier TEXT NOT NULL,
    disabled INTEGER NOT NULL,
    PRIMARY KEY (store, account)
) STRICT, WITHOUT ROWID;

CREATE TABLE api_key (
    store  TEXT NOT NULL,
    name   TEXT NOT NULL,
    scopes TEXT NOT NULL,
    hash   BLOB NOT NULL,
    PRIMARY KEY (store, hash)
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
