-- Every query Reverie runs, by name. Parameters are psycopg's %(name)s.

-- name: insert_idempotency
-- Wins or loses the key for all submissions of a group at once; losers are looked up afterwards. Keys are hashes, and
-- a key that an older encryption key, or version, has stored in another form is lost as well.
INSERT INTO idempotency (tenant, user_id, key, sealed_key, body_hash, task_id)
SELECT t.tenant, t.user_id, t.key, t.sealed_key, t.body_hash, t.task_id
FROM unnest(%(tenants)s::text[], %(users)s::text[], %(keys)s::text[], %(sealed)b::bytea[], %(hashes)s::bytea[],
            %(ids)s::text[]) AS t(tenant, user_id, key, sealed_key, body_hash, task_id)
WHERE NOT EXISTS (SELECT FROM unnest(%(old_ids)s::text[], %(old_keys)s::text[]) AS o(task_id, key)
                  JOIN idempotency i ON i.tenant = t.tenant AND i.key = o.key WHERE o.task_id = t.task_id)
ON CONFLICT DO NOTHING
RETURNING task_id;

-- name: tie_idempotency
-- For an answer from the cache. Not waited for on disk: were it lost, the same body would get the same answer again.
INSERT INTO idempotency (tenant, user_id, key, sealed_key, body_hash, task_id)
SELECT %(tenant)s, %(user_id)s, %(key)s, %(sealed)b, %(hash)s, %(id)s
WHERE set_config('synchronous_commit', 'off', true) = 'off'
ON CONFLICT DO NOTHING
RETURNING task_id;

-- name: get_idempotency
SELECT task_id, body_hash FROM idempotency WHERE tenant = %(tenant)s AND key = ANY(%(keys)s::text[]);

-- name: point_idempotency
-- A key whose submission joined another task in flight answers with that task from then on.
UPDATE idempotency SET task_id = %(task_id)s WHERE tenant = %(tenant)s AND key = ANY(%(keys)s::text[]);

-- name: insert_tasks
-- One statement for a group of submissions: rows and payloads together, identical work in flight or done left out.
-- Only what the database decides comes back; the rest is known.
WITH new AS (
    INSERT INTO tasks (id, tenant, user_id, operation, lane, queue, content_hash, items, chars, estimate_seconds,
                       deadline_at, contract, trace)
    SELECT id, tenant, user_id, operation, lane, queue, decode(content, 'hex'), items, chars, estimate,
           clock_timestamp() + deadline * interval '1 second', contract, trace
    FROM json_to_recordset(%(tasks)s::json)
         AS t(id text, tenant text, user_id text, operation text, lane text, queue text, content text, items int,
              chars bigint, estimate real, deadline double precision, trace text,
              contract smallint)
    -- Lateral, so that each is looked up by the index, whatever the planner believes of a JSON value's length.
    LEFT JOIN LATERAL (SELECT true AS there FROM tasks d JOIN results r ON r.task_id = d.id
                       WHERE d.tenant = t.tenant AND d.content_hash = decode(t.content, 'hex')
                       AND d.status = 'succeeded' LIMIT 1) AS done ON true
    WHERE done.there IS NULL
    ON CONFLICT (tenant, content_hash) WHERE status IN ('queued', 'running') DO NOTHING
    RETURNING id, created_at, published_at, deadline_at
), body AS (
    INSERT INTO payloads (task_id, body)
    SELECT p.id, p.body FROM unnest(%(ids)s::text[], %(bodies)b::bytea[]) AS p(id, body)
    JOIN new ON new.id = p.id
)
SELECT * FROM new;

-- name: join_in_flight
-- The task of the same content that is under way. Who joins it counts as a holder, and its deadline moves to the later of
-- both: a submission without one waits for as long as it takes.
UPDATE tasks SET holders = holders + 1,
       deadline_at = CASE WHEN deadline_at IS NOT NULL AND %(deadline)s::float8 IS NOT NULL THEN
           greatest(deadline_at, clock_timestamp() + %(deadline)s::float8 * interval '1 second') END
WHERE tenant = %(tenant)s AND content_hash = %(content)s AND status IN ('queued', 'running')
RETURNING *;

-- name: get_cached
-- The newest success with the same content.
SELECT t.*, r.body FROM tasks t JOIN results r ON r.task_id = t.id
WHERE t.tenant = %(tenant)s AND t.content_hash = %(content)s AND t.status = 'succeeded'
ORDER BY t.finished_at DESC LIMIT 1;

-- name: ended_lately
-- The drain rate: tasks that ended in the last ``seconds``, of all and of one tenant.
SELECT count(*) AS everybody, count(*) FILTER (WHERE tenant = %(tenant)s) AS own FROM tasks
WHERE finished_at > statement_timestamp() - %(seconds)s * interval '1 second' AND status <> 'cancelled';

-- name: get_cached_many
-- The same for many at once; n says whose it is.
SELECT q.n, t.*, r.body
FROM unnest(%(tenants)s::text[], %(content)s::bytea[]) WITH ORDINALITY AS q(tenant, content, n)
CROSS JOIN LATERAL (SELECT * FROM tasks WHERE tasks.tenant = q.tenant AND content_hash = q.content
                    AND status = 'succeeded' ORDER BY finished_at DESC LIMIT 1) AS t
