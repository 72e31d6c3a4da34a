CREATE TABLE notes (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    todo_id BIGINT NOT NULL REFERENCES todos (id) ON DELETE CASCADE,
    at BIGINT NOT NULL,
    text TEXT NOT NULL CHECK (text <> '')
);
CREATE INDEX notes_by_todo ON notes (todo_id);
