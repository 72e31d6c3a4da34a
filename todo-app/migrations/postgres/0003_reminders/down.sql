ALTER TABLE todos DROP COLUMN reminded_for;