JOIN results r ON r.task_id = t.id;

-- name: try_space
-- Half a megabyte that a full disk has no place for; rolled back.
CREATE TABLE space_that_is_tried AS SELECT repeat('x', 1500) AS filler FROM generate_series(1, 350);

-- name: known_many
-- Which contents are in flight or done: a number in the order of asking for each.
SELECT q.n FROM unnest(%(tenants)s::text[], %(content)s::bytea[]) WITH ORDINALITY AS q(tenant, content, n)
WHERE EXISTS (SELECT FROM tasks t WHERE t.tenant = q.tenant AND t.content_hash = q.content
              AND t.status IN ('queued', 'running'))
   OR EXISTS (SELECT FROM tasks t JOIN results r ON r.task_id = t.id
              WHERE t.tenant = q.tenant AND t.content_hash = q.content AND t.status = 'succeeded');

-- name: load_counts
-- What admission control needs: queued tasks of all, unfinished tasks of one tenant.
SELECT (SELECT count(*) FROM tasks WHERE status = 'queued') AS queued,
       (SELECT count(*) FROM tasks WHERE status IN ('queued', 'running') AND tenant = %(tenant)s) AS in_flight;

-- name: get_task
SELECT * FROM tasks WHERE id = %(id)s AND tenant = %(tenant)s;

-- name: get_task_with_result
SELECT t.*, r.body FROM tasks t LEFT JOIN results r ON r.task_id = t.id
WHERE t.id = %(id)s AND t.tenant = %(tenant)s;

-- name: get_result
SELECT body FROM results WHERE task_id = %(id)s;

-- name: get_event_result
-- Of a task that listeners of its tenant are told of.
SELECT t.tenant, r.body FROM results r JOIN tasks t ON t.id = r.task_id WHERE r.task_id = %(id)s;

-- name: get_states
-- For waiting sockets when pub/sub is silent.
SELECT * FROM tasks WHERE id = ANY(%(ids)s);

-- name: list_tasks
-- Newest first; the cursor is the last row's (created_at, id).
SELECT * FROM tasks
WHERE tenant = %(tenant)s AND operation NOT IN ({internal_operations})
  AND (%(user_id)s::text IS NULL OR user_id = %(user_id)s)
  AND (%(status)s::text IS NULL OR status = %(status)s)
  AND (%(operation)s::text IS NULL OR operation = %(operation)s)
  AND (%(before)s::timestamptz IS NULL OR (created_at, id) < (%(before)s::timestamptz, %(before_id)s::text))
ORDER BY created_at DESC, id DESC
LIMIT %(limit)s;

-- name: leave_task
-- One of several submissions that wait for a task is no longer interested; the last one cancels it.
UPDATE tasks SET holders = holders - 1
WHERE id = %(id)s AND tenant = %(tenant)s AND status IN ('queued', 'running') AND holders > 1
RETURNING *;

-- name: cancel_task
-- The token grows, so that the attempt at work is fenced from this moment.
UPDATE tasks SET status = 'cancelled', token = token + 1, seq = (token + 1) * 1000000 + 999999, lease_until = NULL,
       worker = NULL, finished_at = clock_timestamp()
WHERE id = %(id)s AND tenant = %(tenant)s AND status IN ('queued', 'running')
RETURNING *;

-- name: redrive_task
-- A failed task starts a new life. It waits like any other, and counts its attempts anew.
UPDATE tasks SET status = 'queued', dead = false, attempts = 0, token = token + 1, seq = (token + 1) * 1000000,
       error = NULL, started_at = NULL, finished_at = NULL, stage = 'queued', done = 0, total = 0, fraction = 0,
       published_at = clock_timestamp(), deadline_at = NULL
WHERE id = %(id)s AND tenant = %(tenant)s AND status = 'failed'
  AND NOT EXISTS (SELECT 1 FROM tasks o WHERE o.tenant = tasks.tenant AND o.content_hash = tasks.content_hash
                  AND o.status IN ('queued', 'running'))
RETURNING *;

-- name: waiting_tenants
-- Tenants with queued work, the one that got least first (a loose index scan, so a flood costs nothing). Start-time
-- fair queueing, Goyal et al. 1996, with some credit: who asks seldom has saved up to ten seconds of predicted work and
-- goes before a flood by that much; in the long run shares are equal.
WITH RECURSIVE t AS (
    (SELECT tenant FROM tasks WHERE queue = %(queue)s AND status = 'queued' ORDER BY tenant LIMIT 1)
    UNION ALL
    SELECT (SELECT tenant FROM tasks WHERE queue = %(queue)s AND status = 'queued' AND tenant > t.tenant
            ORDER BY tenant LIMIT 1)
    FROM t WHERE t.tenant IS NOT NULL
)
SELECT t.tenant FROM t LEFT JOIN turns u ON u.queue = %(queue)s AND u.tenant = t.tenant
WHERE t.tenant IS NOT NULL
ORDER BY greatest(coalesce(u.ends, '-infinity'),
                  (SELECT coalesce(max(starts), 0) - 10 FROM turns WHERE queue = %(queue)s)),
         u.claimed_at NULLS FIRST, t.tenant;

