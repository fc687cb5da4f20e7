"""Fills PostgreSQL with people's memories, and with what the service keeps beside them, for ``./dev bench store``.

The rows are generated in the database: sealed-like bytes that do not compress, a hundred memories a user, and the
users' memories interleaved as they would come over the years, so that the memories and vectors of one user lie on as
many pages as there are of them. A table is filled without its indexes, which are built afterwards, and without the
write-ahead log (wal_level minimal: a table emptied in the same transaction); once that has committed, all are ordinary
logged tables.
"""

from __future__ import annotations

import random
import sys
import threading
import time
from typing import Any, LiteralString

import psycopg
from psycopg import sql as names

Sql = psycopg.Connection[dict[str, Any]]

EACH = 100
"""Memories of a user."""

_NOISE = "(SELECT noise || ''::bytea FROM noise)"  # read once a statement, not once a row

_PEOPLE = """INSERT INTO people (tenant, user_id, version, memories, chars, upkept_at)
SELECT 'default', 'u' || n, 1, %(each)s, 60 * %(each)s, now() FROM generate_series(1, %(people)s) n"""

# A round of all users after the other, so that one user's memories are far apart.
_MEMORIES = """INSERT INTO memories (person, id, body, text_key, content, chars, created_at, version)
SELECT p, 'm' || m, sha512((p || '-' || m)::bytea) || sha512((m || '-' || p)::bytea),
       substr(sha256((p || '-' || m)::bytea), 1, 16), substr(sha256((m || '-' || p)::bytea), 1, 16), 60,
       timestamptz '2024-01-01' + m * interval '7 days' + p * interval '1 second', 1
FROM generate_series(1, %(each)s) m, generate_series(1, %(people)s) p"""

# Half of the users were last here more than thirty days ago, which is what REVERIE_RETENTION_DAYS keeps of the rest.
_VECTORS = f"""INSERT INTO vectors (tenant, user_id, model, text_key, vector, used_at)
SELECT 'default', 'u' || p, 'model', substr(sha256((p || '-' || m)::bytea), 1, 16),
       substr({_NOISE}, 1 + (p * 100 + m) %% 6000, 1536), now() - p %% 60 * interval '1 day'
FROM generate_series(1, %(each)s) m, generate_series(1, %(people)s) p"""

_BESIDE = {
    "views": f"""INSERT INTO views (person, kind, version, as_of, body, side, etag, task_id)
SELECT p, k, 1, now(), {_NOISE}, '\\x00', 'e', 't'
FROM generate_series(1, %(people)s) p, unnest(ARRAY['themes', 'insights']) k""",
    "themes": f"""INSERT INTO themes (tenant, user_id, model, body, count, task_id, updated_at)
SELECT 'default', 'u' || p, 'view:model', substr({_NOISE}, 1 + p %% 6000, 1000), 5, 't',
       now() - p %% 60 * interval '1 day'
FROM generate_series(1, %(people)s) p""",
    "tasks": """INSERT INTO tasks (id, tenant, user_id, operation, lane, queue, status, content_hash, items, chars,
                   attempts, token, seq, created_at, published_at, started_at, finished_at)
SELECT 't' || n || '-' || p, 'default', 'u' || p, 'upkeep', 'upkeep', 'upkeep', 'succeeded',
       sha256((p || '-' || n)::bytea), 100, 6000, 1, 1, 1999999,
       at - interval '2 s', at - interval '2 s', at - interval '1 s', at
FROM generate_series(1, 10) n, generate_series(1, %(people)s) p,
     LATERAL (SELECT now() - (n - 1) * interval '70 hours' - p * interval '2 s' AS at) a""",
    "payloads": """INSERT INTO payloads SELECT id, sha512(id::bytea) FROM tasks""",
    "results": """INSERT INTO results SELECT id, sha512(id::bytea) || sha256(id::bytea) FROM tasks""",
    "happenings": """INSERT INTO happenings (person, kind, key, task_id, body, at)
SELECT p, 'themes.changed', n::text, 't', sha512(p::text::bytea), now() - n * interval '3 days' - p * interval '2 s'
FROM generate_series(1, %(people)s) p, generate_series(1, 4) n""",
    "forgotten": """INSERT INTO forgotten (person, memory_id, text_key, version, at)
SELECT p, 'gone' || n, substr(sha256((n || '-' || p)::bytea), 1, 16), 1, now() - n * interval '1 day'
FROM generate_series(1, %(people)s) p, generate_series(1, 5) n""",
    "idempotency": """INSERT INTO idempotency (tenant, user_id, key, sealed_key, body_hash, person, answer)
SELECT 'default', 'u' || p, encode(sha256((n || '-' || p)::bytea), 'hex'), sha256((n || '-' || p)::bytea),
       sha256((n || '-' || p)::bytea), p, sha512((n || '-' || p)::bytea)
FROM generate_series(1, %(people)s) p, generate_series(1, 2) n""",
    "user_models": """INSERT INTO user_models (tenant, user_id, model)
SELECT 'default', 'u' || p, 'model' FROM generate_series(1, %(people)s) p""",
}


