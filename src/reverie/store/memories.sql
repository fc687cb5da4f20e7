-- Queries on stored memories. Whoever changes a person's memories locks the person's row first (lock_people), so that
-- all changes of one user stand in one order, and gives what it changes the version that the row gets.

-- name: get_person
SELECT * FROM people WHERE tenant = %(tenant)s AND user_id = %(user_id)s;

-- name: add_people
-- Whoever is not there yet; in one order everywhere, so that two groups never wait for each other in a circle.
INSERT INTO people (tenant, user_id)
SELECT * FROM unnest(%(tenants)s::text[], %(users)s::text[]) AS p(tenant, user_id)
ORDER BY tenant COLLATE "C", user_id COLLATE "C"
ON CONFLICT DO NOTHING;

-- name: lock_people
SELECT p.* FROM people p
JOIN unnest(%(tenants)s::text[], %(users)s::text[]) AS w(tenant, user_id) ON p.tenant = w.tenant AND p.user_id = w.user_id
ORDER BY p.tenant, p.user_id
FOR NO KEY UPDATE OF p;

-- name: get_memory
SELECT * FROM memories WHERE person = %(person)s AND id = %(id)s;