-- name: claim_task
-- Compare-and-set from queued to running: attempt and token grow, the lease starts on this server's clock.
-- A task of a newer contract than the worker's stays for a newer worker.
-- A claim of short work does not wait for the disk: what a crash of the server forgets of it is claimed again. Its token
-- grows by the task's age in milliseconds, so that the later claim's is larger than the forgotten one's.
WITH next AS (
    SELECT id, greatest(coalesce(estimate_seconds, 1), 0.01) AS cost, token + 1 + CASE WHEN %(queue)s = 'fast' THEN
               least(greatest(extract(epoch FROM clock_timestamp() - created_at) * 1000, 0), 1e9)::bigint ELSE 0 END AS new
    FROM tasks
    WHERE queue = %(queue)s AND status = 'queued' AND tenant = %(tenant)s AND contract <= %(contract)s
      AND (deadline_at IS NULL OR deadline_at > clock_timestamp())
      AND (%(most)s::float8 IS NULL OR coalesce(estimate_seconds, 1) <= %(most)s)
      AND (%(overdue)s::float8 = 0 OR published_at < clock_timestamp() - %(overdue)s::float8 * interval '1 second')
    ORDER BY created_at, id LIMIT 1 FOR UPDATE SKIP LOCKED
), turn AS (
    INSERT INTO turns (queue, tenant, claimed_at, starts, ends)
    SELECT %(queue)s, %(tenant)s, clock_timestamp(), v.now, v.now + next.cost
    FROM next, (SELECT coalesce(max(starts), 0) - 10 AS now FROM turns WHERE queue = %(queue)s) AS v
    ON CONFLICT (queue, tenant) DO UPDATE
    SET claimed_at = excluded.claimed_at, starts = greatest(excluded.starts, turns.ends),
        ends = greatest(excluded.starts, turns.ends) + (excluded.ends - excluded.starts)
)
UPDATE tasks SET status = 'running', attempts = attempts + 1, token = next.new, seq = next.new * 1000000,
       worker = %(worker)s, lease_until = clock_timestamp() + %(lease)s * interval '1 second',
       beat_at = clock_timestamp(), backend = pg_backend_pid(),
       started_at = coalesce(started_at, clock_timestamp()), stage = 'starting', done = 0, total = 0, fraction = 0
FROM next WHERE tasks.id = next.id
  AND (%(queue)s <> 'fast' OR set_config('synchronous_commit', 'off', true) = 'off')
RETURNING tasks.*;

-- name: get_trace
SELECT trace FROM tasks WHERE id = %(id)s;

-- name: get_payload
SELECT body FROM payloads WHERE task_id = %(id)s;

-- name: heartbeat
-- No row back means: fenced, cancelled or erased.
UPDATE tasks SET lease_until = clock_timestamp() + %(lease)s * interval '1 second', beat_at = clock_timestamp(),
       backend = pg_backend_pid(), stage = %(stage)s, done = %(done)s, total = %(total)s, fraction = %(fraction)s,
       seq = greatest(seq, %(seq)s)
WHERE id = %(id)s AND token = %(token)s AND status = 'running'
RETURNING id;

-- name: renew_lease
-- By the worker's keeper, whose place it takes that the worker's own heartbeat is late. No row back means the same.
UPDATE tasks SET lease_until = clock_timestamp() + %(lease)s * interval '1 second', beat_at = clock_timestamp()
WHERE id = %(id)s AND token = %(token)s AND status = 'running'
RETURNING id;

-- name: deadline_left
-- Seconds until a claimed task's deadline, which moves when others join it; null without one.
SELECT extract(epoch FROM deadline_at - clock_timestamp())::float8 AS seconds FROM tasks
WHERE id = %(id)s AND token = %(token)s AND status = 'running';

-- name: finish_task
-- The final state and the result, in one statement. What the local model did in a provider's stead is nobody else's
-- answer: under a hash of its own no cache finds it.
WITH done AS (
    UPDATE tasks SET status = 'succeeded', seq = token * 1000000 + 999999, lease_until = NULL,
           finished_at = clock_timestamp(), stage = 'done', fraction = 1, tokens = %(tokens)s,
           cached_tokens = %(cached_tokens)s, compute_ms = %(compute_ms)s, usd = usd + %(usd)s, lane = %(lane)s,
           provider = coalesce(%(provider)s, provider), vector_model = %(vector_model)s,
           content_hash = CASE WHEN %(stand_in)s THEN sha256(content_hash || convert_to(id, 'UTF8'))
                          ELSE content_hash END
    WHERE id = %(id)s AND token = %(token)s AND status = 'running'
    RETURNING *
), written AS (
    INSERT INTO results (task_id, body) SELECT id, %(body)b::bytea FROM done
    ON CONFLICT (task_id) DO UPDATE SET body = excluded.body
)
SELECT * FROM done;

