-- Which version of the task contract a task needs: during an upgrade an older worker leaves it to a newer one.
ALTER TABLE tasks ADD COLUMN contract smallint NOT NULL DEFAULT 1;
