-- Whether the checks are to be run, or are being run.
ALTER TABLE version ADD COLUMN preflight_is_queued INTEGER NOT NULL DEFAULT 0;
-- Grows with every request: results of an earlier one are worthless.
ALTER TABLE version ADD COLUMN preflight_run INTEGER NOT NULL DEFAULT 0;
ALTER TABLE version ADD COLUMN preflight_ignores_permissions INTEGER NOT NULL DEFAULT 0;
-- JSON of the run that is under way, else empty.
ALTER TABLE version ADD COLUMN preflight_progress TEXT NOT NULL DEFAULT '';
-- JSON; absent while nothing was run.
ALTER TABLE version ADD COLUMN preflight_result TEXT;
ALTER TABLE version ADD COLUMN preflight_result_at TEXT;

UPDATE version SET preflight_is_queued = 1 WHERE status = 'pending_preflight';