-- name: fail_task
UPDATE tasks SET status = 'failed', seq = token * 1000000 + 999999, lease_until = NULL,
       finished_at = clock_timestamp(), error = %(error)s, dead = %(dead)s, compute_ms = %(compute_ms)s,
       tokens = %(tokens)s, usd = usd + %(usd)s, provider = coalesce(%(provider)s, provider)
WHERE id = %(id)s AND token = %(token)s AND status = 'running'
RETURNING *;

-- name: release_task
-- Hand back: not the task's fault, so the attempt does not count. Dated back, so that the next sweep sends it.
UPDATE tasks SET status = 'queued', attempts = attempts - 1, token = token + 1, seq = (token + 1) * 1000000,
       lease_until = NULL, worker = NULL, stage = 'queued', done = 0, total = 0, fraction = 0,
       published_at = clock_timestamp() - interval '1 hour'
WHERE id = %(id)s AND token = %(token)s AND status = 'running'
RETURNING *;

-- name: grant_grace
-- After time without a sweeper (or without this server) nobody could prove to be alive: all leases start anew.
UPDATE tasks SET lease_until = greatest(lease_until, clock_timestamp() + %(lease)s * interval '1 second'),
       beat_at = clock_timestamp()
WHERE status = 'running';

-- name: expire_leases
-- Attempts whose worker fell silent: queue them again, or dead-letter those that took too many workers with them.
-- Silent means: the lease ran out, or a few beats are missing and the session of the last one is gone, as it is the
-- moment a process is killed. (Behind a connection pooler sessions stay; then the lease alone decides.)
UPDATE tasks SET
    status = CASE WHEN attempts >= %(max_attempts)s THEN 'failed' ELSE 'queued' END,
    dead = attempts >= %(max_attempts)s,
    finished_at = CASE WHEN attempts >= %(max_attempts)s THEN clock_timestamp() END,
    error = CASE WHEN attempts >= %(max_attempts)s THEN %(error)s::jsonb END,
    token = token + 1,
    seq = (token + 1) * 1000000 + CASE WHEN attempts >= %(max_attempts)s THEN 999999 ELSE 0 END,
    lease_until = NULL, worker = NULL, stage = 'queued', done = 0, total = 0, fraction = 0,
    published_at = clock_timestamp()
WHERE id IN (SELECT id FROM tasks t WHERE status = 'running'
             AND (lease_until < clock_timestamp()
                  OR (beat_at < clock_timestamp() - %(silence)s * interval '1 second'
                      AND NOT EXISTS (SELECT 1 FROM pg_stat_activity WHERE pid = t.backend)))
             ORDER BY lease_until LIMIT 500 FOR UPDATE SKIP LOCKED)
RETURNING *;

-- name: expire_deadlines
-- Work whose client said it would no longer wait.
UPDATE tasks SET status = 'failed', token = token + 1, seq = (token + 1) * 1000000 + 999999, lease_until = NULL,
       worker = NULL, finished_at = clock_timestamp(), error = %(error)s::jsonb
WHERE id IN (SELECT id FROM tasks WHERE status = 'queued' AND deadline_at < clock_timestamp()
             LIMIT 500 FOR UPDATE SKIP LOCKED)
RETURNING *;

-- name: queued_by_queue
SELECT queue, count(*) AS waiting, extract(epoch FROM clock_timestamp() - min(created_at))::float8 AS oldest
FROM tasks WHERE status = 'queued' AND (%(tenant)s::text IS NULL OR tenant = %(tenant)s) GROUP BY queue;

-- name: waiting_by_class
-- Waiting tasks by lane, those of tenants with a hundred or more apart: a flood must not hide how others fare.
WITH t AS (SELECT lane, tenant, count(*) AS n, min(created_at) AS oldest FROM tasks WHERE status = 'queued'
           GROUP BY lane, tenant)
SELECT lane, CASE WHEN n >= 100 THEN 'flooding' ELSE 'ordinary' END AS class, sum(n)::bigint AS waiting,
       extract(epoch FROM clock_timestamp() - min(oldest))::float8 AS oldest
FROM t GROUP BY lane, class;

-- name: lately
-- What the tasks of the last five minutes took, in all tenants.
SELECT operation, lane, count(*) AS ended, count(*) FILTER (WHERE dead) AS dead,
       count(*) FILTER (WHERE status = 'failed') AS failed,
       coalesce(sum(greatest(attempts - 1, 0)), 0)::bigint AS retries,
       coalesce(sum(tokens), 0)::bigint AS tokens, coalesce(sum(cached_tokens), 0)::bigint AS cached_tokens,
       percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP
           (ORDER BY extract(epoch FROM started_at - created_at)::float8) AS waiting,
       percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP
           (ORDER BY extract(epoch FROM finished_at - started_at)::float8) AS running
FROM tasks WHERE finished_at > statement_timestamp() - interval '5 minutes' GROUP BY operation, lane;

-- name: stale_messages
-- Queued rows whose message may be lost; their publication time moves on, so that the next sweep takes others.
UPDATE tasks SET published_at = clock_timestamp()
WHERE id IN (SELECT id FROM tasks WHERE queue = %(queue)s AND status = 'queued'
             AND published_at < clock_timestamp() - %(age)s * interval '1 second'
             ORDER BY published_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED)
