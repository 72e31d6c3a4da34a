CREATE TABLE journal (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    operation TEXT NOT NULL,
    at BIGINT NOT NULL,
    undone_at BIGINT
);

CREATE TABLE journal_todos (
    journal_id BIGINT NOT NULL REFERENCES journal (id) ON DELETE CASCADE,
    todo_id BIGINT NOT NULL,
    -- The todo as it was, as JSON; NULL: it did not exist.
    before TEXT,
    PRIMARY KEY (journal_id, todo_id)
) WITHOUT ROWID;
