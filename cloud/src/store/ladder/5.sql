-- Accounts may be disabled, keys revoked: a name is one key's while the key is good.
ALTER TABLE hub_account ADD COLUMN disabled INTEGER NOT NULL DEFAULT 0;
CREATE TABLE hub_api_key_5 (
    hash       BLOB NOT NULL PRIMARY KEY,
    name       TEXT NOT NULL,
    scopes     TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    revoked_at INTEGER
) STRICT, WITHOUT ROWID;
INSERT INTO hub_api_key_5 SELECT hash, name, scopes, created_at, NULL FROM hub_api_key;
DROP TABLE hub_api_key;
ALTER TABLE hub_api_key_5 RENAME TO hub_api_key;
CREATE UNIQUE INDEX hub_api_key_by_name ON hub_api_key (name) WHERE revoked_at IS NULL;
