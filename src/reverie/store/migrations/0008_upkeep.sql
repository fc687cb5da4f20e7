-- Upkeep: a user's views are brought up to date by themselves.

-- What the gateway needs to show a view without memories that have gone since; sealed like the view.
ALTER TABLE views ADD COLUMN side bytea;
ALTER TABLE views ALTER COLUMN side SET STORAGE EXTERNAL;

-- Grows when memories are placed: what the gateway made of a view before is then old.
ALTER TABLE people ADD COLUMN placed bigint NOT NULL DEFAULT 0,
    -- When the next digest is due, and the version and the happening that the last one told of.
    ADD COLUMN digest_at timestamptz, ADD COLUMN digest_version bigint NOT NULL DEFAULT 0,
    ADD COLUMN digest_happening bigint,
    -- Up to which version forgotten rows are removed: whoever read an older one reads all anew.
    ADD COLUMN forgotten_to bigint NOT NULL DEFAULT 0;
CREATE INDEX people_due ON people (tenant, first_change_at) WHERE changes > 0 AND upkeep_task_id IS NULL;
CREATE INDEX people_digest ON people (digest_at) WHERE digest_at IS NOT NULL;
CREATE INDEX memories_placed ON memories (person) WHERE placed_version IS NOT NULL;

-- However an upkeep ends, the next one may be planned. After one that failed or was cancelled there is a pause.
CREATE FUNCTION upkeep_ended() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE people SET upkeep_task_id = NULL,
           not_before = CASE WHEN NEW.status = 'succeeded' THEN not_before
                             ELSE greatest(not_before, clock_timestamp() + interval '10 minutes') END
    WHERE tenant = NEW.tenant AND user_id = NEW.user_id AND upkeep_task_id = NEW.id;
    RETURN NULL;
END $$;
CREATE TRIGGER upkeep_ended AFTER UPDATE OF status ON tasks FOR EACH ROW
    WHEN (NEW.finished_at IS NOT NULL AND OLD.finished_at IS NULL AND NEW.operation = 'upkeep')
    EXECUTE FUNCTION upkeep_ended();

-- What happened to a person's memories, to be told once: changed themes and insights, digests. The key says of what it
-- tells (a version, a period), so that it is told once however often it is tried.
CREATE TABLE happenings (
    id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    person  bigint NOT NULL REFERENCES people ON DELETE CASCADE,
    kind    text NOT NULL CHECK (kind IN ('themes.changed', 'insights.changed', 'digest')),
    key     text NOT NULL,
    task_id text NOT NULL,
    body    bytea NOT NULL,
    at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (person, kind, key)
);
CREATE INDEX happenings_age ON happenings (at);

-- A webhook tells of a task's end, or of a happening.
ALTER TABLE webhooks ALTER COLUMN task_id DROP NOT NULL,
    ADD COLUMN happening bigint REFERENCES happenings ON DELETE CASCADE,
    ADD CHECK ((task_id IS NULL) <> (happening IS NULL));
CREATE INDEX webhooks_happening ON webhooks (happening) WHERE happening IS NOT NULL;
