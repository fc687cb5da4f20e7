-- Why a memory was taken the place of: sealed JSON {rule, about, evidence}; null where a person said so, or nothing did.
ALTER TABLE memories ADD COLUMN supersession bytea,
    -- A person said what holds: no rule decides this again.
    ADD COLUMN superseded_decided boolean NOT NULL DEFAULT false;
