-- The store's day, as its node told it: null until one did.
ALTER TABLE hub_store ADD COLUMN utc_offset_minutes INTEGER;
ALTER TABLE hub_store ADD COLUMN cutoff_minutes INTEGER;
