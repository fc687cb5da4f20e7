-- Everything that is stored sealed, walked in the order of its key: "at" is where a bite ended. Both sides of a join
-- begin there, lest one be read from its start for each bite. What is written back is only what is still as it was read:
-- a task may have been run again meanwhile.

-- name: reencrypt_payloads
SELECT p.task_id AS at, t.tenant, p.body, NULL::bytea AS other FROM payloads p JOIN tasks t ON t.id = p.task_id
WHERE p.task_id > %(after)s AND t.id > %(after)s ORDER BY p.task_id LIMIT %(limit)s;

-- name: reseal_payloads
UPDATE payloads SET body = %(body)b WHERE task_id = %(at)s AND body = %(old)b;

-- name: reencrypt_results
SELECT r.task_id AS at, t.tenant, r.body, NULL::bytea AS other FROM results r JOIN tasks t ON t.id = r.task_id
WHERE r.task_id > %(after)s AND t.id > %(after)s ORDER BY r.task_id LIMIT %(limit)s;

-- name: reseal_results
UPDATE results SET body = %(body)b WHERE task_id = %(at)s AND body = %(old)b;

-- name: reencrypt_themes
SELECT jsonb_build_array(tenant, user_id, model)::text AS at, tenant, user_id, model, body, NULL::bytea AS other
FROM themes
WHERE (tenant, user_id, model) > (%(after)s::jsonb ->> 0, %(after)s::jsonb ->> 1, %(after)s::jsonb ->> 2)
ORDER BY themes.tenant, themes.user_id, themes.model LIMIT %(limit)s;

-- name: reseal_themes
UPDATE themes SET body = %(body)b
WHERE tenant = %(at)s::jsonb ->> 0 AND user_id = %(at)s::jsonb ->> 1 AND model = %(at)s::jsonb ->> 2 AND body = %(old)b;

-- name: reencrypt_webhook_secrets
SELECT tenant AS at, tenant, secret AS body, previous AS other FROM webhook_secrets
WHERE tenant > %(after)s ORDER BY tenant LIMIT %(limit)s;

-- name: reseal_webhook_secrets
UPDATE webhook_secrets SET secret = %(body)b, previous = %(other)b WHERE tenant = %(at)s AND secret = %(old)b;

-- name: reencrypt_memories
SELECT jsonb_build_array(m.person, m.id)::text AS at, p.tenant, p.user_id, m.id, m.body, m.supersession AS other
FROM memories m JOIN people p ON p.id = m.person
WHERE (m.person, m.id) > ((%(after)s::jsonb ->> 0)::bigint, %(after)s::jsonb ->> 1)
  AND p.id >= (%(after)s::jsonb ->> 0)::bigint
ORDER BY m.person, m.id LIMIT %(limit)s;

-- name: reseal_memories
UPDATE memories SET body = %(body)b, supersession = %(other)b
WHERE person = (%(at)s::jsonb ->> 0)::bigint AND id = %(at)s::jsonb ->> 1 AND body = %(old)b
  AND supersession IS NOT DISTINCT FROM %(old_other)b;

-- name: reencrypt_people
SELECT jsonb_build_array(id)::text AS at, tenant, user_id, settings AS body, NULL::bytea AS other FROM people
WHERE id > (%(after)s::jsonb ->> 0)::bigint AND settings IS NOT NULL ORDER BY id LIMIT %(limit)s;

-- name: reseal_people
UPDATE people SET settings = %(body)b WHERE id = (%(at)s::jsonb ->> 0)::bigint AND settings = %(old)b;

-- name: reencrypt_views
SELECT jsonb_build_array(v.person, v.kind)::text AS at, p.tenant, p.user_id, v.kind, v.body, v.side AS other
FROM views v JOIN people p ON p.id = v.person
WHERE (v.person, v.kind) > ((%(after)s::jsonb ->> 0)::bigint, %(after)s::jsonb ->> 1)
  AND p.id >= (%(after)s::jsonb ->> 0)::bigint
