-- Queries on stored memories. Whoever changes a person's memories locks the person's row first, so that all changes of
-- one user stand in one order, and gives what it changes the version that the row gets.

-- name: get_person
SELECT * FROM people WHERE tenant = %(tenant)s AND user_id = %(user_id)s;

-- name: add_people
-- Whoever is not there yet; in one order everywhere, so that two groups never wait for each other in a circle.
INSERT INTO people (tenant, user_id)
SELECT * FROM unnest(%(tenants)s::text[], %(users)s::text[]) AS p(tenant, user_id)
ORDER BY tenant COLLATE "C", user_id COLLATE "C"
ON CONFLICT DO NOTHING;

-- name: lock_people
-- Who is being changed by somebody else is left out: one long change must not hold up a group of others.
SELECT p.*, EXISTS (SELECT FROM views v WHERE v.person = p.id) AS viewed FROM people p
JOIN unnest(%(tenants)s::text[], %(users)s::text[]) AS w(tenant, user_id) ON p.tenant = w.tenant AND p.user_id = w.user_id
ORDER BY p.tenant, p.user_id
FOR NO KEY UPDATE OF p SKIP LOCKED;

-- name: lock_person
SELECT * FROM people WHERE tenant = %(tenant)s AND user_id = %(user_id)s FOR NO KEY UPDATE;

-- name: add_new
-- The usual add as one statement, which is a transaction and a round trip: for people who are there, whom nobody else
-- changes, and of whose memories none gets other content. A row back for each request that is stored; who gets none is
-- for put_memories. The statement sees memories as they were when it began, which holds for people alone whose rows are
-- still the ones it began with (xmin) once it has their locks.
WITH held AS MATERIALIZED (
    SELECT p.id, p.version, p.memories, w.who, w.most, EXISTS (SELECT FROM views v WHERE v.person = p.id) AS viewed
    FROM unnest(%(tenants)s::text[], %(users)s::text[], %(limits)s::int[]) WITH ORDINALITY
         AS w(tenant, user_id, most, who)
    JOIN people q ON q.tenant = w.tenant AND q.user_id = w.user_id
    JOIN people p ON p.id = q.id AND p.xmin = q.xmin
    ORDER BY p.tenant, p.user_id
    FOR NO KEY UPDATE OF p SKIP LOCKED
), incoming AS (
    SELECT h.id AS person, i.*, m.id IS NULL AS new,
           (m.content <> i.content OR i.last_accessed_at <> coalesce(m.last_accessed_at, '-infinity')
            OR i.access_count <> m.access_count OR i.pinned <> m.pinned) AS differs
    FROM unnest(%(requests)s::int[], %(whose)s::int[], %(ids)s::text[], %(bodies)b::bytea[], %(text_keys)b::bytea[],
                %(contents)b::bytea[], %(chars)s::int[], %(created)s::timestamptz[], %(accessed)s::timestamptz[],
                %(counts)s::int[], %(pinned)s::boolean[])
         AS i(request, who, id, body, text_key, content, chars, created_at, last_accessed_at, access_count, pinned)
    JOIN held h ON h.who = i.who
    LEFT JOIN memories m ON m.person = h.id AND m.id = i.id
), sure AS (
    SELECT h.*, s.more, s.more_chars FROM held h
    JOIN (SELECT person, count(*) FILTER (WHERE new) AS more, coalesce(sum(chars) FILTER (WHERE new), 0) AS more_chars
          FROM incoming GROUP BY person HAVING NOT coalesce(bool_or(differs), false)) AS s ON s.person = h.id
    WHERE h.memories + s.more <= h.most
), added AS (
    INSERT INTO memories (person, id, body, text_key, content, chars, created_at, last_accessed_at, access_count, pinned,
                          version)
    SELECT s.id, i.id, i.body, i.text_key, i.content, i.chars, i.created_at, i.last_accessed_at,
           coalesce(i.access_count, 0), coalesce(i.pinned, false), s.version + 1
    FROM incoming i JOIN sure s ON s.id = i.person WHERE i.new
), counted AS (
    UPDATE people p SET version = s.version + 1, memories = p.memories + s.more, chars = p.chars + s.more_chars,
           changes = p.changes + s.more, first_change_at = coalesce(p.first_change_at, clock_timestamp()),
           last_change_at = clock_timestamp()
    FROM sure s WHERE p.id = s.id AND s.more > 0
)
SELECT i.request, count(*) FILTER (WHERE i.new)::int AS added, count(*) FILTER (WHERE NOT i.new)::int AS unchanged,
       s.version + (s.more > 0)::int AS version, s.viewed
