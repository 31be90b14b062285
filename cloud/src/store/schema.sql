-- The hub's own tables, beside those of guitai-store in the same file. The version is the note `hub_schema`.

CREATE TABLE hub_store (
    id               TEXT NOT NULL PRIMARY KEY,
    name             TEXT NOT NULL,
    issuer           INTEGER NOT NULL UNIQUE,
    created_at       INTEGER NOT NULL,
    -- how its node fared when it was last heard
    seen_at          INTEGER,
    unsent           INTEGER,
    oldest_unsent_at INTEGER,
    version          TEXT
) STRICT, WITHOUT ROWID;

-- Enrolment codes. The secret itself is not here: it is derived from the hub's identity and the nonce.
CREATE TABLE hub_code (
    id         BLOB NOT NULL PRIMARY KEY,
    nonce      BLOB NOT NULL,
    store      TEXT NOT NULL REFERENCES hub_store (id),
    expires_at INTEGER NOT NULL,
    used_at    INTEGER,
    -- the key it let in; null when another code of the store was used first
    used_by    BLOB
) STRICT, WITHOUT ROWID;

CREATE TABLE hub_roster (
    key         BLOB NOT NULL PRIMARY KEY,
    store       TEXT NOT NULL REFERENCES hub_store (id),
    enrolled_at INTEGER NOT NULL,
    revoked_at  INTEGER
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX hub_roster_live ON hub_roster (store) WHERE revoked_at IS NULL;

CREATE TABLE hub_account (
    account    TEXT NOT NULL PRIMARY KEY,
    name       TEXT NOT NULL,
    role       TEXT NOT NULL,
    verifier   TEXT NOT NULL,
    changed_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE hub_api_key (
    hash       BLOB NOT NULL PRIMARY KEY,
    name       TEXT NOT NULL UNIQUE,
    scopes     TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
