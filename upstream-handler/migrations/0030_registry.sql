-- The operator's image registry of an application; without a hostname there is none.

ALTER TABLE app ADD COLUMN registry_hostname TEXT NOT NULL DEFAULT '';
ALTER TABLE app ADD COLUMN registry_namespace TEXT NOT NULL DEFAULT '';
ALTER TABLE app ADD COLUMN registry_username TEXT NOT NULL DEFAULT '';
-- By the server's cipher; empty is no password.
ALTER TABLE app ADD COLUMN registry_password_enc TEXT NOT NULL DEFAULT '';
ALTER TABLE app ADD COLUMN registry_is_readonly INTEGER NOT NULL DEFAULT 0;