def fill(url: str, people: int, each: int = EACH) -> None:
    """``people`` users with all that is theirs, in a database that has none; stderr tells how long each part took."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE noise (noise bytea)")
        connection.execute("ALTER TABLE noise ALTER noise SET STORAGE EXTERNAL")
        connection.execute("INSERT INTO noise VALUES (%s)", (random.Random(1).randbytes(8000),))
        connection.execute(_PEOPLE, {"people": people, "each": each})
    # The vectors are as much work as all else together.
    beside = threading.Thread(target=_bulk, args=(url, {"memories": _MEMORIES} | _BESIDE, people, each))
    beside.start()
    _bulk(url, {"vectors": _VECTORS}, people, each)
    beside.join()


def settle(url: str) -> None:
    """What was written is on disk, and known: no reading pays for it."""
    with psycopg.connect(url, autocommit=True) as connection:
        began = time.perf_counter()
        connection.execute("VACUUM (ANALYZE)")
        connection.execute("CHECKPOINT")
        _say("vacuum of all", began)


def _say(what: str, began: float) -> None:
    print(f"{what}: {time.perf_counter() - began:.0f} s", file=sys.stderr, flush=True)


def _bulk(url: str, statements: dict[str, LiteralString], people: int, each: int) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET maintenance_work_mem = '1GB'")
        for table, statement in statements.items():
            began = time.perf_counter()
            with connection.transaction():
                later = _bare(connection, table)
                connection.execute(statement, {"people": people, "each": each})
                for one in later:
                    connection.execute(one)
            _say(table, began)


def _bare(connection: psycopg.Connection[Any], table: LiteralString) -> list[bytes]:
    """Empty a table of all rows, indexes and keys; returns the statements that make the latter again."""
    keys = connection.execute(
        "SELECT conname, contype IN ('p', 'u'), pg_get_constraintdef(oid) FROM pg_constraint "
        "WHERE conrelid = %s::regclass AND contype IN ('p', 'u', 'f') AND NOT EXISTS "
        "(SELECT FROM pg_constraint f WHERE f.contype = 'f' AND f.conindid = pg_constraint.conindid "
        "AND f.oid <> pg_constraint.oid) ORDER BY contype = 'f'",
        (table,),
    ).fetchall()
    kept = {name for name, is_index, _ in keys if is_index}
    indexes = connection.execute(
        "SELECT c.relname, pg_get_indexdef(c.oid) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid "
        "WHERE i.indrelid = %s::regclass AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = c.oid)",
        (table,),
    ).fetchall()
    on = names.Identifier(table)
    connection.execute(names.SQL("TRUNCATE {} CASCADE").format(on))
    for name, _, _ in keys:
        connection.execute(names.SQL("ALTER TABLE {} DROP CONSTRAINT {}").format(on, names.Identifier(name)))
    for name, _ in indexes:
        connection.execute(names.SQL("DROP INDEX {}").format(names.Identifier(name)))
    again = [f"ALTER TABLE {table} ADD CONSTRAINT {name} {made}" for name, is_index, made in keys if is_index]
    again += [made for name, made in indexes if name not in kept]
    again += [f"ALTER TABLE {table} ADD CONSTRAINT {name} {made}" for name, is_index, made in keys if not is_index]
    return [one.encode() for one in again]
