-- Times are RFC 3339 text in UTC, except where a name ends in `_ms` (milliseconds since 1970).

CREATE TABLE app (
    id                   TEXT PRIMARY KEY,
    slug                 TEXT NOT NULL UNIQUE,
    name                 TEXT NOT NULL,
    namespace            TEXT NOT NULL,
    is_airgap            INTEGER NOT NULL,
    -- `installed`, `online_upload_pending`, `airgap_upload_pending`
    install_state        TEXT NOT NULL,
    -- The verified text, never anything else.
    license              TEXT NOT NULL,
    license_id           TEXT NOT NULL,
    license_sequence     INTEGER NOT NULL,
    selected_channel_id  TEXT NOT NULL,
    -- The version that was last told to be deployed.
    current_sequence     INTEGER,
    created_at           TEXT NOT NULL,
    updated_at           TEXT,
    last_license_sync    TEXT,
    last_update_check_at TEXT,
    update_checker_spec  TEXT NOT NULL DEFAULT '@default',
    auto_deploy          TEXT NOT NULL DEFAULT 'disabled'
) STRICT;

CREATE TABLE version (
    app_id               TEXT NOT NULL REFERENCES app (id) ON DELETE CASCADE,
    sequence             INTEGER NOT NULL,
    source               TEXT NOT NULL,
    status               TEXT NOT NULL,
    status_info          TEXT NOT NULL DEFAULT '',
    created_at           TEXT NOT NULL,
    deployed_at          TEXT,
    -- Grows with every request to deploy: the order of the queue.
    deploy_order         INTEGER,
    -- Which release it is.
    channel_id           TEXT NOT NULL,
    channel_name         TEXT NOT NULL,
    update_cursor        TEXT NOT NULL,
    version_label        TEXT NOT NULL,
    is_required          INTEGER NOT NULL,
    release_notes        TEXT NOT NULL,
    released_at          TEXT,
    -- Archives by digest. The second is empty while config is missing.
    release_sha256       TEXT NOT NULL,
    tree_sha256          TEXT NOT NULL,
    config_values_sha256 TEXT,
    -- Facts for bodies, so that no archive is opened for them. JSON.
    facts                TEXT NOT NULL,
    yaml_errors          TEXT NOT NULL DEFAULT '[]',
    preflight_skipped    INTEGER NOT NULL DEFAULT 0,
    -- What it was built from. JSON but for the licence.
    license              TEXT NOT NULL,
    installation         TEXT NOT NULL,
    config               TEXT,
    -- The config as it was resolved when the version was built, passwords encrypted. JSON.
    config_screen        TEXT,
    config_values        TEXT NOT NULL,
    -- What templates of the Config made up, encrypted: it holds secrets.
    generated            TEXT NOT NULL,
    PRIMARY KEY (app_id, sequence)
) STRICT;

CREATE TABLE deploy_output (
    app_id        TEXT NOT NULL,
    sequence      INTEGER NOT NULL,
    dryrun_stdout TEXT NOT NULL DEFAULT '',
    dryrun_stderr TEXT NOT NULL DEFAULT '',
    apply_stdout  TEXT NOT NULL DEFAULT '',
    apply_stderr  TEXT NOT NULL DEFAULT '',
    helm_stdout   TEXT NOT NULL DEFAULT '',
    helm_stderr   TEXT NOT NULL DEFAULT '',
    render_error  TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (app_id, sequence),
    FOREIGN KEY (app_id, sequence) REFERENCES version (app_id, sequence) ON DELETE CASCADE
) STRICT;

CREATE TABLE app_status (
    app_id     TEXT PRIMARY KEY REFERENCES app (id) ON DELETE CASCADE,
    sequence   INTEGER NOT NULL,
    state      TEXT NOT NULL,
    resources  TEXT NOT NULL,
    updated_at TEXT NOT NULL
) STRICT;

CREATE TABLE task (
    id         TEXT PRIMARY KEY,
    -- `running`, `failed`, `done`
    status     TEXT NOT NULL,
    message    TEXT NOT NULL,
    -- The last failure's reason, until the task succeeds.
    last_error TEXT,
    boot_id    TEXT NOT NULL,
    touched_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE lease (
    app_id       TEXT PRIMARY KEY,
    purpose      TEXT NOT NULL,
    holder       TEXT NOT NULL,
    -- Fences: a holder whose epoch is not the row's has lost the lease.
    epoch        INTEGER NOT NULL,
    heartbeat_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE idempotency (
    key        TEXT PRIMARY KEY,
    digest     TEXT NOT NULL,
    status     INTEGER NOT NULL,
    body       TEXT NOT NULL,
    created_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE session (
    id         TEXT PRIMARY KEY,
    issued_ms  INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL
) STRICT;
