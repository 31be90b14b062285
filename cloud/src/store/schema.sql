-- The hub's own tables, beside those of guitai-store in the same file. The version is the note `hub_schema`.

CREATE TABLE hub_store (
    id               TEXT NOT NULL PRIMARY KEY,
    name             TEXT NOT NULL,
    created_at       INTEGER NOT NULL,
    -- no code lets a box in any more
    closed_at        INTEGER,
    -- the newest signed word on who serves it: its serial, and since when
    entry_serial     INTEGER NOT NULL,
    entry_at         INTEGER,
    -- how its node fared when it was last heard
    seen_at          INTEGER,
    unsent           INTEGER,
    oldest_unsent_at INTEGER,
    version          TEXT,
    -- its day, as a node of it told it last
    utc_offset_minutes INTEGER,
    cutoff_minutes   INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX hub_store_by_entry ON hub_store (entry_serial);

-- Enrolment codes. The secret itself is not here: it is derived from the hub's identity and the nonce.
CREATE TABLE hub_code (
    id         BLOB NOT NULL PRIMARY KEY,
    nonce      BLOB NOT NULL,
    store      TEXT NOT NULL REFERENCES hub_store (id),
    expires_at INTEGER NOT NULL,
    used_at    INTEGER,
    -- the key it let in
    used_by    BLOB,
    -- proofs that were wrong: after a few it is void
    wrong_proofs INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

-- Every key let in, each time with a number of its own. A grant is in force until it has ended.
CREATE TABLE hub_grant (
    issuer      INTEGER NOT NULL PRIMARY KEY,
    -- grows; two lives of a hub that was restored from a backup may have signed the same one
    serial      INTEGER NOT NULL,
    store       TEXT NOT NULL REFERENCES hub_store (id),
    key         BLOB NOT NULL,
    granted_at  INTEGER NOT NULL,
    ended_at    INTEGER,
    -- revoked or replaced
    ended       TEXT,
    -- the last fact held of the store when it ended
    last_epoch  INTEGER,
    last_number INTEGER
) STRICT;
CREATE UNIQUE INDEX hub_grant_of_store ON hub_grant (store) WHERE ended_at IS NULL;
CREATE UNIQUE INDEX hub_grant_of_key ON hub_grant (key) WHERE ended_at IS NULL;
CREATE INDEX hub_grant_by_store ON hub_grant (store, serial);
CREATE INDEX hub_grant_by_key ON hub_grant (key, serial);
CREATE INDEX hub_grant_by_serial ON hub_grant (serial);

CREATE TABLE hub_account (
    account    TEXT NOT NULL PRIMARY KEY,
    name       TEXT NOT NULL,
    role       TEXT NOT NULL,
    verifier   TEXT NOT NULL,
    changed_at INTEGER NOT NULL,
    -- it may log in no more
    disabled   INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

CREATE TABLE hub_api_key (
    hash       BLOB NOT NULL PRIMARY KEY,
    name       TEXT NOT NULL,
    scopes     TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    -- since when it is good no more
    revoked_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX hub_api_key_by_name ON hub_api_key (name) WHERE revoked_at IS NULL;
