CREATE INDEX hub_store_by_entry ON hub_store (entry_serial);
CREATE INDEX hub_grant_by_serial ON hub_grant (serial);
INSERT INTO note SELECT 'hub_stores', CAST(CAST(count(*) AS TEXT) AS BLOB) FROM hub_store;