RETURNING id, queue;

-- name: select_vectors
SELECT text_key, vector, tokens, used_at < statement_timestamp() - interval '1 day' AS idle FROM vectors
WHERE tenant = %(tenant)s AND user_id = %(user_id)s AND model = %(model)s AND text_key = ANY(%(keys)s);

-- name: hold_task
-- Proof, inside a transaction, that this attempt still owns its task; erasure and fencing wait until it ends.
SELECT id FROM tasks WHERE id = %(id)s AND token = %(token)s AND status = 'running' FOR KEY SHARE;

-- name: insert_vectors
INSERT INTO vectors (tenant, user_id, model, text_key, vector, tokens)
SELECT %(tenant)s, %(user_id)s, %(model)s, v.text_key, v.vector, v.tokens
FROM unnest(%(keys)s::bytea[], %(vectors)s::bytea[], %(tokens)s::int[]) AS v(text_key, vector, tokens)
ON CONFLICT DO NOTHING;

-- name: get_themes
SELECT body FROM themes WHERE tenant = %(tenant)s AND user_id = %(user_id)s AND model = %(model)s;

-- name: put_themes
INSERT INTO themes (tenant, user_id, model, body, count, task_id)
VALUES (%(tenant)s, %(user_id)s, %(model)s, %(body)s, %(count)s, %(task_id)s)
ON CONFLICT (tenant, user_id, model) DO UPDATE
SET body = excluded.body, count = excluded.count, task_id = excluded.task_id, updated_at = clock_timestamp()
-- Of two runs that overlap, the one that was submitted later has the last word, whichever ends first.
WHERE coalesce((SELECT created_at FROM tasks WHERE id = themes.task_id), '-infinity')
      <= coalesce((SELECT created_at FROM tasks WHERE id = excluded.task_id), 'infinity');

-- name: erase_idempotency
-- Keys of the user, and keys of others that their tasks answered; each by an index, not all of the tenant's.
DELETE FROM idempotency WHERE tenant = %(tenant)s AND key IN (
    SELECT key FROM idempotency WHERE tenant = %(tenant)s AND user_id = %(user_id)s
    UNION
    SELECT i.key FROM tasks t JOIN idempotency i ON i.task_id = t.id AND i.tenant = t.tenant
    WHERE t.tenant = %(tenant)s AND t.user_id = %(user_id)s);

-- name: erase_tasks
DELETE FROM tasks WHERE tenant = %(tenant)s AND user_id = %(user_id)s RETURNING id, status, queue, operation;

-- name: erase_results_count
SELECT count(*) AS n FROM results r JOIN tasks t ON t.id = r.task_id WHERE t.tenant = %(tenant)s AND t.user_id = %(user_id)s;

-- name: erase_vectors
DELETE FROM vectors WHERE tenant = %(tenant)s AND user_id = %(user_id)s;

-- name: erase_themes
DELETE FROM themes WHERE tenant = %(tenant)s AND user_id = %(user_id)s RETURNING count;

-- name: now_ms
SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS ms;

-- name: export_tasks
SELECT t.*, r.body, p.body AS payload FROM tasks t LEFT JOIN results r ON r.task_id = t.id
LEFT JOIN payloads p ON p.task_id = t.id
WHERE t.tenant = %(tenant)s AND t.user_id = %(user_id)s AND t.operation NOT IN ({internal_operations}) ORDER BY t.created_at, t.id;

-- name: export_vector_counts
SELECT model, count(*) AS vectors, sum(octet_length(vector))::bigint AS bytes FROM vectors
WHERE tenant = %(tenant)s AND user_id = %(user_id)s GROUP BY model ORDER BY model;

-- name: export_themes
SELECT model, body, updated_at FROM themes WHERE tenant = %(tenant)s AND user_id = %(user_id)s ORDER BY model;

-- name: export_webhooks
-- Those of the user's tasks, and those of what happened to the user's memories.
SELECT w.tenant, w.task_id, w.happening, w.url, w.sealed_url, w.state, w.attempts, w.last_status, w.last_error,
       w.created_at
FROM webhooks w WHERE w.tenant = %(tenant)s AND w.id IN (
    SELECT o.id FROM tasks t JOIN webhooks o ON o.task_id = t.id WHERE t.tenant = %(tenant)s AND t.user_id = %(user_id)s
    UNION ALL
    SELECT o.id FROM people p JOIN happenings h ON h.person = p.id JOIN webhooks o ON o.happening = h.id
    WHERE p.tenant = %(tenant)s AND p.user_id = %(user_id)s)
ORDER BY w.id;

-- name: export_idempotency
SELECT i.key, i.sealed_key, i.task_id, i.created_at FROM idempotency i
WHERE i.tenant = %(tenant)s AND i.key IN (
    SELECT key FROM idempotency WHERE tenant = %(tenant)s AND user_id = %(user_id)s
    UNION
    SELECT o.key FROM people p JOIN idempotency o ON o.person = p.id AND o.tenant = p.tenant
    WHERE p.tenant = %(tenant)s AND p.user_id = %(user_id)s)
ORDER BY i.created_at, i.key;

