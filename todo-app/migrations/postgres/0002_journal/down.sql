DROP TABLE journal_todos;
DROP TABLE journal;
