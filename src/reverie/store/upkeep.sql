-- Upkeep of people's views: who is due, what is read, what is written.

-- name: read_person
SELECT id, version, memories, chars, forgotten_to, settings, clock_timestamp() AS now FROM people
WHERE tenant = %(tenant)s AND user_id = %(user_id)s;

-- name: read_memories
-- What counts now: a memory that another one replaced is history. Oldest first, so that an order of equals is theirs.
SELECT id, body, created_at, last_accessed_at, access_count, pinned, version FROM memories
WHERE person = %(person)s AND superseded_by IS NULL ORDER BY moment, id;

-- name: read_history
-- What was there at a moment and held then.
SELECT m.id, m.body, m.created_at, m.last_accessed_at, m.access_count, m.pinned, m.version FROM memories m
JOIN people p ON p.id = m.person
LEFT JOIN memories s ON s.person = m.person AND s.id = m.superseded_by
WHERE p.tenant = %(tenant)s AND p.user_id = %(user_id)s AND m.moment <= %(moment)s
  AND (m.superseded_by IS NULL OR s.moment > %(moment)s)
ORDER BY m.moment, m.id;

-- name: read_changed
-- Memories that a reader of an earlier version does not know as they are now.
SELECT id, body, created_at, last_accessed_at, access_count, pinned, version, superseded_by IS NOT NULL AS past
FROM memories WHERE person = %(person)s AND version > %(version)s;

-- name: read_forgotten
SELECT memory_id FROM forgotten WHERE person = %(person)s AND version > %(version)s;

-- name: read_views
SELECT kind, body FROM views WHERE person = %(person)s;

-- name: read_view_version
SELECT p.id, v.version FROM people p JOIN views v ON v.person = p.id AND v.kind = 'themes'
WHERE p.tenant = %(tenant)s AND p.user_id = %(user_id)s;

-- name: read_unplaced
SELECT id, body, created_at, last_accessed_at, access_count, pinned, version FROM memories
WHERE person = %(person)s AND version > %(version)s AND placed_version IS DISTINCT FROM %(version)s
  AND superseded_by IS NULL
ORDER BY version, id LIMIT %(limit)s;

-- name: has_unplaced
SELECT 1 FROM views v JOIN memories m ON m.person = v.person AND m.version > v.version
WHERE v.person = %(person)s AND v.kind = 'themes' AND m.placed_version IS DISTINCT FROM v.version
  AND m.superseded_by IS NULL LIMIT 1;

-- name: put_places
-- Only of memories that are still as they were read. What readers made of the view before is then old.
WITH put AS (
    UPDATE memories SET theme_id = w.theme, placed_version = %(version)s
    FROM unnest(%(ids)s::text[], %(versions)s::bigint[], %(themes)s::text[]) AS w(id, version, theme)
    WHERE person = %(person)s AND memories.id = w.id AND memories.version = w.version
)
UPDATE people SET placed = placed + 1 WHERE id = %(person)s;

-- name: still_valid
-- For what workers keep in memory. Replaced texts go from there with the next use, or soon by age.
SELECT p.id FROM people p JOIN unnest(%(people)s::bigint[], %(versions)s::bigint[]) AS k(person, version) ON p.id = k.person
WHERE k.version >= p.forgotten_to
  AND NOT EXISTS (SELECT FROM forgotten f WHERE f.person = p.id AND f.version > k.version);

-- name: hold_person
-- Whoever changes memories waits until this transaction ends. No row: erased meanwhile.
SELECT version FROM people WHERE id = %(person)s FOR NO KEY UPDATE;

-- name: put_view
-- Never an older one over a newer one.
INSERT INTO views (person, kind, version, as_of, body, side, etag, task_id)
VALUES (%(person)s, %(kind)s, %(version)s, %(as_of)s, %(body)s, %(side)s, %(etag)s, %(task_id)s)
ON CONFLICT (person, kind) DO UPDATE
SET version = excluded.version, as_of = excluded.as_of, body = excluded.body, side = excluded.side,
    etag = excluded.etag, task_id = excluded.task_id
WHERE views.version <= excluded.version;

