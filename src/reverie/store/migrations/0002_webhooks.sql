-- Webhooks wait in the same database as the task they tell of, so that its end and the duty to tell commit together.

-- One signing secret per tenant. After a rotation the previous one still signs until previous_until.
CREATE TABLE webhook_secrets (
    tenant         text PRIMARY KEY,
    secret         bytea NOT NULL,
    previous       bytea,
    previous_until timestamptz,
    created_at     timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- One row per submission that named a callback_url. next_at is null while the task runs and when nothing is left to do.
CREATE TABLE webhooks (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    task_id      text NOT NULL REFERENCES tasks ON DELETE CASCADE,
    tenant       text NOT NULL,
    url          text NOT NULL,
    -- The event's seq, part of the message's id: a redriven task that ends again is told again.
    seq          bigint NOT NULL DEFAULT 0,
    state        text NOT NULL DEFAULT 'waiting'
                 CHECK (state IN ('waiting', 'pending', 'delivered', 'failed', 'disabled')),
    attempts     integer NOT NULL DEFAULT 0,
    next_at      timestamptz,
    -- Who holds the lease sends; its token fences a sender that was slower than its lease.
    lease_until  timestamptz,
    token        bigint NOT NULL DEFAULT 0,
    last_status  integer,
    last_error   text,
    created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    CHECK ((state = 'pending') = (next_at IS NOT NULL))
);
CREATE INDEX webhooks_due ON webhooks (next_at) WHERE next_at IS NOT NULL;
CREATE INDEX webhooks_task ON webhooks (task_id);
CREATE INDEX webhooks_tenant ON webhooks (tenant, id DESC);

-- Addresses that answered 410 Gone.
CREATE TABLE webhooks_disabled (
    tenant      text NOT NULL,
    url         text NOT NULL,
    url_hash    bytea NOT NULL,
    disabled_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant, url_hash)
);

-- Whatever ends a task (a worker, a cancellation, the sweeper) makes its webhooks due in the same transaction.
CREATE FUNCTION webhooks_due() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE webhooks SET state = 'pending', seq = NEW.seq, attempts = 0, next_at = clock_timestamp(),
           lease_until = NULL, token = token + 1, last_status = NULL, last_error = NULL
    WHERE task_id = NEW.id;
    RETURN NULL;
END $$;
CREATE TRIGGER webhooks_due AFTER UPDATE OF status ON tasks FOR EACH ROW
    WHEN (NEW.finished_at IS NOT NULL AND OLD.finished_at IS NULL AND NEW.operation <> 'chart')
    EXECUTE FUNCTION webhooks_due();

-- For retention of a user's themes.
CREATE INDEX themes_age ON themes (updated_at);
