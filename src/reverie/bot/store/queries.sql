-- All SQL of the bot's store; it runs on SQLite and on PostgreSQL. Times are seconds since 1970, UTC.
-- `sealed` holds JSON, encrypted when a key is set; everything else is needed to look rows up.

-- name: create_people
-- Who agreed, and to what. No row, or a null consented_at: nothing is captured.
CREATE TABLE IF NOT EXISTS people (
  user_id TEXT PRIMARY KEY,
  consented_at DOUBLE PRECISION,
  collecting SMALLINT NOT NULL DEFAULT 0,
  locale TEXT NOT NULL DEFAULT 'en'
)

-- name: create_memories
-- Where each memory came from; its text lives in Reverie. `sealed` holds a text only until Reverie has it, then a
-- mark of at most one byte: c for what was collected in a channel. message_id keeps a message from being stored twice.
CREATE TABLE IF NOT EXISTS memories (
  id TEXT PRIMARY KEY,
  user_id TEXT NOT NULL REFERENCES people (user_id) ON DELETE CASCADE,
  guild_id TEXT,
  message_id TEXT,
  sealed BYTEA NOT NULL,
  created_at DOUBLE PRECISION NOT NULL,
  UNIQUE (user_id, message_id)
)

-- name: create_memories_index
CREATE INDEX IF NOT EXISTS memories_of_person ON memories (user_id, created_at, id)

-- name: create_memories_guild_index
CREATE INDEX IF NOT EXISTS memories_of_guild ON memories (guild_id)

-- name: create_deletions
-- Memories that Reverie must still be told to forget.
CREATE TABLE IF NOT EXISTS deletions (
  user_id TEXT NOT NULL,
  id TEXT NOT NULL,
  PRIMARY KEY (user_id, id)
)

-- name: create_answers
-- The card shown last of each kind, for when the service is away.
CREATE TABLE IF NOT EXISTS answers (
  user_id TEXT NOT NULL REFERENCES people (user_id) ON DELETE CASCADE,
  kind TEXT NOT NULL,
  sealed BYTEA NOT NULL,
  at DOUBLE PRECISION NOT NULL,
  PRIMARY KEY (user_id, kind)
)

-- name: create_pending
-- Replies that are owed: followed again after a restart.
CREATE TABLE IF NOT EXISTS pending (
  id TEXT PRIMARY KEY,
  user_id TEXT NOT NULL REFERENCES people (user_id) ON DELETE CASCADE,
  guild_id TEXT,
  sealed BYTEA NOT NULL,
  expires_at DOUBLE PRECISION NOT NULL
)

-- name: create_erasures
-- People the service must still be told to forget.
CREATE TABLE IF NOT EXISTS erasures (
  user_id TEXT PRIMARY KEY,
  requested_at DOUBLE PRECISION NOT NULL
)

-- name: create_channels
-- Channels in which an administrator allowed collection.
CREATE TABLE IF NOT EXISTS channels (
  channel_id TEXT PRIMARY KEY,
  guild_id TEXT NOT NULL
)

-- name: person
SELECT consented_at, collecting, locale FROM people WHERE user_id = :user_id

-- name: consent
INSERT INTO people (user_id, consented_at, locale) VALUES (:user_id, :now, :locale)
ON CONFLICT (user_id) DO UPDATE SET consented_at = excluded.consented_at, locale = excluded.locale

-- name: withdraw
-- Collection ends with consent, so that a later start does not switch it on again.
UPDATE people SET consented_at = NULL, collecting = 0 WHERE user_id = :user_id

-- name: set_collecting
UPDATE people SET collecting = :collecting WHERE user_id = :user_id AND consented_at IS NOT NULL RETURNING user_id

-- name: lock
-- Writers of one person wait for each other, or two at once could pass the limit together.
UPDATE people SET locale = locale WHERE user_id = :user_id

-- name: add
-- Consent and the limit are part of the statement: no path into the store goes around them.
INSERT INTO memories (id, user_id, guild_id, message_id, sealed, created_at)
SELECT :id, user_id, :guild_id, :message_id, :sealed, :created_at FROM people
WHERE user_id = :user_id AND consented_at IS NOT NULL
  AND (SELECT count(*) FROM memories WHERE user_id = :user_id) < :most
ON CONFLICT (user_id, message_id) DO NOTHING
RETURNING id

-- name: has_message
SELECT id FROM memories WHERE user_id = :user_id AND message_id = :message_id

-- name: count
SELECT count(*) AS n FROM memories WHERE user_id = :user_id

