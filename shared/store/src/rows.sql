-- Rows are a fold of facts: dropped and folded anew when ROWS_VERSION changes.
-- They are keyed by store, not by journal: only one journal of a store, its box's own, is folded into them (see rows.rs).

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
