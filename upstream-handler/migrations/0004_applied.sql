-- Trees that may be in place at the target: the one that was carried out last, and those of every
-- attempt since.
CREATE TABLE applied (
    app_id      TEXT NOT NULL REFERENCES app (id) ON DELETE CASCADE,
    tree_sha256 TEXT NOT NULL,
    -- Grows with every attempt.
    attempt     INTEGER NOT NULL,
    PRIMARY KEY (app_id, tree_sha256)
) STRICT;

INSERT INTO applied (app_id, tree_sha256, attempt)
SELECT app.id, version.tree_sha256, 1
FROM app JOIN version ON version.app_id = app.id AND version.sequence = app.current_sequence
WHERE version.status IN ('deployed', 'deploying', 'failed') AND version.tree_sha256 <> '';
