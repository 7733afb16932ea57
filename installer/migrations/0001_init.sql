-- Times are RFC 3339 text in UTC.

-- One row: where the run is.
CREATE TABLE machine (
    id         INTEGER PRIMARY KEY CHECK (id = 1),
    -- What this folder is about; another run may not go on here.
    run        TEXT NOT NULL,
    state      TEXT NOT NULL,
    changed_at TEXT NOT NULL
) STRICT;

CREATE TABLE status (
    step         TEXT PRIMARY KEY,
    state        TEXT NOT NULL,
    description  TEXT NOT NULL,
    last_updated TEXT NOT NULL
) STRICT;

-- What steps leave behind: results, settings, answers (sealed).
CREATE TABLE document (
    name TEXT PRIMARY KEY,
    body TEXT NOT NULL
) STRICT;

-- Everything that happened, in order; `id` is the cursor of readers.
CREATE TABLE event (
    id   INTEGER PRIMARY KEY AUTOINCREMENT,
    at   TEXT NOT NULL,
    -- `state`, `status`, `log`, `step`
    kind TEXT NOT NULL,
    step TEXT NOT NULL,
    body TEXT NOT NULL
) STRICT;

CREATE INDEX event_by_step ON event (step, kind, id);

CREATE TABLE session (
    id         TEXT PRIMARY KEY,
    expires_ms INTEGER NOT NULL
) STRICT;