ORDER BY v.person, v.kind LIMIT %(limit)s;

-- name: reseal_views
UPDATE views SET body = %(body)b, side = %(other)b
WHERE person = (%(at)s::jsonb ->> 0)::bigint AND kind = %(at)s::jsonb ->> 1 AND body = %(old)b;

-- name: reencrypt_happenings
SELECT jsonb_build_array(h.id)::text AS at, p.tenant, p.user_id, h.kind, h.key, h.body, NULL::bytea AS other
FROM happenings h JOIN people p ON p.id = h.person
WHERE h.id > (%(after)s::jsonb ->> 0)::bigint ORDER BY h.id LIMIT %(limit)s;

-- name: reseal_happenings
UPDATE happenings SET body = %(body)b WHERE id = (%(at)s::jsonb ->> 0)::bigint AND body = %(old)b;

-- name: reencrypt_idempotency
SELECT jsonb_build_array(tenant, key)::text AS at, tenant, key, sealed_key, answer FROM idempotency
WHERE (tenant, key) > (%(after)s::jsonb ->> 0, %(after)s::jsonb ->> 1)
ORDER BY idempotency.tenant, idempotency.key LIMIT %(limit)s;

-- name: plain_idempotency
SELECT tenant, key, sealed_key, answer FROM idempotency WHERE sealed_key IS NULL LIMIT %(limit)s;

-- name: reseal_idempotency
UPDATE idempotency SET key = %(key)s, sealed_key = %(sealed)b, answer = %(answer)b
WHERE tenant = %(tenant)s AND key = %(old_key)s AND answer IS NOT DISTINCT FROM %(old_answer)b
  AND NOT EXISTS (SELECT FROM idempotency i WHERE i.tenant = %(tenant)s AND i.key = %(key)s AND i.key <> %(old_key)s);

-- name: reencrypt_webhooks
SELECT jsonb_build_array(id)::text AS at, id, tenant, task_id, happening, url, sealed_url, url_hash FROM webhooks
WHERE id > (%(after)s::jsonb ->> 0)::bigint ORDER BY id LIMIT %(limit)s;

-- name: plain_webhooks
SELECT id, tenant, task_id, happening, url, sealed_url, url_hash FROM webhooks WHERE sealed_url IS NULL LIMIT %(limit)s;

-- name: reseal_webhooks
UPDATE webhooks SET url = '', sealed_url = %(url)b, url_hash = %(hash)b
WHERE id = %(id)s AND sealed_url IS NOT DISTINCT FROM %(old)b;

-- name: reencrypt_webhooks_disabled
SELECT jsonb_build_array(tenant, encode(url_hash, 'hex'))::text AS at, tenant, url, sealed_url, url_hash
FROM webhooks_disabled
WHERE (tenant, url_hash) > (%(after)s::jsonb ->> 0, decode(%(after)s::jsonb ->> 1, 'hex'))
ORDER BY webhooks_disabled.tenant, webhooks_disabled.url_hash LIMIT %(limit)s;

-- name: plain_webhooks_disabled
SELECT tenant, url, sealed_url, url_hash FROM webhooks_disabled WHERE sealed_url IS NULL LIMIT %(limit)s;

-- name: reseal_webhooks_disabled
UPDATE webhooks_disabled SET url = '', sealed_url = %(url)b, url_hash = %(hash)b
WHERE tenant = %(tenant)s AND url_hash = %(old_hash)b
  AND NOT EXISTS (SELECT FROM webhooks_disabled d WHERE d.tenant = %(tenant)s AND d.url_hash = %(hash)b
                  AND d.url_hash <> %(old_hash)b);

-- name: forget_plain_callbacks
-- An older version's note of what a task's webhooks say.
UPDATE tasks SET callback_url = NULL
WHERE id IN (SELECT id FROM tasks WHERE callback_url IS NOT NULL LIMIT %(limit)s FOR UPDATE SKIP LOCKED);
