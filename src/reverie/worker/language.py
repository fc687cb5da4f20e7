"""Azure AI Language behind the analysis' one seam for sentiment, names and key phrases."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from pydantic import AliasChoices, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from reverie._logs import quieten
from reverie.analysis.insight import Insight, TextInsight
from reverie.analysis.texts import detect_languages
from reverie.contracts import CloudPolicy
from reverie.embedding.base import OnProgress, silent
from reverie.embedding.providers import Budget, BudgetExceeded, Retrier, breaker_for, tuning_from
from reverie.embedding.providers.calls import CallFailed, http_failure, unexpected
from reverie.embedding.providers.guard import until_done
from reverie.embedding.providers.prices import load_prices
from reverie.errors import MissingExtra, ProviderError
from reverie.settings import CloudSettings
from reverie.worker.cloud import budget_for, choice_for, metered
from reverie.worker.resources import Resources, Task

__all__ = ["NAME", "AzureLanguage", "LanguageSettings", "insight_for"]

NAME = "azure-language"
_BATCH = 5  # the smallest of the three features' limits
_LONGEST = 5120
_RECORD = 1000
_FEATURES = 3


class LanguageSettings(BaseSettings):
    """Azure AI Language."""

    model_config = SettingsConfigDict(
        env_prefix="REVERIE_LANGUAGE_", extra="ignore", env_ignore_empty=True, populate_by_name=True
    )

    endpoint: str | None = Field(
        None,
        pattern="^https?://",
        validation_alias=AliasChoices("REVERIE_LANGUAGE_ENDPOINT", "AZURE_LANGUAGE_ENDPOINT", "endpoint"),
        description="Address of the resource, as https://NAME.cognitiveservices.azure.com",
    )
    key: SecretStr | None = Field(
        None,
        validation_alias=AliasChoices("REVERIE_LANGUAGE_KEY", "AZURE_LANGUAGE_KEY", "key"),
        description="Key of the resource",
    )


def insight_for(runtime: Resources, task: Task, requested: CloudPolicy | None) -> TextInsight | None:
    """The reader for this task: Azure's where it is configured and both tenant and request allow it, else None."""
    settings = LanguageSettings()  # type: ignore[call-arg]
    if settings.endpoint is None or settings.key is None or requested is None or not requested.allowed:
        return None
    choice = choice_for(runtime, task, requested)
    cloud = runtime.cloud
    if cloud is None or choice.provider is None or not choice.permits(NAME):
        return None
    budget = budget_for(runtime, task, choice)
    budget.spent_usd = runtime.bill.usd  # embedding has had its share of the task's ceiling

    def meter(usd: float | None) -> Any:
        if usd is None and (choice.max_usd is not None or choice.max_usd_day is not None):
            raise BudgetExceeded(f"No price is known for {NAME}, so a ceiling cannot be kept.")
        return metered(cloud, task, choice, cloud.bill.beside(NAME), budget, usd or 0.0)

    return AzureLanguage(settings, runtime.settings.cloud, budget=budget, meter=meter)


