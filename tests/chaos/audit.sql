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
