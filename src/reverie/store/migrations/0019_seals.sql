-- Where webhooks go, and the keys that clients name their requests by, are sealed like texts. What is looked up by them
-- is a keyed hash. The columns of before stay, for versions that run beside this one; what such a version writes there
-- is sealed by the gateway that sweeps.

-- A key's hash stands in key; the key itself, for exports, here. Null: key is the client's own.
ALTER TABLE idempotency ADD COLUMN sealed_key bytea;
CREATE INDEX idempotency_plain ON idempotency (tenant, key) WHERE sealed_key IS NULL;

-- Null: url is the address. Otherwise url is empty.
ALTER TABLE webhooks ADD COLUMN sealed_url bytea, ADD COLUMN url_hash bytea;
CREATE INDEX webhooks_plain ON webhooks (id) WHERE sealed_url IS NULL;
ALTER TABLE webhooks_disabled ADD COLUMN sealed_url bytea;

-- No longer written: a task's webhooks say where they go.
CREATE INDEX tasks_callback ON tasks (id) WHERE callback_url IS NOT NULL;