-- name: prune_forgotten
-- Up to the view before this one, and not up to this one: readers in workers' memory may be as old as that.
WITH before AS (
    UPDATE people SET forgotten_to = greatest(forgotten_to, (SELECT coalesce(max(version), 0) FROM views
                                                             WHERE person = %(person)s AND version < %(version)s))
    WHERE id = %(person)s RETURNING forgotten_to
)
DELETE FROM forgotten USING before WHERE person = %(person)s AND version <= before.forgotten_to;

-- name: insert_happening
INSERT INTO happenings (person, kind, key, task_id, body)
VALUES (%(person)s, %(kind)s, %(key)s, %(task_id)s, %(body)s)
ON CONFLICT (person, kind, key) DO NOTHING
RETURNING id, at;

-- name: insert_stored_vectors
-- Of texts that are still kept: a memory that is deleted while it is being embedded leaves nothing behind. They have no
-- age (keep_vectors): nobody needs to note that they are used.
INSERT INTO vectors (tenant, user_id, model, text_key, vector, tokens, used_at)
SELECT %(tenant)s, %(user_id)s, %(model)s, v.text_key, v.vector, v.tokens, '9999-01-01Z'
FROM unnest(%(keys)s::bytea[], %(vectors)s::bytea[], %(tokens)s::int[]) AS v(text_key, vector, tokens)
WHERE EXISTS (SELECT FROM memories m WHERE m.person = %(person)s AND m.text_key = v.text_key)
ON CONFLICT DO NOTHING;

-- name: prune_placed
UPDATE memories SET theme_id = NULL, placed_version = NULL
WHERE person = %(person)s AND placed_version IS NOT NULL AND version <= %(version)s;

-- name: settle_person
-- What came while the views were computed stays counted; the first of it came after the memories were read.
UPDATE people SET changes = late.n, first_change_at = CASE WHEN late.n > 0 THEN greatest(first_change_at, %(as_of)s) END,
       placed = placed + 1, upkeep_cost = %(cost)s, upkept_at = clock_timestamp(),
       not_before = clock_timestamp() + %(cost)s * %(pause)s * interval '1 second'
FROM (SELECT (SELECT count(*) FROM memories WHERE person = %(person)s AND version > %(version)s)
           + (SELECT count(*) FROM forgotten WHERE person = %(person)s AND version > %(version)s) AS n) AS late
WHERE id = %(person)s
RETURNING changes;

-- name: find_due
-- Users whose views are due, tenants in turn: the n-th of each before anybody's next. A loose index scan over tenants
-- with changes, so that one with a million of them costs no more than the others. Who says "auto" and who says nothing
-- are ranges of the index, so that those whose upkeep is manual are not looked at, however many have changes.
WITH RECURSIVE t AS (
    (SELECT tenant FROM people WHERE first_change_at IS NOT NULL AND upkeep_task_id IS NULL ORDER BY tenant LIMIT 1)
    UNION ALL
    SELECT (SELECT tenant FROM people WHERE first_change_at IS NOT NULL AND upkeep_task_id IS NULL AND tenant > t.tenant
            ORDER BY tenant LIMIT 1)
    FROM t WHERE t.tenant IS NOT NULL
)
SELECT t.tenant, d.* FROM (SELECT tenant FROM t WHERE tenant IS NOT NULL) AS t CROSS JOIN LATERAL (
    SELECT id, memories, chars, changes, upkeep_cost, row_number() OVER (ORDER BY first_change_at) AS turn FROM (
        (SELECT * FROM people WHERE tenant = t.tenant AND first_change_at IS NOT NULL AND upkeep_task_id IS NULL
           AND coalesce(upkeep, 'unset') = 'auto'
           AND (last_change_at < clock_timestamp() - %(quiet)s * interval '1 second'
                OR first_change_at < clock_timestamp() - %(max_wait)s * interval '1 second')
           AND (not_before IS NULL OR not_before < clock_timestamp())
         ORDER BY first_change_at LIMIT %(limit)s)
        UNION ALL
        (SELECT * FROM people WHERE tenant = t.tenant AND first_change_at IS NOT NULL AND upkeep_task_id IS NULL
           AND coalesce(upkeep, 'unset') = 'unset' AND %(auto)s <> (t.tenant = ANY(%(others)s::text[]))
           AND (last_change_at < clock_timestamp() - %(quiet)s * interval '1 second'
                OR first_change_at < clock_timestamp() - %(max_wait)s * interval '1 second')
           AND (not_before IS NULL OR not_before < clock_timestamp())
         ORDER BY first_change_at LIMIT %(limit)s)
    ) AS due
    ORDER BY first_change_at LIMIT %(limit)s
) AS d
ORDER BY d.turn LIMIT %(limit)s;

