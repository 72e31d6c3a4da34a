CREATE TABLE todos (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    uuid TEXT NOT NULL UNIQUE,
    title TEXT NOT NULL CHECK (title <> ''),
    description TEXT,
    status TEXT NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'done', 'deleted')),
    -- 1 low, 2 medium, 3 high.
    priority INTEGER CHECK (priority BETWEEN 1 AND 3),
    project TEXT,
    category TEXT,
    -- YYYY-MM-DD
    due TEXT CHECK (due IS NULL OR length(due) = 10),
    estimate_minutes INTEGER CHECK (estimate_minutes > 0),
    next_step TEXT,
    -- Milliseconds since 1970, UTC; so are all *_at.
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    completed_at BIGINT,
    version BIGINT NOT NULL DEFAULT 1
);
-- The order of a listing, so that its beginning needs no sorting.
CREATE INDEX todos_by_due ON todos (status, (due IS NULL), due, priority DESC, id);
CREATE INDEX todos_by_project ON todos (project) WHERE project IS NOT NULL;

CREATE TABLE todo_tags (
    todo_id BIGINT NOT NULL REFERENCES todos (id) ON DELETE CASCADE,
    tag TEXT NOT NULL CHECK (tag <> ''),
    PRIMARY KEY (todo_id, tag)
) WITHOUT ROWID;
CREATE INDEX todo_tags_by_tag ON todo_tags (tag, todo_id);

CREATE TABLE enrichments (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    todo_id BIGINT NOT NULL REFERENCES todos (id) ON DELETE CASCADE,
    -- The todo's version the enrichment looked at.
    todo_version BIGINT NOT NULL,
    provider TEXT NOT NULL,
    model TEXT NOT NULL,
    mode TEXT NOT NULL CHECK (mode IN ('inline', 'background')),
    confidence DOUBLE NOT NULL CHECK (confidence BETWEEN 0 AND 1),
    attempts INTEGER NOT NULL,
    input_tokens BIGINT,
    output_tokens BIGINT,
    created_at BIGINT NOT NULL
);
CREATE INDEX enrichments_by_todo ON enrichments (todo_id);

CREATE TABLE suggestions (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    todo_id BIGINT NOT NULL REFERENCES todos (id) ON DELETE CASCADE,
    enrichment_id BIGINT NOT NULL REFERENCES enrichments (id) ON DELETE CASCADE,
    field TEXT NOT NULL,
    value TEXT NOT NULL,
    confidence DOUBLE NOT NULL CHECK (confidence BETWEEN 0 AND 1),
    reason TEXT NOT NULL,
    status TEXT NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'accepted', 'rejected', 'expired')),
    created_at BIGINT NOT NULL,
    decided_at BIGINT
);
CREATE INDEX suggestions_by_todo ON suggestions (todo_id, status);
CREATE INDEX suggestions_pending ON suggestions (created_at) WHERE status = 'pending';

CREATE TABLE jobs (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    -- What makes enqueuing twice one job.
    job_key TEXT NOT NULL UNIQUE,
    todo_id BIGINT NOT NULL REFERENCES todos (id) ON DELETE CASCADE,
    state TEXT NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'running', 'done', 'dead')),
    attempt INTEGER NOT NULL DEFAULT 0,
    run_at BIGINT NOT NULL,
    lease_until BIGINT,
    owner TEXT,
    last_error TEXT,
    -- Where the job came from; untrusted text when read.
    traceparent TEXT,
    tracestate TEXT,
    baggage TEXT,
    created_at BIGINT NOT NULL,
    finished_at BIGINT
);
CREATE INDEX jobs_due ON jobs (run_at) WHERE state IN ('pending', 'running');

-- Retry budget and breaker of each AI provider, shared by all processes; the state is the enricher's own JSON.
CREATE TABLE provider_state (
    provider TEXT NOT NULL PRIMARY KEY,
    state TEXT NOT NULL,
    updated_at BIGINT NOT NULL
);