-- name: touch_vectors
-- Once a day is enough to know which vectors are in use; those of stored memories have no age (keep_vectors).
UPDATE vectors v SET used_at = CASE WHEN EXISTS (
    SELECT FROM people p JOIN memories m ON m.person = p.id AND m.text_key = v.text_key
    WHERE p.tenant = v.tenant AND p.user_id = v.user_id) THEN '9999-01-01Z' ELSE clock_timestamp() END
WHERE tenant = %(tenant)s AND user_id = %(user_id)s AND model = %(model)s AND text_key = ANY(%(keys)s)
  AND used_at < statement_timestamp() - interval '1 day';

-- name: retire_tasks
-- Retention, in small bites so that nobody waits for it.
DELETE FROM tasks WHERE id IN (
    SELECT id FROM tasks WHERE finished_at < statement_timestamp() - %(days)s * interval '1 day' LIMIT 500 FOR UPDATE SKIP LOCKED);

-- name: retire_idempotency
-- A key lives for a day, and never longer than its task.
DELETE FROM idempotency WHERE (tenant, key) IN (
    SELECT tenant, key FROM idempotency
    WHERE created_at < statement_timestamp() - least(1, %(days)s) * interval '1 day' LIMIT 1000);

-- name: retire_turns
DELETE FROM turns WHERE (queue, tenant) IN (
    SELECT queue, tenant FROM turns WHERE claimed_at < statement_timestamp() - interval '1 day' LIMIT 1000);

-- name: keep_vectors
-- Those of stored memories stay with them, and go with them: they have no age from then on, so that retention looks at
-- each of them once, however many there are. (The year 9999 is no age; of infinity drivers make errors.)
WITH old AS MATERIALIZED (
    SELECT tenant, user_id, model, text_key FROM vectors
    WHERE used_at < statement_timestamp() - %(days)s * interval '1 day'
    ORDER BY used_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED
)
UPDATE vectors v SET used_at = '9999-01-01Z' FROM old o
WHERE v.tenant = o.tenant AND v.user_id = o.user_id AND v.model = o.model AND v.text_key = o.text_key
  AND EXISTS (SELECT FROM people p JOIN memories m ON m.person = p.id AND m.text_key = o.text_key
              WHERE p.tenant = o.tenant AND p.user_id = o.user_id);

-- name: retire_vectors
-- After keep_vectors: what is left of the oldest is nobody's. The oldest alone are looked at, not all that are old.
WITH old AS MATERIALIZED (
    SELECT tenant, user_id, model, text_key FROM vectors
    WHERE used_at < statement_timestamp() - %(days)s * interval '1 day'
    ORDER BY used_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED
)
DELETE FROM vectors v USING old o
WHERE v.tenant = o.tenant AND v.user_id = o.user_id AND v.model = o.model AND v.text_key = o.text_key
  AND NOT EXISTS (SELECT FROM people p JOIN memories m ON m.person = p.id AND m.text_key = o.text_key
                  WHERE p.tenant = o.tenant AND p.user_id = o.user_id);

-- name: retire_themes
-- A user who has not come back for so long starts with new themes; those of a stored view stay with it.
DELETE FROM themes WHERE (tenant, user_id, model) IN (
    SELECT tenant, user_id, model FROM themes
    WHERE updated_at < statement_timestamp() - %(days)s * interval '1 day' AND model NOT LIKE 'view:%%' LIMIT 500);

-- name: retire_keys
-- Keys revoked long ago lose their name and nothing else: a row that is gone could be made anew, by a service that
-- starts with the same REVERIE_API_KEY, with all scopes.
UPDATE api_keys SET name = '' WHERE revoked_at < statement_timestamp() - %(days)s * interval '1 day' AND name <> '';

-- name: live_keys
-- Which of these keys are not revoked.
SELECT id FROM api_keys WHERE id = ANY(%(ids)s) AND revoked_at IS NULL;

-- name: get_keys
SELECT id, tenant, name, hash, scopes, revoked_at FROM api_keys WHERE id = ANY(%(ids)s);

-- name: insert_key
INSERT INTO api_keys (id, tenant, name, hash, scopes) VALUES (%(id)s, %(tenant)s, %(name)s, %(hash)s, %(scopes)s)
ON CONFLICT (id) DO NOTHING RETURNING id;

-- name: list_keys
SELECT id, tenant, name, scopes, created_at, revoked_at, last_used_at FROM api_keys ORDER BY created_at, id;

-- name: revoke_key
UPDATE api_keys SET revoked_at = clock_timestamp() WHERE id = %(id)s AND revoked_at IS NULL RETURNING id;

-- name: any_key
SELECT EXISTS (SELECT 1 FROM api_keys WHERE revoked_at IS NULL) AS found;

-- name: touch_keys
UPDATE api_keys SET last_used_at = clock_timestamp() WHERE id = ANY(%(ids)s);

-- name: insert_ticket
INSERT INTO tickets (hash, key_id, expires_at)
VALUES (%(hash)s, %(key_id)s, clock_timestamp() + %(seconds)s * interval '1 second');