-- name: upkeeps_in_flight
SELECT count(*) AS n FROM tasks WHERE queue = 'upkeep' AND status IN ('queued', 'running');

-- name: plan_upkeep
-- One task a person, under the lock of their row: a person who is being erased, or has a task already, gets none.
WITH wanted AS (
    SELECT * FROM unnest(%(people)s::bigint[], %(ids)s::text[], %(estimates)s::real[], %(bodies)b::bytea[])
         AS w(person, task_id, estimate, body)
), locked AS (
    SELECT p.id, p.tenant, p.user_id, p.memories, p.chars, w.task_id, w.estimate
    FROM people p JOIN wanted w ON w.person = p.id WHERE p.upkeep_task_id IS NULL
    ORDER BY p.id FOR UPDATE OF p SKIP LOCKED
), new AS (
    INSERT INTO tasks (id, tenant, user_id, operation, lane, queue, content_hash, items, chars, estimate_seconds, contract)
    SELECT task_id, tenant, user_id, 'upkeep', 'upkeep', 'upkeep', sha256(convert_to('upkeep ' || id, 'UTF8')),
           memories, chars, estimate, %(contract)s
    FROM locked
    ON CONFLICT (tenant, content_hash) WHERE status IN ('queued', 'running') DO NOTHING
    RETURNING *
), body AS (
    INSERT INTO payloads (task_id, body) SELECT new.id, wanted.body FROM new JOIN wanted ON wanted.task_id = new.id
), noted AS (
    UPDATE people SET upkeep_task_id = new.id FROM new
    WHERE people.tenant = new.tenant AND people.user_id = new.user_id
)
SELECT * FROM new;

-- name: find_upkeep
-- The one in flight, whoever planned it.
SELECT t.* FROM tasks t JOIN people p ON t.tenant = p.tenant AND t.content_hash = sha256(convert_to('upkeep ' || p.id, 'UTF8'))
WHERE p.id = %(person)s AND t.status IN ('queued', 'running');

-- name: has_person
SELECT 1 FROM people WHERE id = %(person)s;

-- name: find_place
-- The placing in flight for a user.
SELECT t.* FROM tasks t JOIN people p ON t.tenant = p.tenant AND t.content_hash = sha256(convert_to('place ' || p.id, 'UTF8'))
WHERE p.tenant = %(tenant)s AND p.user_id = %(user_id)s AND t.status IN ('queued', 'running');

-- name: get_view_facts
-- All that decides what views look like now, without their bodies: a row for each of ``kinds``.
SELECT w.kind, p.id, p.version, p.memories, p.changes, p.first_change_at, p.last_change_at, p.not_before, p.upkeep, p.placed,
       v.version AS view_version, v.as_of, v.etag
FROM people p CROSS JOIN unnest(%(kinds)s::text[]) AS w(kind)
LEFT JOIN views v ON v.person = p.id AND v.kind = w.kind
WHERE p.tenant = %(tenant)s AND p.user_id = %(user_id)s;

-- name: get_stored_view
SELECT version, as_of, body, side, etag FROM views WHERE person = %(person)s AND kind = %(kind)s;

-- name: get_since
-- What changed since a view: memories that are as they are only since then, where they were placed, and those deleted.
SELECT id, theme_id, placed_version IS NOT NULL AND superseded_by IS NULL AS placed FROM memories
WHERE person = %(person)s AND version > %(version)s
UNION ALL
SELECT memory_id, NULL, false FROM forgotten WHERE person = %(person)s AND version > %(version)s;

