-- Memories that live here. A user of a tenant who keeps memories has one row, and a number of ours that all else names:
-- it is short where ids may have 256 characters, and a user who was erased and comes back has another one, so that what
-- was still under way for the first can never be stored for the second.
CREATE TABLE people (
    id                bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant            text COLLATE "C" NOT NULL,
    user_id           text COLLATE "C" NOT NULL,
    -- Grows with every transaction that changed a memory. Whoever changes memories holds this row's lock.
    version           bigint NOT NULL DEFAULT 0,
    memories          integer NOT NULL DEFAULT 0 CHECK (memories >= 0),
    chars             bigint NOT NULL DEFAULT 0 CHECK (chars >= 0),
    -- Memories added, changed or deleted that the current view does not know, and when the first and last of them came.
    changes           bigint NOT NULL DEFAULT 0 CHECK (changes >= 0),
    first_change_at   timestamptz,
    last_change_at    timestamptz,
    -- 'manual': views are brought up to date only when asked. Null: as the service is set.
    upkeep            text CHECK (upkeep IN ('auto', 'manual')),
    -- Time zone, language, digest; sealed JSON.
    settings          bytea,
    upkeep_task_id    text,
    -- What the last upkeep took, seconds; and the time before which the next one does not start by itself.
    upkeep_cost       double precision,
    upkept_at         timestamptz,
    not_before        timestamptz,
    created_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (tenant, user_id),
    CHECK ((changes > 0) = (first_change_at IS NOT NULL))
) WITH (fillfactor = 70);
-- Not on last_change_at, which every change moves: only the first change of a burst costs an entry here.
CREATE INDEX people_changed ON people (first_change_at) WHERE changes > 0;

CREATE TABLE memories (
    person           bigint NOT NULL REFERENCES people ON DELETE CASCADE,
    id               text COLLATE "C" NOT NULL,
    -- Sealed JSON of all that is text: {text, kind?, source?, speaker?, metadata?}.
    body             bytea NOT NULL,
    -- Under which the text's vectors lie.
    text_key         bytea NOT NULL,
    -- BLAKE2b of body and created_at before sealing: equal content is told apart from a change without opening it.
    content          bytea NOT NULL,
    chars            integer NOT NULL,
    -- As the client dated it; added_at is our clock. Lists go by created_at, or added_at where there is none.
    created_at       timestamptz,
    added_at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    moment           timestamptz NOT NULL GENERATED ALWAYS AS (coalesce(created_at, added_at)) STORED,
    last_accessed_at timestamptz,
    access_count     integer NOT NULL DEFAULT 0,
    pinned           boolean NOT NULL DEFAULT false,
    superseded_by    text COLLATE "C",
    -- The person's version with which this was last added or changed (accesses apart).
    version          bigint NOT NULL,
    -- Where it was put until the next upkeep, by the view of placed_version; null theme_id: into none.
    theme_id         text,
    placed_version   bigint,
    PRIMARY KEY (person, id)
) WITH (fillfactor = 90);
CREATE INDEX memories_newest ON memories (person, moment DESC, id DESC);
CREATE INDEX memories_changed ON memories (person, version);
CREATE INDEX memories_superseded ON memories (person, superseded_by) WHERE superseded_by IS NOT NULL;
CREATE INDEX memories_texts ON memories (person, text_key);

-- Deleted memories that a view made before may still name. Upkeep removes what its view no longer knows.
CREATE TABLE forgotten (
    person    bigint NOT NULL REFERENCES people ON DELETE CASCADE,
    memory_id text COLLATE "C" NOT NULL,
    -- Its vectors are removed with it, and again by upkeep: work under way may have put them back.
    text_key  bytea NOT NULL,
    version   bigint NOT NULL,
    at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (person, memory_id)
);
CREATE INDEX forgotten_version ON forgotten (person, version);
CREATE INDEX forgotten_age ON forgotten (at);

-- The current view: the result of one upkeep, both kinds in one transaction.
CREATE TABLE views (
    person  bigint NOT NULL REFERENCES people ON DELETE CASCADE,
    kind    text NOT NULL CHECK (kind IN ('themes', 'insights')),
    -- The person's version whose memories it was made from, and when they were read.
    version bigint NOT NULL,
    as_of   timestamptz NOT NULL,
    body    bytea NOT NULL,
    etag    text NOT NULL,
    task_id text NOT NULL,
    PRIMARY KEY (person, kind)
);
ALTER TABLE views ALTER COLUMN body SET STORAGE EXTERNAL;  -- already compressed

-- A key of an add names no task but its answer, and goes with the user.
ALTER TABLE idempotency ALTER COLUMN task_id DROP NOT NULL, ADD COLUMN answer bytea,
    ADD COLUMN person bigint REFERENCES people ON DELETE CASCADE;
CREATE INDEX idempotency_person ON idempotency (person) WHERE person IS NOT NULL;
