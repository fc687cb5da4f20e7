-- Keys are stored as SHA-256 of a long random secret; the secret itself is shown once.
CREATE TABLE api_keys (
    id           text PRIMARY KEY,
    tenant       text NOT NULL,
    name         text NOT NULL,
    hash         bytea NOT NULL UNIQUE,
    scopes       text[] NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    revoked_at   timestamptz,
    last_used_at timestamptz
);

-- The truth about every task. Times are this server's clock, so that a worker's wrong clock changes nothing.
CREATE TABLE tasks (
    id               text PRIMARY KEY,
    tenant           text NOT NULL,
    user_id          text NOT NULL,
    operation        text NOT NULL,
    lane             text NOT NULL,
    queue            text NOT NULL,
    status           text NOT NULL DEFAULT 'queued'
                     CHECK (status IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')),
    content_hash     bytea NOT NULL,
    items            integer NOT NULL,
    chars            bigint NOT NULL,
    estimate_seconds real,
    callback_url     text,
    attempts         integer NOT NULL DEFAULT 0,
    -- Fencing token: grows with every claim, hand-back, expiry and cancellation; writes name the token they own.
    token            bigint NOT NULL DEFAULT 0,
    -- Order of events within the task: token * 1,000,000 + a counter, so that a stale attempt is always behind.
    seq              bigint NOT NULL DEFAULT 0,
    worker           text,
    lease_until      timestamptz,
    deadline_at      timestamptz,
    published_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    stage            text NOT NULL DEFAULT 'queued',
    done             integer NOT NULL DEFAULT 0,
    total            integer NOT NULL DEFAULT 0,
    fraction         real NOT NULL DEFAULT 0,
    tokens           bigint NOT NULL DEFAULT 0,
    cached_tokens    bigint NOT NULL DEFAULT 0,
    compute_ms       double precision NOT NULL DEFAULT 0,
    usd              double precision NOT NULL DEFAULT 0,
    error            jsonb,
    dead             boolean NOT NULL DEFAULT false,
    created_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    started_at       timestamptz,
    finished_at      timestamptz,
    -- A running task has a lease; an ended one has an end; only a failed one can be dead-lettered.
    CHECK ((status = 'running') = (lease_until IS NOT NULL)),
    CHECK ((status IN ('succeeded', 'failed', 'cancelled')) = (finished_at IS NOT NULL)),
    CHECK (NOT dead OR status = 'failed')
) WITH (fillfactor = 85);

-- Single flight: one unfinished task per tenant and content.
CREATE UNIQUE INDEX tasks_in_flight ON tasks (tenant, content_hash) WHERE status IN ('queued', 'running');
CREATE INDEX tasks_cached ON tasks (tenant, content_hash, finished_at DESC) WHERE status = 'succeeded';
CREATE INDEX tasks_waiting ON tasks (queue, tenant, created_at, id) WHERE status = 'queued';
CREATE INDEX tasks_leases ON tasks (lease_until) WHERE status = 'running';
CREATE INDEX tasks_by_user ON tasks (tenant, user_id, created_at DESC, id DESC);
CREATE INDEX tasks_by_tenant ON tasks (tenant, created_at DESC, id DESC);
CREATE INDEX tasks_finished ON tasks (finished_at) WHERE finished_at IS NOT NULL;

CREATE TABLE payloads (
    task_id text PRIMARY KEY REFERENCES tasks ON DELETE CASCADE,
    body    bytea NOT NULL
);
ALTER TABLE payloads ALTER COLUMN body SET STORAGE EXTERNAL;  -- already compressed

CREATE TABLE results (
    task_id text PRIMARY KEY REFERENCES tasks ON DELETE CASCADE,
    body    bytea NOT NULL
);
ALTER TABLE results ALTER COLUMN body SET STORAGE EXTERNAL;

CREATE TABLE idempotency (
    tenant     text NOT NULL,
    key        text NOT NULL,
    body_hash  bytea NOT NULL,
    task_id    text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant, key)
);
CREATE INDEX idempotency_task ON idempotency (task_id);
CREATE INDEX idempotency_age ON idempotency (created_at);

-- Vectors belong to one user, so that erasing the user erases them exactly.
CREATE TABLE vectors (
    tenant    text NOT NULL,
    user_id   text NOT NULL,
    model     text NOT NULL,
    text_key  bytea NOT NULL,
    vector    bytea NOT NULL,
    tokens    integer NOT NULL DEFAULT 0,
    used_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant, user_id, model, text_key)
);
ALTER TABLE vectors ALTER COLUMN vector SET STORAGE PLAIN;
CREATE INDEX vectors_age ON vectors (used_at);

-- The themes of a user's latest run, to keep their ids next time.
CREATE TABLE themes (
    tenant     text NOT NULL,
    user_id    text NOT NULL,
    model      text NOT NULL,
    body       bytea NOT NULL,
    count      integer NOT NULL,
    task_id    text NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant, user_id, model)
);

-- Whose turn it is: tenants are served in the order of their last claim.
CREATE TABLE turns (
    queue      text NOT NULL,
    tenant     text NOT NULL,
    claimed_at timestamptz NOT NULL,
    PRIMARY KEY (queue, tenant)
);

-- Short-lived, single-use passes for browsers, which cannot send a header with a WebSocket.
CREATE TABLE tickets (
    hash       bytea PRIMARY KEY,
    key_id     text NOT NULL REFERENCES api_keys ON DELETE CASCADE,
    expires_at timestamptz NOT NULL
);
