"""Descriptions of fields that several models have, so that they say the same everywhere."""

USER_ID = "The person whose memories these are: any id of yours, 1 to 256 characters."
MEMORIES = (
    "Up to 100,000 memories. A plain text is taken as a memory whose id is its index. Left out: the user's stored ones."
)
VERSION = "Which version of the user's stored memories it was made from; null when the request brought its own."
MODEL = "Name of the embedding model; null takes the one that is served."
CLOUD = "Whether and how this request may use the cloud; null keeps it on this service."
CALLBACK_URL = "Where a signed webhook is sent when the task ends."
MODEL_USED = "The embedding model behind the result."
NOW = "The moment to count back from, which makes a run repeatable; the time of submission when null."
