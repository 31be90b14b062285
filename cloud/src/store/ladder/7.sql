-- Wrong proofs of a code are counted.
ALTER TABLE hub_code ADD COLUMN wrong_proofs INTEGER NOT NULL DEFAULT 0;