FROM incoming i JOIN sure s ON s.id = i.person GROUP BY i.request, s.version, s.more, s.viewed;

-- name: put_memories
-- Adds what is new and changes what differs, and gives each person the version that came with it and the counts. A row
-- back for each memory that is new or differs, by its number. Accesses and pins that are not given stay as they are.
WITH incoming AS (
    SELECT i.*, m.id IS NULL AS new, m.chars AS old_chars, m.text_key AS old_text_key,
           (m.content <> i.content OR i.last_accessed_at <> coalesce(m.last_accessed_at, '-infinity')
            OR i.access_count <> m.access_count OR i.pinned <> m.pinned) AS differs
    FROM unnest(%(persons)s::bigint[], %(versions)s::bigint[], %(ids)s::text[], %(bodies)b::bytea[],
                %(text_keys)b::bytea[], %(contents)b::bytea[], %(chars)s::int[], %(created)s::timestamptz[],
                %(accessed)s::timestamptz[], %(counts)s::int[], %(pinned)s::boolean[]) WITH ORDINALITY
         AS i(person, version, id, body, text_key, content, chars, created_at, last_accessed_at, access_count, pinned, n)
    LEFT JOIN memories m ON m.person = i.person AND m.id = i.id
), added AS (
    INSERT INTO memories (person, id, body, text_key, content, chars, created_at, last_accessed_at, access_count, pinned,
                          version)
    SELECT person, id, body, text_key, content, chars, created_at, last_accessed_at, coalesce(access_count, 0),
           coalesce(pinned, false), version
    FROM incoming WHERE new
), changed AS (
    UPDATE memories m SET body = i.body, text_key = i.text_key, content = i.content, chars = i.chars,
           created_at = i.created_at, last_accessed_at = coalesce(i.last_accessed_at, m.last_accessed_at),
           access_count = coalesce(i.access_count, m.access_count), pinned = coalesce(i.pinned, m.pinned),
           version = i.version, theme_id = NULL, placed_version = NULL
    FROM incoming i WHERE i.differs AND m.person = i.person AND m.id = i.id
), counted AS (
    UPDATE people p SET version = c.version, memories = p.memories + c.memories, chars = p.chars + c.chars,
           changes = p.changes + c.changes, first_change_at = coalesce(p.first_change_at, clock_timestamp()),
           last_change_at = clock_timestamp()
    FROM (SELECT person, max(version) AS version, count(*) FILTER (WHERE new) AS memories, count(*) AS changes,
                 sum(chars - coalesce(old_chars, 0)) AS chars
          FROM incoming WHERE new OR differs GROUP BY person) AS c
    WHERE p.id = c.person
)
SELECT n, new,
       CASE WHEN old_text_key <> text_key THEN old_text_key END AS old_text_key
FROM incoming WHERE new OR differs;

-- name: change_person
-- After a change of another kind. ``changes`` makes views stale; an access is no such change.
UPDATE people SET version = version + 1, memories = memories + %(memories)s, chars = chars + %(chars)s,
       changes = changes + %(changes)s,
       first_change_at = CASE WHEN %(changes)s > 0 THEN coalesce(first_change_at, clock_timestamp())
                         ELSE first_change_at END,
       last_change_at = CASE WHEN %(changes)s > 0 THEN clock_timestamp() ELSE last_change_at END
WHERE id = %(person)s;

-- name: set_upkeep
UPDATE people p SET upkeep = u.upkeep
FROM unnest(%(persons)s::bigint[], %(upkeep)s::text[]) AS u(person, upkeep)
WHERE p.id = u.person AND p.upkeep IS DISTINCT FROM u.upkeep;

