-- What an installation chose once and keeps, by name: the precision of its vectors.
CREATE TABLE installation (
    name       text PRIMARY KEY,
    value      text NOT NULL,
    changed_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- One that has vectors made them in float32, unless its workers are told otherwise.
INSERT INTO installation (name, value) SELECT 'precision', 'float32' WHERE EXISTS (SELECT FROM vectors);
