-- Which memories hold today: what the rules are shown, and what they found.

-- name: read_moments
-- Of all that counts now: since when it holds, and whether a person decided on it.
SELECT id, moment, superseded_decided, version FROM memories WHERE person = %(person)s AND superseded_by IS NULL;

-- name: supersede
-- Only what is still as it was read, and no person decided on. Readers of earlier versions learn of it by the version.
UPDATE memories m SET superseded_by = w.later, supersession = w.body, version = p.version + 1,
       theme_id = NULL, placed_version = NULL
FROM people p, unnest(%(earlier)s::text[], %(later)s::text[], %(bodies)b::bytea[]) AS w(earlier, later, body)
WHERE p.id = %(person)s AND m.person = p.id AND m.id = w.earlier AND m.version <= %(version)s
  AND m.superseded_by IS NULL AND NOT m.superseded_decided
  AND EXISTS (SELECT FROM memories l WHERE l.person = p.id AND l.id = w.later AND l.version <= %(version)s)
RETURNING m.id;
