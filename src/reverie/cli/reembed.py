"""``reverie reembed``: give users another embedding model, their texts embedded beforehand."""

from __future__ import annotations

import argparse
from pathlib import Path

from reverie._models import AUTO, full_name, listed
from reverie.cli._extras import needed
from reverie.errors import InvalidInput

__all__ = ["add_parser", "run"]


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser(
        "reembed", help="give users another model (english, multilingual, auto), their texts embedded beforehand"
    )
    parser.add_argument("--model", required=True, help="english, multilingual or auto: by what each user writes")
    parser.add_argument("--user", help="one user's id; without it all users (of the tenant)")
    parser.add_argument("--tenant", help="the tenant's name; with it alone, its new users get the model too")
    parser.add_argument("--data-dir", type=Path, help="folder of data, keys and logs (REVERIE_DATA_DIR)")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Do it beside the running service; may be stopped and run again."""
    with needed("worker", "reverie reembed"):
        from pydantic import SecretStr

        from reverie.cli.keys import servers
        from reverie.embedding import create_embedder
        from reverie.queue.cache import VectorCache
        from reverie.settings import Settings
        from reverie.store import Codec
        from reverie.worker.precision import settle_precision
        from reverie.worker.reembedding import pin_tenant, reembed
    settings = Settings.load()
    if settings.embedding.model != AUTO:
        raise InvalidInput(f"REVERIE_MODEL={settings.embedding.model} pins all users; users differ where it is auto")
    model = full_name(arguments.model)
    if model not in listed(AUTO):
        raise InvalidInput(f"there is no model {arguments.model!r} for users; choose english, multilingual or auto")
    chosen = None if arguments.model == AUTO else model
    key = settings.server.encryption_key
    users = texts = 0
    with servers(arguments) as (database_url, redis_url):
        settings.server.database_url = SecretStr(database_url)
        settle_precision(settings)
        embedding = settings.embedding
        embedder = create_embedder(
            embedding.embedder,
            model,
            precision=embedding.precision,
            threads=embedding.embed_threads,
            data_dir=arguments.data_dir or settings.server.data_dir,
        )
        cache = VectorCache(redis_url)
        if arguments.tenant and not arguments.user:
            pin_tenant(database_url, arguments.tenant, chosen)
        for step in reembed(
            database_url,
            Codec(keys=key.get_secret_value() if key else None),
            embedder,
            chosen,
            tenant=arguments.tenant,
            user_id=arguments.user,
            forget=cache.forget_answers,
        ):
            if step.done:
                users, texts = users + 1, texts + step.texts
                print(
                    f"{step.tenant} {step.user_id}: {step.texts} texts embedded, now with {arguments.model}", flush=True
                )
        cache.close()
        embedder.close()
    print(f"{users} users, {texts} texts")
    if arguments.user and not users:
        raise InvalidInput(f"no texts of the user {arguments.user!r} are stored here")
    return 0
