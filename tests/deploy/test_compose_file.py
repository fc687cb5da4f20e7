"""compose.yaml keeps its promises; `./dev compose-test` builds and runs it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
OURS = {name: service for name, service in SERVICES.items() if "build" in service}


def test_the_roles_are_there() -> None:
    wanted = {"postgres", "redis", "ai-gateway", "semantic-clustering", "memory-analysis", "discord-bot"}
    assert wanted <= set(SERVICES)
    assert SERVICES["discord-bot"]["profiles"] == ["bot"]


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_is_limited_restarted_and_hardened(name: str) -> None:
    service = SERVICES[name]
    assert service["restart"] == "unless-stopped"
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["mem_limit"]
    assert service["cpu_quota"] / service["cpu_period"] <= 4


@pytest.mark.parametrize("name", OURS)
def test_every_image_is_a_target_that_runs_as_nobody_special(name: str) -> None:
    target = OURS[name]["build"]["target"]
    stages = {alias: parent for parent, alias in re.findall(r"^FROM (\S+) AS (\S+)$", DOCKERFILE, re.MULTILINE)}
    assert target in stages
    while target in stages:  # up to the stage that sets the user
        body = DOCKERFILE.split(f" AS {target}\n")[1].split("\nFROM ")[0]
        users = re.findall(r"^USER (\S+)", body, re.MULTILINE)
        if users:
            assert users[-1] in ("10001:10001", "haproxy")
            return
        target = stages[target]
    raise AssertionError(f"{name} runs as root")


def test_limits_are_those_that_were_asked_for() -> None:
    asked = [("semantic-clustering", 4, "4g"), ("memory-analysis", 2, "2g"), ("ai-gateway", 2, "2g")]
    for name, cores, memory in asked:
        service = SERVICES[name]
        assert (service["cpu_quota"] / service["cpu_period"], service["mem_limit"]) == (cores, memory)


def test_redis_keeps_what_it_was_given() -> None:
    command = " ".join(SERVICES["redis"]["command"])
    assert "appendonly yes" in command
    assert "maxmemory-policy noeviction" in command


def test_secrets_are_files_and_never_variables() -> None:
    for name, service in SERVICES.items():
        for variable, value in (service.get("environment") or {}).items():
            if re.search("PASSWORD|KEY|TOKEN", variable):
                assert variable.endswith("_FILE"), (name, variable)
                assert value.removeprefix("/run/secrets/") in service["secrets"], (name, variable)


def test_only_the_front_is_reached_from_outside() -> None:
    assert [name for name, service in SERVICES.items() if service.get("ports")] == ["front"]
    assert SERVICES["front"]["ports"] == ["${REVERIE_PUBLISH:-127.0.0.1:8000}:8000"]
    assert COMPOSE["networks"]["inside"]["internal"] is True


def test_a_worker_may_finish_its_work_before_docker_kills_it() -> None:
    from reverie.settings import QueueSettings

    for name in ("semantic-clustering", "memory-analysis", "fast-lane"):
        assert int(SERVICES[name]["stop_grace_period"].rstrip("s")) > QueueSettings().drain_seconds


def test_every_queue_has_a_service() -> None:
    from reverie.queue import QUEUES

    served = re.findall(r'CMD \["worker", "--queues", "([\w,]+)"', DOCKERFILE)
    assert {queue for queues in served for queue in queues.split(",")} == set(QUEUES)


@pytest.mark.parametrize("name", ["compose.gpu.yaml", "compose.cloud.yaml"])
def test_an_override_changes_services_that_exist(name: str) -> None:
    override = yaml.safe_load((ROOT / name).read_text())
    assert set(override["services"]) <= set(SERVICES)


def test_the_images_can_copy_what_they_ask_for() -> None:
    """`.dockerignore` lets through what is named there alone: a file that it forgets stops every build."""
    let_through = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    asked = [
        path
        for line in re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.MULTILINE)
        for path in line.split()[:-1]
        if not path.startswith("--")
    ]
    assert asked
    for path in asked:
        assert any(path == name or path.startswith(f"{name}/") for name in let_through), path
        assert (ROOT / path).exists(), path