-- name: waiting
-- Texts that Reverie does not have yet, the oldest first.
SELECT id, sealed, created_at, guild_id FROM memories WHERE user_id = :user_id AND length(sealed) > 1
ORDER BY created_at, id LIMIT :limit

-- name: waiting_people
-- Who agreed and has texts that Reverie does not have yet.
SELECT DISTINCT memories.user_id FROM memories JOIN people ON people.user_id = memories.user_id
WHERE length(sealed) > 1 AND consented_at IS NOT NULL ORDER BY memories.user_id

-- name: moved
UPDATE memories SET sealed = :mark WHERE user_id = :user_id AND id = :id AND sealed = :sealed

-- name: origins
SELECT id, guild_id, message_id, created_at FROM memories WHERE user_id = :user_id ORDER BY created_at, id

-- name: edit
-- Only a text that is still here: the others are changed where they live.
UPDATE memories SET sealed = :sealed WHERE user_id = :user_id AND id = :id AND length(sealed) > 1 RETURNING id

-- name: delete
DELETE FROM memories WHERE user_id = :user_id AND id = :id RETURNING id

-- name: of_message
SELECT id, user_id, sealed FROM memories WHERE message_id = :message_id

-- name: put_deletion
INSERT INTO deletions (user_id, id) VALUES (:user_id, :id) ON CONFLICT (user_id, id) DO NOTHING

-- name: put_deletions_of_guild
INSERT INTO deletions (user_id, id) SELECT user_id, id FROM memories WHERE guild_id = :guild_id
ON CONFLICT (user_id, id) DO NOTHING

-- name: put_deletions_of_member
INSERT INTO deletions (user_id, id) SELECT user_id, id FROM memories WHERE guild_id = :guild_id AND user_id = :user_id
ON CONFLICT (user_id, id) DO NOTHING

-- name: deletions
SELECT id FROM deletions WHERE user_id = :user_id ORDER BY id

-- name: deletion_people
SELECT DISTINCT user_id FROM deletions ORDER BY user_id

-- name: delete_deletion
DELETE FROM deletions WHERE user_id = :user_id AND id = :id

-- name: delete_all_deletions
DELETE FROM deletions WHERE user_id = :user_id

-- name: delete_of_guild
DELETE FROM memories WHERE guild_id = :guild_id RETURNING user_id

-- name: delete_of_member
DELETE FROM memories WHERE guild_id = :guild_id AND user_id = :user_id RETURNING user_id

-- name: guilds
SELECT DISTINCT guild_id FROM memories WHERE guild_id IS NOT NULL

-- name: delete_all_memories
DELETE FROM memories WHERE user_id = :user_id RETURNING id

-- name: delete_answers
DELETE FROM answers WHERE user_id = :user_id RETURNING kind

-- name: delete_all_pending
DELETE FROM pending WHERE user_id = :user_id RETURNING id

-- name: delete_person
DELETE FROM people WHERE user_id = :user_id

-- name: put_answer
INSERT INTO answers (user_id, kind, sealed, at)
SELECT user_id, :kind, :sealed, :now FROM people WHERE user_id = :user_id
ON CONFLICT (user_id, kind) DO UPDATE SET sealed = excluded.sealed, at = excluded.at

-- name: answer
SELECT sealed, at FROM answers WHERE user_id = :user_id AND kind = :kind

-- name: put_pending
INSERT INTO pending (id, user_id, guild_id, sealed, expires_at)
SELECT :id, user_id, :guild_id, :sealed, :expires_at FROM people WHERE user_id = :user_id
ON CONFLICT (id) DO NOTHING

-- name: pending
SELECT id, user_id, guild_id, sealed, expires_at FROM pending ORDER BY expires_at

-- name: delete_pending
DELETE FROM pending WHERE id = :id

-- name: put_erasure
INSERT INTO erasures (user_id, requested_at) VALUES (:user_id, :now)
ON CONFLICT (user_id) DO UPDATE SET requested_at = excluded.requested_at

-- name: erasures
SELECT user_id, requested_at FROM erasures ORDER BY requested_at

-- name: erasure
SELECT requested_at FROM erasures WHERE user_id = :user_id

-- name: delete_erasure
-- Only the one that was carried out: a later wish stays.
DELETE FROM erasures WHERE user_id = :user_id AND requested_at <= :requested_at

-- name: open_channel
INSERT INTO channels (channel_id, guild_id) VALUES (:channel_id, :guild_id) ON CONFLICT (channel_id) DO NOTHING

-- name: close_channel
DELETE FROM channels WHERE channel_id = :channel_id

-- name: close_guild
DELETE FROM channels WHERE guild_id = :guild_id

-- name: channels
SELECT channel_id FROM channels
