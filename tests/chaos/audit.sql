-- What happened to every task, written by the database itself: the account does not depend on what anybody saw.
CREATE TABLE chaos_log (
    n       bigserial PRIMARY KEY,
    at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    task_id text NOT NULL,
    status  text NOT NULL,
    token   bigint NOT NULL,
    dead    boolean NOT NULL,
    worker  text
);
CREATE INDEX ON chaos_log (task_id);
CREATE INDEX ON chaos_log (status, at);

CREATE FUNCTION chaos_note() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO chaos_log (task_id, status, token, dead, worker)
    VALUES (NEW.id, NEW.status, NEW.token, NEW.dead, NEW.worker);
    RETURN NULL;
END $$;
CREATE TRIGGER chaos_inserted AFTER INSERT ON tasks FOR EACH ROW EXECUTE FUNCTION chaos_note();
CREATE TRIGGER chaos_changed AFTER UPDATE ON tasks FOR EACH ROW
    WHEN (OLD.status <> NEW.status OR OLD.token <> NEW.token) EXECUTE FUNCTION chaos_note();

CREATE TABLE chaos_results (task_id text NOT NULL, at timestamptz NOT NULL DEFAULT clock_timestamp());
CREATE FUNCTION chaos_result() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO chaos_results (task_id) VALUES (NEW.task_id);
    RETURN NULL;
END $$;
CREATE TRIGGER chaos_written AFTER INSERT OR UPDATE ON results FOR EACH ROW EXECUTE FUNCTION chaos_result();

-- What happened to people's memories and views. A change is dated as the planner of upkeep dates it.
CREATE TABLE chaos_changes (person bigint NOT NULL, at timestamptz NOT NULL, version bigint NOT NULL);
CREATE FUNCTION chaos_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO chaos_changes (person, at, version) VALUES (NEW.id, NEW.last_change_at, NEW.version);
    RETURN NULL;
END $$;
CREATE TRIGGER chaos_changed AFTER UPDATE ON people FOR EACH ROW
    WHEN (NEW.last_change_at IS NOT NULL AND OLD.last_change_at IS DISTINCT FROM NEW.last_change_at)
    EXECUTE FUNCTION chaos_change();

CREATE TABLE chaos_views (
    n       bigserial PRIMARY KEY,
    person  bigint NOT NULL,
    kind    text NOT NULL,
    version bigint NOT NULL,
    -- The person's version when it was written.
    known   bigint NOT NULL,
    task_id text NOT NULL
);
CREATE FUNCTION chaos_view() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO chaos_views (person, kind, version, known, task_id)
    SELECT NEW.person, NEW.kind, NEW.version, p.version, NEW.task_id FROM people p WHERE p.id = NEW.person;
    RETURN NULL;
END $$;
CREATE TRIGGER chaos_viewed AFTER INSERT OR UPDATE ON views FOR EACH ROW EXECUTE FUNCTION chaos_view();
