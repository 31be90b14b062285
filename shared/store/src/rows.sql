-- Rows are a fold of facts: dropped and folded anew when ROWS_VERSION changes.
-- They are keyed by store, not by journal: only one journal of a store, its box's own, is folded into them (see rows.rs).

-- Charges, voids and refunds: everything a list shows. Rebuilt from facts at any time.
CREATE TABLE payment (
    no            TEXT NOT NULL,
    store         TEXT NOT NULL,
    kind          TEXT NOT NULL,
    -- the charge that a return is of; empty in a charge's own row
    original      TEXT NOT NULL DEFAULT '',
    state         TEXT NOT NULL,
    reason        TEXT,
    message       TEXT,
    amount        INTEGER NOT NULL,
    received      INTEGER,
    refunded      INTEGER NOT NULL DEFAULT 0,
    -- what must still go back by itself
    owed          INTEGER NOT NULL DEFAULT 0,
    -- what it claims of its bill
    covered       INTEGER NOT NULL DEFAULT 0,
    locked        INTEGER NOT NULL DEFAULT 0,
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
    -- 0 where the source numbers on for ever
    bill_day      INTEGER,
    business_day  INTEGER NOT NULL,
    at            INTEGER NOT NULL,
    changed_at    INTEGER NOT NULL,
    paid_at       INTEGER,
    remark        TEXT,
    approver      TEXT,
    -- how a person ended what only a person can end
    settled       TEXT,
    given_up      INTEGER NOT NULL DEFAULT 0,
    -- goes on after a restart: open, owing, or watched for late money
    unfinished    INTEGER NOT NULL DEFAULT 0,
    -- the last fact that changed this row
    epoch         INTEGER NOT NULL,
    number        INTEGER NOT NULL,
    -- A store's facts change its own rows only, whatever number they name. Two boxes on copies of one folder can draw one number
    -- for a charge and for a return, or for returns of two charges: each has its row.
    PRIMARY KEY (no, store, original)
) STRICT, WITHOUT ROWID;
-- Every index that an ordinary sale stands in costs a write per payment: these are they.
CREATE INDEX payment_by_time ON payment (at DESC, no DESC);
CREATE INDEX payment_by_store_time ON payment (store, at DESC, no DESC);
CREATE INDEX payment_by_cashier ON payment (cashier, at DESC, no DESC);
CREATE INDEX payment_by_till ON payment (store, till, no) WHERE kind = 'charge';
CREATE INDEX payment_by_amount ON payment (amount, at DESC, no DESC);
CREATE INDEX payment_by_code ON payment (code_hash) WHERE code_hash IS NOT NULL;
-- by number first: a search knows no source
CREATE INDEX payment_by_bill ON payment (bill_number, bill_source, store, bill_day) WHERE bill_number IS NOT NULL;
CREATE INDEX payment_by_acquirer_no ON payment (acquirer_no) WHERE acquirer_no IS NOT NULL;
CREATE INDEX payment_by_wallet_no ON payment (wallet_no) WHERE wallet_no IS NOT NULL;
-- These hold only what is rare or under way. What a list may filter by besides stands behind the order, so that it is judged
-- without reading the row.
CREATE INDEX payment_by_state ON payment (state, at DESC, no DESC, kind) WHERE state NOT IN ('pending', 'paid');
CREATE INDEX payment_by_store_state ON payment (store, state, at DESC, no DESC, kind) WHERE state NOT IN ('pending', 'paid');
CREATE INDEX payment_by_cashier_state ON payment (cashier, state, at DESC, no DESC, kind) WHERE state NOT IN ('pending', 'paid');
CREATE INDEX payment_returns ON payment (kind, at DESC, no DESC, state) WHERE kind <> 'charge';
CREATE INDEX payment_returns_of_store ON payment (store, kind, at DESC, no DESC, state) WHERE kind <> 'charge';
CREATE INDEX payment_returns_of_cashier ON payment (cashier, kind, at DESC, no DESC, state) WHERE kind <> 'charge';
CREATE INDEX payment_of_original ON payment (original) WHERE original <> '';
CREATE INDEX payment_with_remark ON payment (at DESC, no DESC, remark) WHERE remark IS NOT NULL;
CREATE INDEX payment_unfinished ON payment (unfinished, at DESC, no DESC) WHERE unfinished = 1;
CREATE INDEX payment_for_a_person ON payment (store, no) WHERE state = 'quarantined' OR owed > 0;
CREATE INDEX payment_settled ON payment (store, no DESC) WHERE settled IS NOT NULL;

-- Bills of the shop's own systems. What of them is covered or locked stands at their payments.
CREATE TABLE bill (
    store        TEXT NOT NULL,
    source       TEXT NOT NULL,
    number       TEXT NOT NULL,
    -- 0 where the source numbers on for ever
    day          INTEGER NOT NULL,
    total        INTEGER NOT NULL,
    business_day INTEGER NOT NULL,
    at           INTEGER NOT NULL,
    PRIMARY KEY (store, source, number, day)
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
-- Sums move without touching it.
CREATE INDEX stat_by_day ON stat (day);

-- How far a store's rows lie outside their business days, in ms: the farthest of those that do.
CREATE TABLE astray (
    store TEXT NOT NULL PRIMARY KEY,
    ms    INTEGER NOT NULL
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
    store      TEXT NOT NULL,
    name       TEXT NOT NULL,
    scopes     TEXT NOT NULL,
    hash       BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    -- since when it is good no more
    revoked_at INTEGER,
    PRIMARY KEY (hash, store)
) STRICT, WITHOUT ROWID;
