-- Who got a task's texts, and whose vectors were used (the gateway looks up what is embedded already).
ALTER TABLE tasks ADD COLUMN provider text, ADD COLUMN vector_model text;

-- Without a row a tenant's texts stay here.
CREATE TABLE cloud_policies (
    tenant       text PRIMARY KEY,
    allowed      boolean NOT NULL,
    -- In order of preference; empty is any that is configured.
    providers    text[] NOT NULL DEFAULT '{}',
    -- Ceilings in US dollars; null is none.
    max_usd_task double precision CHECK (max_usd_task >= 0),
    max_usd_day  double precision CHECK (max_usd_day >= 0),
    -- For people: where the texts may be processed, and on what ground.
    region       text NOT NULL DEFAULT '',
    updated_at   timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- Fees by day (UTC), kept apart from tasks: erasing a user must not make room under a ceiling.
CREATE TABLE cloud_spending (
    tenant text NOT NULL,
    day    date NOT NULL,
    tokens bigint NOT NULL DEFAULT 0,
    usd    double precision NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant, day)
);