class AzureLanguage:
    """Sentiment, named entities and key phrases by the official client, in batches."""

    def __init__(
        self,
        settings: LanguageSettings,
        cloud: CloudSettings | None = None,
        *,
        budget: Budget | None = None,
        meter: Callable[[float | None], Any] | None = None,
    ) -> None:
        try:
            from azure.ai.textanalytics import TextAnalyticsClient
            from azure.core.credentials import AzureKeyCredential
        except ModuleNotFoundError as error:
            raise MissingExtra("azure", what="Azure AI Language") from error
        quieten("azure", "urllib3")
        assert settings.endpoint is not None
        assert settings.key is not None
        cloud = cloud or CloudSettings()  # type: ignore[call-arg]
        self._budget = budget or Budget()
        self._meter = meter
        self._retrier = Retrier(NAME, "", tuning_from(cloud), breaker_for(NAME, settings.endpoint, cloud))
        self._price = load_prices(cloud.prices).usd_per_million(NAME, "text-records")
        self._client = TextAnalyticsClient(
            settings.endpoint,
            AzureKeyCredential(settings.key.get_secret_value()),
            api_version="v3.1",
            retry_total=0,
            retry_status=0,
            retry_connect=0,
            retry_read=0,
            logging_enable=False,
            permit_redirects=False,
        )

    @property
    def name(self) -> str:
        """ "azure-language"."""
        return NAME

    def price(self, texts: Sequence[str]) -> float | None:
        """US dollars: a record is 1,000 characters, counted for each feature."""
        if self._price is None:
            return None
        return sum(-(-min(len(t), _LONGEST) // _RECORD) or 1 for t in texts) * _FEATURES * self._price / 1e6

    def read(self, texts: Sequence[str], *, on_progress: OnProgress = silent) -> list[Insight]:
        """One ``Insight`` for each text. Raises ``ProviderError`` when the service fails for good."""
        languages = detect_languages(texts)
        out: list[Insight] = []
        if self._meter is None:
            return self._read(texts, languages, on_progress, out)
        with self._meter(self.price(texts)):
            return self._read(texts, languages, on_progress, out)

    def _read(
        self, texts: Sequence[str], languages: Sequence[str | None], on_progress: OnProgress, out: list[Insight]
    ) -> list[Insight]:
        stop = threading.Event()
        for start in range(0, len(texts), _BATCH):
            batch = list(texts[start : start + _BATCH])
            documents = [
                {"id": str(i), "text": text[:_LONGEST], "language": languages[start + i] or "en"}
                for i, text in enumerate(batch)
            ]
            usd = self.price(batch) or 0.0
            try:
                found = until_done(
                    partial(self._ask_all, documents, usd / _FEATURES, stop),
                    partial(on_progress, "emotion", start, len(texts)),
                    until=self._budget.until,
                    late=ProviderError(f"{NAME} did not answer before the task's deadline."),
                )
            except CallFailed as failure:
                raise self._retrier.final(failure) from None
            except BaseException:  # nobody waits for it any more
                stop.set()
                raise
            for i in range(len(batch)):
                out.append(_insight(languages[start + i], *(answers.get(str(i)) for answers in found)))
        on_progress("emotion", len(texts), len(texts))
        return out

    def _ask_all(self, documents: list[dict[str, str]], usd: float, stop: threading.Event) -> list[dict[str, Any]]:
        client = self._client
        features = (client.analyze_sentiment, client.recognize_entities, client.extract_key_phrases)
        return [self._ask(feature, documents, usd, stop) for feature in features]

    def _ask(self, ask: Any, documents: list[dict[str, str]], usd: float, stop: threading.Event) -> dict[str, Any]:
        """One feature of one batch: ``{id: answer}`` of the documents that were read."""

        def call(timeout: float) -> dict[str, Any]:
            self._budget.hold(usd)
            charged = 0.0
            try:
                answers = ask(documents, connection_timeout=min(5.0, timeout), read_timeout=timeout)
                charged = usd
                return {answer.id: answer for answer in answers if not answer.is_error}
            except Exception as error:  # azure-core's classes, and what its transport raises
                status = getattr(error, "status_code", None)
                if status is None:
                    raise unexpected(error, timeout) from None
                response = getattr(error, "response", None)
                headers = dict(getattr(response, "headers", None) or {})
                raise http_failure(int(status), headers, str(getattr(error, "message", ""))) from None
            finally:
                self._budget.settle(usd, charged, 0)

        return self._retrier.run(call, self._budget, stop)


def _insight(language: str | None, sentiment: Any, entities: Any, phrases: Any) -> Insight:
    scores = sentiment.confidence_scores if sentiment is not None else None
    return Insight(
        sentiment=round(float(scores.positive) - float(scores.negative), 4) if scores is not None else None,
        language=language,
        entities=tuple(dict.fromkeys(e.text for e in entities.entities)) if entities is not None else (),
        phrases=tuple(dict.fromkeys(phrases.key_phrases)) if phrases is not None else (),
    )
