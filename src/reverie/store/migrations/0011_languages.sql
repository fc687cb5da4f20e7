-- Which embedding model a user's texts get where REVERIE_MODEL is auto. A row without a user is the whole tenant's.
CREATE TABLE user_models (
    tenant     text NOT NULL,
    user_id    text NOT NULL DEFAULT '',
    model      text NOT NULL,
    -- Set by a person, and not by what the texts are written in.
    pinned     boolean NOT NULL DEFAULT false,
    -- Not yet when the fast lane met more texts than it has time to embed.
    moved      boolean NOT NULL DEFAULT true,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant, user_id)
);