-- name: use_ticket
-- Single use: the row goes with the answer.
WITH used AS (DELETE FROM tickets WHERE hash = %(hash)s RETURNING key_id, expires_at)
SELECT k.id, k.tenant, k.name, k.scopes FROM used JOIN api_keys k ON k.id = used.key_id
WHERE used.expires_at > clock_timestamp() AND k.revoked_at IS NULL;

-- name: retire_tickets
DELETE FROM tickets WHERE expires_at < statement_timestamp();

-- name: recent_endings
-- For tenant-wide sockets while pub/sub is away.
SELECT * FROM tasks WHERE tenant = ANY(%(tenants)s) AND finished_at > statement_timestamp() - %(age)s * interval '1 second'
  AND operation NOT IN ({internal_operations}) ORDER BY finished_at LIMIT 1000;

-- name: unfinished
SELECT * FROM tasks WHERE tenant = %(tenant)s AND status IN ('queued', 'running') AND operation NOT IN ({internal_operations})
ORDER BY created_at LIMIT 1000;

-- name: insert_webhooks
-- With new tasks, in their transaction.
INSERT INTO webhooks (task_id, tenant, url, sealed_url, url_hash)
SELECT w.task_id, w.tenant, '', w.sealed_url, w.url_hash
FROM unnest(%(ids)s::text[], %(tenants)s::text[], %(urls)b::bytea[], %(hashes)b::bytea[])
     AS w(task_id, tenant, sealed_url, url_hash);

-- name: lock_task
-- Holds off the task's end until a webhook for it is in place.
SELECT seq, finished_at IS NOT NULL AS ended FROM tasks WHERE id = %(id)s AND tenant = %(tenant)s FOR SHARE;

-- name: join_webhook
-- A submission answered with a task that was there: due at once when that has ended. One not yet sent serves both.
INSERT INTO webhooks (task_id, tenant, url, sealed_url, url_hash, seq, state, next_at)
SELECT %(id)s, %(tenant)s, '', %(url)b, %(hash)b, %(seq)s, CASE WHEN %(ended)s THEN 'pending' ELSE 'waiting' END,
       CASE WHEN %(ended)s THEN clock_timestamp() END
WHERE NOT EXISTS (SELECT 1 FROM webhooks WHERE task_id = %(id)s AND state IN ('waiting', 'pending')
                  AND (url_hash = ANY(%(hashes)b::bytea[]) OR url = %(plain)s));

-- name: claim_webhooks
-- Due ones that nobody holds; the lease outlives the longest try.
-- Tenants in turn, a few of each, none of those whose places are taken: slow receivers hold up their own tenant alone.
WITH RECURSIVE t AS (
    (SELECT tenant FROM webhooks WHERE next_at IS NOT NULL ORDER BY tenant LIMIT 1)
    UNION ALL
    SELECT (SELECT tenant FROM webhooks WHERE next_at IS NOT NULL AND tenant > t.tenant ORDER BY tenant LIMIT 1)
    FROM t WHERE t.tenant IS NOT NULL
), due AS (
    SELECT d.id, d.place, d.next_at FROM t CROSS JOIN LATERAL (
        SELECT id, next_at, row_number() OVER (ORDER BY next_at) AS place FROM (
            SELECT id, next_at FROM webhooks WHERE tenant = t.tenant AND next_at <= clock_timestamp()
            AND (lease_until IS NULL OR lease_until < clock_timestamp()) ORDER BY next_at LIMIT %(each)s) AS first
    ) AS d WHERE t.tenant IS NOT NULL AND t.tenant <> ALL(%(full)s)
    ORDER BY d.place, d.next_at LIMIT %(limit)s
)
UPDATE webhooks SET lease_until = clock_timestamp() + %(lease)s * interval '1 second', token = token + 1,
       attempts = attempts + 1
WHERE id IN (SELECT w.id FROM webhooks w WHERE w.id IN (SELECT id FROM due)
             AND w.next_at <= clock_timestamp() AND (w.lease_until IS NULL OR w.lease_until < clock_timestamp())
             FOR UPDATE SKIP LOCKED)
RETURNING id, task_id, happening, tenant, url, sealed_url, seq, attempts, token;

-- name: disabled_among
-- Which of these addresses are off, by the hashes they may have; n says whose hash it is.
SELECT DISTINCT q.n FROM unnest(%(numbers)s::int[], %(tenants)s::text[], %(hashes)b::bytea[]) AS q(n, tenant, url_hash)
JOIN webhooks_disabled d ON d.tenant = q.tenant AND d.url_hash = q.url_hash;

-- name: end_webhook
-- Delivered, given up, or to be tried again after so many seconds. Nothing is written for a lost lease.
UPDATE webhooks SET state = %(state)s, lease_until = NULL, last_status = %(status)s, last_error = %(error)s,
       next_at = CASE WHEN %(state)s = 'pending' THEN clock_timestamp() + %(wait)s * interval '1 second' END
WHERE id = %(id)s AND token = %(token)s AND state = 'pending'
RETURNING id;

-- name: disable_webhook
INSERT INTO webhooks_disabled (tenant, url, sealed_url, url_hash)
VALUES (%(tenant)s, '', %(url)b, %(hash)b) ON CONFLICT DO NOTHING;