-- name: set_settings
UPDATE people SET settings = %(settings)s, upkeep = %(upkeep)s WHERE id = %(person)s;

-- name: get_answers
-- What keys were answered with; a key of another kind of request has no answer.
SELECT w.n, i.body_hash, i.answer FROM idempotency i
JOIN unnest(%(numbers)s::int[], %(tenants)s::text[], %(keys)s::text[]) AS w(n, tenant, key)
     ON i.tenant = w.tenant AND i.key = w.key;

-- name: insert_answers
INSERT INTO idempotency (tenant, key, sealed_key, body_hash, person, answer)
SELECT * FROM unnest(%(tenants)s::text[], %(keys)s::text[], %(sealed)b::bytea[], %(hashes)b::bytea[],
                     %(persons)s::bigint[], %(answers)b::bytea[])
ON CONFLICT DO NOTHING
RETURNING key;

-- name: get_memory
SELECT * FROM memories WHERE person = %(person)s AND id = %(id)s;

-- name: list_memories
-- Newest first, older than the cursor's (moment, id). Bounds are never null, so that every plan goes by the index.
SELECT * FROM memories
WHERE person = %(person)s AND (moment, id) < (%(before)s::timestamptz, %(before_id)s::text)
  AND moment >= %(since)s::timestamptz AND moment < %(until)s::timestamptz
ORDER BY moment DESC, id DESC
LIMIT %(limit)s;

-- name: list_theme
-- The same of one theme: the view's members, and those put there since.
SELECT * FROM memories
WHERE person = %(person)s AND (moment, id) < (%(before)s::timestamptz, %(before_id)s::text)
  AND moment >= %(since)s::timestamptz AND moment < %(until)s::timestamptz
  AND (version <= %(view)s AND id = ANY(%(members)s::text[]) OR version > %(view)s AND theme_id = %(theme)s)
ORDER BY moment DESC, id DESC
LIMIT %(limit)s;

-- name: patch_memory
UPDATE memories SET body = %(body)s, text_key = %(text_key)s, content = %(content)s, chars = %(chars)s,
       created_at = %(created_at)s, last_accessed_at = %(last_accessed_at)s, access_count = %(access_count)s,
       pinned = %(pinned)s, superseded_by = %(superseded_by)s, version = %(version)s,
       superseded_decided = superseded_decided OR %(decided)s,
       supersession = CASE WHEN NOT %(decided)s THEN supersession END,
       theme_id = CASE WHEN version = %(version)s OR text_key = %(text_key)s THEN theme_id END,
       placed_version = CASE WHEN version = %(version)s OR text_key = %(text_key)s THEN placed_version END
WHERE person = %(person)s AND id = %(id)s
RETURNING *;

-- name: count_access
UPDATE memories SET access_count = least(access_count + 1, 2147483647), last_accessed_at = clock_timestamp()
WHERE person = %(person)s AND id = %(id)s
RETURNING *;

-- name: there_are
-- Which of these ids name a memory.
SELECT id FROM memories WHERE person = %(person)s AND id = ANY(%(ids)s::text[]);

-- name: delete_memories
WITH gone AS (
    DELETE FROM memories WHERE person = %(person)s AND id = ANY(%(ids)s::text[]) RETURNING id, text_key, chars
), remembered AS (
    INSERT INTO forgotten (person, memory_id, text_key, version) SELECT %(person)s, id, text_key, %(version)s FROM gone
    ON CONFLICT (person, memory_id) DO UPDATE SET text_key = excluded.text_key, version = excluded.version,
        at = clock_timestamp()
)
SELECT id, text_key, chars FROM gone;

-- name: ids_before
SELECT id FROM memories WHERE person = %(person)s AND moment < %(before)s::timestamptz;

-- name: aged_people
-- The next users, and whether they keep memories that are too old: an index lookup each.
SELECT p.id, p.tenant, p.user_id, EXISTS (
    SELECT FROM memories m WHERE m.person = p.id AND m.moment < statement_timestamp() - %(days)s * interval '1 day') AS aged