-- name: plan_place
-- Under the lock of the person's row, which whoever ends such a task takes too: a memory that was added before is seen
-- by the one in flight, or by this one.
WITH locked AS (
    SELECT p.id, p.tenant, p.user_id FROM people p
    WHERE p.tenant = %(tenant)s AND p.user_id = %(user_id)s AND EXISTS (SELECT FROM views v WHERE v.person = p.id)
    FOR NO KEY UPDATE
), new AS (
    INSERT INTO tasks (id, tenant, user_id, operation, lane, queue, content_hash, items, chars, estimate_seconds, contract)
    SELECT %(id)s, tenant, user_id, %(operation)s, 'fast', 'fast', sha256(convert_to('place ' || id, 'UTF8')), 1, 0, 0.02,
           %(contract)s
    FROM locked
    ON CONFLICT (tenant, content_hash) WHERE status IN ('queued', 'running') DO NOTHING
    RETURNING *
), body AS (
    INSERT INTO payloads (task_id, body) SELECT id, %(body)b FROM new
)
SELECT * FROM new;

-- name: due_digest
-- One at a time, so that of two gateways each takes its own; the row's lock holds until its digest is written.
SELECT id, tenant, user_id, version, memories, settings, digest_at, digest_version, digest_happening,
       clock_timestamp() AS now
FROM people WHERE digest_at <= clock_timestamp() ORDER BY digest_at LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED;

-- name: digest_counts
SELECT (SELECT count(*) FROM memories WHERE person = %(person)s AND version > %(since)s) AS changed,
       (SELECT count(*) FROM forgotten WHERE person = %(person)s AND version > %(since)s) AS forgotten;

-- name: digest_happenings
SELECT id, kind, key, body, at FROM happenings
WHERE person = %(person)s AND id > %(happened)s AND kind <> 'digest' ORDER BY id LIMIT 200;

-- name: set_digest
-- With the settings: what was before the first of them is not told.
UPDATE people SET digest_at = %(at)s,
       digest_version = CASE WHEN digest_at IS NULL THEN %(version)s ELSE digest_version END,
       digest_happening = CASE WHEN digest_at IS NULL THEN (SELECT max(id) FROM happenings WHERE person = %(person)s)
                               ELSE digest_happening END
WHERE id = %(person)s;

-- name: set_digest_done
UPDATE people SET digest_at = %(at)s, digest_version = %(version)s, digest_happening = %(happening)s
WHERE id = %(person)s;

-- name: insert_happening_webhook
INSERT INTO webhooks (tenant, url, sealed_url, url_hash, happening, seq, state, next_at)
VALUES (%(tenant)s, '', %(url)b, %(hash)b, %(happening)s, %(happening)s, 'pending', clock_timestamp());

-- name: get_happening
SELECT h.kind, h.key, h.body, h.at, h.task_id, p.user_id FROM happenings h JOIN people p ON p.id = h.person
WHERE h.id = %(id)s AND p.tenant = %(tenant)s;

-- name: get_happening_body
SELECT h.kind, h.key, h.body, p.tenant, p.user_id FROM happenings h JOIN people p ON p.id = h.person
WHERE h.id = %(id)s AND h.task_id = %(event_task)s;

-- name: recent_happenings
-- For tenant-wide sockets while pub/sub is away.
SELECT h.id, h.kind, h.at, h.task_id, p.user_id, p.tenant FROM happenings h JOIN people p ON p.id = h.person
WHERE p.tenant = ANY(%(tenants)s) AND h.at > statement_timestamp() - %(age)s * interval '1 second'
ORDER BY h.id LIMIT 1000;

-- name: retire_happenings
-- What was told long ago; one that a digest has yet to tell of is not that old.
DELETE FROM happenings WHERE id IN (
    SELECT id FROM happenings WHERE at < statement_timestamp() - greatest(15, %(days)s) * interval '1 day' LIMIT 500);

-- name: export_happenings
SELECT id, kind, key, body, at FROM happenings WHERE person = %(person)s ORDER BY id;
