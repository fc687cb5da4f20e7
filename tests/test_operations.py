"""Every operation of the table has all that an operation needs."""

from __future__ import annotations

from pathlib import Path

import pytest

from reverie import AsyncReverie, Reverie
from reverie.contracts import INTERNAL_OPERATIONS, OPERATIONS, Operation, OperationSpec
from reverie.gateway.submissions.endpoint import PATHS
from reverie.queue import QUEUES
from reverie.store.sql import queries
from reverie.testing.answers import ANSWERS
from reverie.worker.operations import RUNNERS

DOCS = Path(__file__).parent.parent / "docs" / "how-to" / "http.md"
PUBLIC = [row for row in OPERATIONS.values() if row.public]
SUBMITTED = [row for row in PUBLIC if row.request is not None]


@pytest.mark.parametrize("row", OPERATIONS.values(), ids=str)
def test_each_operation_runs_somewhere_and_has_a_first_guess_of_its_cost(row: OperationSpec) -> None:
    assert row.name in RUNNERS, "add its function to worker/operations.py"
    assert row.queue in QUEUES
    assert min(row.first_cost) >= 0
    assert max(row.first_cost) > 0
    assert not row.stages or sum(share for _, share in row.stages) == pytest.approx(1.0)


@pytest.mark.parametrize("row", SUBMITTED, ids=lambda row: str(row.name))
def test_each_public_operation_can_be_asked_for_everywhere(row: OperationSpec) -> None:
    assert row.request is not None
    assert row.result is not None
    assert row.example is not None
    row.request.model_validate(row.example)
    assert row.items in row.request.model_fields
    assert row.stages
    assert row.sdk_method is not None
    for client in (AsyncReverie, Reverie):
        assert hasattr(client, row.sdk_method), f"{client.__name__} lacks {row.sdk_method}"
    assert row.name in ANSWERS, "add a fake answer to testing/answers.py"
    assert f"/{row.name}/submit" in PATHS
    assert f"/{row.name}/submit" in DOCS.read_text(encoding="utf-8"), "docs/how-to/http.md does not name it"


def test_the_table_and_the_contract_name_the_same_operations() -> None:
    assert {row.name for row in PUBLIC} == set(Operation)
    assert set(RUNNERS) == set(OPERATIONS)


def test_no_query_names_an_internal_operation_by_hand() -> None:
    for name, query in queries().items():
        assert "{" not in query.replace("'{}'", ""), name
    store = Path(__file__).parent.parent / "src" / "reverie" / "store"
    text = "".join(path.read_text(encoding="utf-8") for path in store.glob("*.sql"))
    assert not [operation for operation in INTERNAL_OPERATIONS if f"'{operation}'" in text]
