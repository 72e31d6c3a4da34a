-- What was done on a day, for the chart of `stats`.
CREATE INDEX todos_by_completion ON todos (status, completed_at);