-- name: enable_webhook
DELETE FROM webhooks_disabled WHERE tenant = %(tenant)s AND url_hash = ANY(%(hashes)b::bytea[]) RETURNING url_hash;

-- name: list_webhooks
SELECT w.id, w.tenant, w.task_id, w.happening, w.url, w.sealed_url, w.seq, w.state, w.attempts, w.next_at, w.last_status, w.last_error, w.created_at
FROM webhooks w WHERE w.tenant = %(tenant)s AND (%(task_id)s::text IS NULL OR w.task_id = %(task_id)s)
ORDER BY w.id DESC LIMIT %(limit)s;

-- name: list_disabled
SELECT url, sealed_url, url_hash, disabled_at FROM webhooks_disabled WHERE tenant = %(tenant)s ORDER BY disabled_at DESC LIMIT 1000;

-- name: webhook_counts
SELECT state, count(*) AS n FROM webhooks WHERE state IN ('pending', 'failed') GROUP BY state;

-- name: get_webhook_secret
SELECT secret, CASE WHEN previous_until > clock_timestamp() THEN previous END AS previous
FROM webhook_secrets WHERE tenant = %(tenant)s;

-- name: make_webhook_secret
INSERT INTO webhook_secrets (tenant, secret) VALUES (%(tenant)s, %(secret)s) ON CONFLICT DO NOTHING;

-- name: rotate_webhook_secret
INSERT INTO webhook_secrets (tenant, secret) VALUES (%(tenant)s, %(secret)s)
ON CONFLICT (tenant) DO UPDATE SET previous = webhook_secrets.secret, secret = excluded.secret,
    previous_until = clock_timestamp() + interval '1 day', created_at = clock_timestamp();

-- name: count_by_status
-- One tenant's tasks of the last day, for the status page.
SELECT lane, status, dead, count(*) AS n, count(*) FILTER (WHERE attempts > 1) AS retried,
       sum(tokens)::bigint AS tokens, sum(compute_ms)::float8 AS compute_ms, sum(usd)::float8 AS usd
FROM tasks
WHERE tenant = %(tenant)s AND operation NOT IN ({internal_operations}) AND created_at > statement_timestamp() - interval '1 day'
GROUP BY lane, status, dead;

-- name: get_cloud_policy
SELECT * FROM cloud_policies WHERE tenant = %(tenant)s;

-- name: list_cloud_policies
SELECT p.*, coalesce(s.usd, 0) AS usd_today, coalesce(s.tokens, 0) AS tokens_today
FROM cloud_policies p LEFT JOIN cloud_spending s
     ON s.tenant = p.tenant AND s.day = (clock_timestamp() AT TIME ZONE 'UTC')::date
ORDER BY p.tenant;

-- name: put_cloud_policy
INSERT INTO cloud_policies (tenant, allowed, providers, max_usd_task, max_usd_day, region)
VALUES (%(tenant)s, %(allowed)s, %(providers)s, %(max_usd_task)s, %(max_usd_day)s, %(region)s)
ON CONFLICT (tenant) DO UPDATE SET allowed = excluded.allowed, providers = excluded.providers,
    max_usd_task = excluded.max_usd_task, max_usd_day = excluded.max_usd_day, region = excluded.region,
    updated_at = clock_timestamp();

-- name: hold_cloud_usd
-- An estimate counts as spent before a text leaves, so that workers together cannot pass the day's ceiling, and a
-- killed one only errs on the safe side. No row back means that the ceiling does not cover it.
INSERT INTO cloud_spending AS s (tenant, day, usd)
SELECT %(tenant)s, (clock_timestamp() AT TIME ZONE 'UTC')::date, %(usd)s
WHERE %(usd)s::double precision <= coalesce(%(ceiling)s::double precision, 'Infinity')
ON CONFLICT (tenant, day) DO UPDATE SET usd = s.usd + excluded.usd
WHERE s.usd + excluded.usd <= coalesce(%(ceiling)s::double precision, 'Infinity')
RETURNING day;

-- name: settle_cloud_usd
UPDATE cloud_spending SET usd = greatest(0, usd + %(change)s), tokens = tokens + %(tokens)s
WHERE tenant = %(tenant)s AND day = %(day)s;

-- name: record_cloud
-- While the task runs: whatever becomes of this attempt, its texts went to the provider.
UPDATE tasks SET provider = %(provider)s WHERE id = %(id)s AND token = %(token)s AND status = 'running';

-- name: finished_since
-- What the predictor learns from: first attempts that succeeded, newest first. A second of overlap, since commits do
-- not become visible in the order of their times.
SELECT * FROM tasks
WHERE finished_at > to_timestamp(%(since)s::double precision - 1) AND status = 'succeeded' AND attempts = 1
ORDER BY finished_at DESC LIMIT 1000;

-- name: latest_themes
-- For an endpoint whose model is known only by its last answer.
SELECT model, body FROM themes WHERE tenant = %(tenant)s AND user_id = %(user_id)s AND model NOT LIKE 'view:%%'
ORDER BY updated_at DESC LIMIT 1;
