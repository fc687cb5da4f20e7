-- How the sweeper tells a dead worker from a slow one: when it last gave a sign of life, and through which session.
ALTER TABLE tasks ADD COLUMN beat_at timestamptz, ADD COLUMN backend integer;

-- Shares are counted in predicted seconds of work (start-time fair queueing), so that a flood of long tasks does not
-- outweigh another tenant's short ones.
ALTER TABLE turns ADD COLUMN starts double precision NOT NULL DEFAULT 0, ADD COLUMN ends double precision NOT NULL DEFAULT 0;
CREATE INDEX turns_starts ON turns (queue, starts DESC);
