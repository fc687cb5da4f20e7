-- Models of users, where REVERIE_MODEL is auto.

-- name: get_user_model
-- The user's own choice comes before the tenant's.
SELECT model, pinned, moved FROM user_models WHERE tenant = %(tenant)s AND user_id IN (%(user_id)s, '')
ORDER BY user_id DESC LIMIT 1;

-- name: set_user_model
-- What a person chose stays what it is.
INSERT INTO user_models (tenant, user_id, model, pinned, moved)
VALUES (%(tenant)s, %(user_id)s, %(model)s, %(pinned)s, %(moved)s)
ON CONFLICT (tenant, user_id) DO UPDATE
   SET model = excluded.model, pinned = excluded.pinned, moved = excluded.moved
 WHERE excluded.pinned OR NOT user_models.pinned;

-- name: unset_user_model
DELETE FROM user_models WHERE tenant = %(tenant)s AND user_id = %(user_id)s;

-- name: erase_user_model
DELETE FROM user_models WHERE tenant = %(tenant)s AND user_id = %(user_id)s;

-- name: forget_answers
-- Answers of the model before are no answers to the next such request.
UPDATE tasks SET content_hash = sha256(content_hash || convert_to(id, 'UTF8'))
WHERE tenant = %(tenant)s AND user_id = %(user_id)s AND status = 'succeeded';

-- name: users_with_texts
-- Users of a tenant (or of all) whose texts are stored, in order, after a place.
SELECT DISTINCT tenant, user_id FROM (
    SELECT tenant, user_id FROM people WHERE memories > 0
    UNION ALL SELECT tenant, user_id FROM themes
) AS known
WHERE (%(tenant)s::text IS NULL OR tenant = %(tenant)s) AND (%(user_id)s::text IS NULL OR user_id = %(user_id)s)
ORDER BY tenant, user_id;

-- name: memories_without_vector
-- Stored memories, by id, whose text has no vector of the model yet. Vectors are found by what is asked and not by
-- people's columns, which are of another collation than their index.
SELECT m.id, m.body, m.text_key FROM memories m JOIN people p ON p.id = m.person
WHERE p.tenant = %(tenant)s AND p.user_id = %(user_id)s AND m.id > %(after)s
  AND NOT EXISTS (SELECT FROM vectors v WHERE v.tenant = %(tenant)s AND v.user_id = %(user_id)s AND v.model = %(model)s
                  AND v.text_key = m.text_key)
ORDER BY m.id LIMIT %(limit)s;

-- name: last_payload_of_user
-- What the user sent last: the texts of memories that are kept by the bot and not here.
SELECT t.id, p.body FROM tasks t JOIN payloads p ON p.task_id = t.id
WHERE t.tenant = %(tenant)s AND t.user_id = %(user_id)s AND t.operation IN ('cluster', 'analyze', 'recall')
ORDER BY t.created_at DESC LIMIT 1;

-- name: known_vectors
SELECT text_key FROM vectors
WHERE tenant = %(tenant)s AND user_id = %(user_id)s AND model = %(model)s AND text_key = ANY(%(keys)s);

-- name: hold_known_user
-- Proof, inside a transaction, that the user is still known here: an erasure waits until it ends. So does hold_sent.
SELECT 1 FROM people WHERE tenant = %(tenant)s AND user_id = %(user_id)s FOR KEY SHARE;

-- name: hold_sent
SELECT 1 FROM tasks WHERE id = %(task)s FOR KEY SHARE;

-- name: themes_of_another_model
SELECT model, body FROM themes
WHERE tenant = %(tenant)s AND user_id = %(user_id)s AND (model LIKE 'view:%%') = %(view)s
ORDER BY updated_at DESC LIMIT 1;

-- name: count_stored
SELECT memories FROM people WHERE id = %(person)s;

-- name: can_be_kept_up
-- A person who has no upkeep waiting or running, and may have one by themselves. A text takes some 20 ms to embed.
SELECT greatest(coalesce(upkeep_cost, 0), memories * 0.02) AS seconds FROM people
WHERE id = %(person)s AND upkeep_task_id IS NULL AND (upkeep = 'auto' OR (upkeep IS NULL AND %(auto)s));
