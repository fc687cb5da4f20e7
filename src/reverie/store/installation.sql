-- What the installation chose once and keeps.

-- name: get_chosen
SELECT value FROM installation WHERE name = %(choice)s;

-- name: choose
-- The first choice stays.
INSERT INTO installation (name, value) VALUES (%(choice)s, %(value)s) ON CONFLICT (name) DO NOTHING;

-- name: choose_anew
-- What a person set takes the place of what was chosen.
INSERT INTO installation (name, value) VALUES (%(choice)s, %(value)s)
ON CONFLICT (name) DO UPDATE SET value = excluded.value, changed_at = clock_timestamp()
 WHERE installation.value <> excluded.value;
