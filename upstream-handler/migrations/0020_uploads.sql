-- Bundles that come in chunks. The file has the name of `key`, a digest: nothing a client says becomes a path.

CREATE TABLE upload (
    key          TEXT PRIMARY KEY,
    app_id       TEXT NOT NULL REFERENCES app (id) ON DELETE CASCADE,
    -- The client's name for it.
    identifier   TEXT NOT NULL,
    total_size   INTEGER NOT NULL,
    chunk_size   INTEGER NOT NULL,
    total_chunks INTEGER NOT NULL,
    touched_ms   INTEGER NOT NULL,
    -- What is being done with it, so that it is taken up again after a stop. JSON; null while chunks come.
    process      TEXT
) STRICT;

CREATE TABLE upload_chunk (
    key    TEXT NOT NULL REFERENCES upload (key) ON DELETE CASCADE,
    -- From 1.
    number INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    PRIMARY KEY (key, number)
) STRICT;
