-- How many submissions wait for a task: one that joined another's must not end with the other's cancellation.
ALTER TABLE tasks ADD COLUMN holders integer NOT NULL DEFAULT 1;

-- Whose submission an idempotency key belongs to, so that an erasure finds all of a user's keys.
ALTER TABLE idempotency ADD COLUMN user_id text NOT NULL DEFAULT '';
CREATE INDEX idempotency_user ON idempotency (tenant, user_id);

-- One tenant's slow receivers must not take all places: due webhooks are looked up tenant by tenant.
CREATE INDEX webhooks_due_by_tenant ON webhooks (tenant, next_at) WHERE next_at IS NOT NULL;
