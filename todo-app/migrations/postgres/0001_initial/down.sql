DROP TABLE provider_state;
DROP TABLE jobs;
DROP TABLE suggestions;
DROP TABLE enrichments;
DROP TABLE todo_tags;
DROP TABLE todos;
