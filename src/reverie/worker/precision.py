"""What a worker's vectors are computed in, where the settings leave it to the installation."""

from __future__ import annotations

import logging

from reverie._models import CHOOSES_PRECISION
from reverie.embedding.factory import check_embedder, chosen_precision
from reverie.errors import WrongSetting
from reverie.settings import Settings
from reverie.store.installation import kept_precision

__all__ = ["settle_precision"]

log = logging.getLogger(__name__)


def settle_precision(settings: Settings) -> None:
    """Put the installation's precision into ``settings``: the one that is set, or kept, or chosen now.

    The database must be migrated. Raises ``WrongSetting`` when this machine cannot compute in what was chosen on
    another.
    """
    embedding, server = settings.embedding, settings.server
    if embedding.embedder not in CHOOSES_PRECISION:
        if embedding.precision == "auto":
            settings.embedding = embedding.model_copy(update={"precision": "float32"})
        return
    if server.database_url is None:
        return
    chosen = kept_precision(
        server.database_url.get_secret_value(),
        embedding.precision,
        lambda: chosen_precision(embedding.embedder, embedding.model, data_dir=server.data_dir),
    )
    if chosen == embedding.precision:
        return
    settings.embedding = embedding.model_copy(update={"precision": chosen})
    try:
        check_embedder(settings.embedding, server.data_dir)
    except WrongSetting as error:
        raise WrongSetting(f"{error.message} (this installation computes in {chosen} since its first start)") from None
    log.info("vectors are computed in %s", chosen)
