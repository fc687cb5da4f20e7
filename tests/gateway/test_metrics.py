"""What operators watch: figures that move with the work, a dashboard that names only figures there are, tidy logs."""

from __future__ import annotations

import json
import logging
import re
import sys
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from reverie._logs import JsonFormatter, TextFormatter
from tests.live import LiveService

DASHBOARD = Path(__file__).parents[2] / "deploy" / "grafana" / "reverie.json"


def figures(service: LiveService) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    with service.client() as client:
        text = client.get("/metrics").text
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_figures_tell_of_the_work_done(service: LiveService) -> None:
    with service.client(prefer="wait=60") as client:
        for number in range(3):
            body = {"user_id": "metrics", "memories": [f"memory {number}", "another"]}
            assert client.post("/cluster/submit", json=body).status_code == 200
    found = figures(service)
    ended = [value for (name, labels), value in found.items() if name == "reverie_recent_ended" and labels]
    assert sum(ended) >= 3
    stages = {dict(labels)["stage"] for name, labels in found if name == "reverie_stage_seconds"}
    assert stages == {"waiting", "running"}
    for outcome in ("delivered", "retried", "failed", "disabled"):
        assert ("reverie_webhook_tries_total", frozenset({("outcome", outcome)})) in found


def test_the_dashboard_names_only_figures_that_there_are(service: LiveService) -> None:
    text = "".join(t["expr"] for panel in json.loads(DASHBOARD.read_text())["panels"] for t in panel["targets"])
    with service.client() as client:
        served = client.get("/metrics").text
    families = set(re.findall(r"^# TYPE (\S+)", served, re.MULTILINE))
    for name in set(re.findall(r"reverie_\w+", text)):
        assert name.removesuffix("_bucket") in families, name


def test_json_logs_name_the_task_and_parse() -> None:
    record = logging.LogRecord("reverie.worker", logging.INFO, "", 0, "task %s stopped", ("tsk_" + "0" * 26,), None)
    entry = json.loads(JsonFormatter().format(record))
    assert entry["task_id"] == "tsk_" + "0" * 26
    assert entry["level"] == "INFO"


@pytest.mark.parametrize("formatter", [TextFormatter(), JsonFormatter()])
def test_tracebacks_tell_types_and_places_but_not_what_an_exception_quotes(formatter: logging.Formatter) -> None:
    word = "unforgettablezebra"
    try:
        try:
            {}[f"the {word} one"]
        except KeyError as error:
            raise ValueError(f"cannot convert {word!r}") from error
    except ValueError:
        record = logging.LogRecord("reverie.worker", logging.ERROR, "", 0, "task failed", (), sys.exc_info())
    told = formatter.format(record)
    assert word not in told.replace("{word", "")
    assert "KeyError" in told
    assert "ValueError" in told
    assert told.count(Path(__file__).name) == 2
    try:
        raise ConnectionRefusedError(111, "Connection refused")
    except OSError:
        record = logging.LogRecord("reverie.worker", logging.ERROR, "", 0, "no Redis", (), sys.exc_info())
    assert "Connection refused" in formatter.format(record)


def test_logs_hold_no_text_of_a_memory(service: LiveService) -> None:
    word = "unforgettablezebra"
    with service.client(prefer="wait=60") as client:
        client.post("/cluster/submit", json={"user_id": "logs", "memories": [f"the {word} one", "b"]})
        client.post("/cluster/submit", json={"user_id": "logs", "memories": [{"text": word, "created_at": word}]})
        client.post("/analyze/submit", content=b'{"memories": ["' + word.encode())
    for name in service.processes:
        assert word not in service.log(name)
