-- The due day that the worker has reminded of.
ALTER TABLE todos ADD COLUMN reminded_for TEXT COLLATE "C";