FROM (SELECT id, tenant, user_id FROM people WHERE id > %(after)s ORDER BY id LIMIT %(limit)s) AS p
ORDER BY p.id;

-- name: aged_memories
-- The oldest first.
SELECT id FROM memories WHERE person = %(person)s AND moment < statement_timestamp() - %(days)s * interval '1 day'
ORDER BY moment, id LIMIT %(limit)s;

-- name: ids_of_theme
SELECT id FROM memories WHERE person = %(person)s
  AND (version <= %(view)s AND id = ANY(%(members)s::text[]) OR version > %(view)s AND theme_id = %(theme)s);

-- name: release_superseded
-- What a deleted memory had taken the place of.
UPDATE memories SET superseded_by = NULL, supersession = NULL WHERE person = %(person)s AND superseded_by = ANY(%(ids)s::text[]);

-- name: delete_unused_vectors
-- Vectors of texts that no memory of the person has any more, of all models (found by a loose index scan).
WITH RECURSIVE models AS (
    (SELECT model FROM vectors WHERE tenant = %(tenant)s AND user_id = %(user_id)s ORDER BY model LIMIT 1)
    UNION ALL
    SELECT (SELECT v.model FROM vectors v WHERE v.tenant = %(tenant)s AND v.user_id = %(user_id)s AND v.model > m.model
            ORDER BY v.model LIMIT 1)
    FROM models m WHERE m.model IS NOT NULL
), unused AS (
    SELECT DISTINCT k.text_key FROM unnest(%(keys)b::bytea[]) AS k(text_key)
    WHERE NOT EXISTS (SELECT FROM memories m WHERE m.person = %(person)s AND m.text_key = k.text_key)
)
DELETE FROM vectors v USING models m, unused u
WHERE v.tenant = %(tenant)s AND v.user_id = %(user_id)s AND v.model = m.model AND v.text_key = u.text_key
RETURNING v.model, v.text_key;

-- name: get_view
SELECT * FROM views WHERE person = %(person)s AND kind = %(kind)s;

-- name: get_views
SELECT * FROM views WHERE person = %(person)s ORDER BY kind;

-- name: list_forgotten
SELECT memory_id AS id, at FROM forgotten WHERE person = %(person)s ORDER BY at, memory_id;

-- name: list_people
SELECT * FROM people
WHERE tenant = %(tenant)s AND user_id > %(after)s AND (NOT %(stale)s::boolean OR first_change_at IS NOT NULL)
ORDER BY user_id LIMIT %(limit)s;

-- name: tenant_memories
SELECT coalesce(sum(memories), 0)::bigint AS memories FROM people WHERE tenant = %(tenant)s;

-- name: erase_memories
DELETE FROM memories USING people p WHERE p.id = person AND p.tenant = %(tenant)s AND p.user_id = %(user_id)s;

-- name: erase_views
DELETE FROM views USING people p WHERE p.id = person AND p.tenant = %(tenant)s AND p.user_id = %(user_id)s;

-- name: erase_person
-- Tombstones and answers to idempotency keys go with it.
DELETE FROM people WHERE tenant = %(tenant)s AND user_id = %(user_id)s;

-- name: retire_forgotten
-- Tombstones serve views and the work under way; where no view is, that work has long ended. Where one is, its upkeep
-- removes them. Each is looked at once, a bite after the other: "at" is where this one ended.
WITH old AS MATERIALIZED (
    SELECT person, memory_id, at FROM forgotten
    WHERE at > %(after)s AND at < statement_timestamp() - interval '1 day' ORDER BY at LIMIT %(limit)s
), gone AS (
    DELETE FROM forgotten f USING old o
    WHERE f.person = o.person AND f.memory_id = o.memory_id AND f.at = o.at
      AND NOT EXISTS (SELECT FROM views v WHERE v.person = o.person)
    RETURNING 1
)
SELECT max(at) AS at, count(*)::int AS looked, (SELECT count(*) FROM gone)::int AS removed FROM old;
