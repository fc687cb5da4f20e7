"""Tables of pandas, in and out, and the graph of networkx."""

from __future__ import annotations

import importlib
import importlib.util
import json

import networkx as nx
import pytest

from reverie.analysis.export import to_networkx
from reverie.cli import build_parser
from reverie.cli._run_file import run_file, write_parquet
from reverie.client._options import listed
from reverie.client._wire import request_body
from reverie.clustering import cluster
from reverie.contracts import AnalyzeResult, ClusterResult, GraphResult, Memory
from reverie.errors import InvalidInput, MissingExtra
from reverie.readers import read_file
from tests.science.test_sklearn import TEXTS, embed

pd = pytest.importorskip("pandas")

ANALYSIS = AnalyzeResult.model_validate(
    {
        "importance": [
            {"memory_id": "a", "score": 0.6, "rank": 1,
             "factors": {"recency": {"value": 1, "weight": 0.6, "contribution": 0.6}}},
            {"memory_id": "b", "score": 0.1, "rank": 2,
             "factors": {"length": {"value": 1, "weight": 0.1, "contribution": 0.1}}},
        ],
        "graph": {
            "communities": [{"id": "t1", "memory_ids": ["a", "b"]}],
            "central": ["b"], "bridges": ["a"], "isolated": ["c"],
            "edges": [{"source": "a", "target": "b", "weight": 0.5}], "metrics": {},
        },
        "patterns": [{"kind": "burst", "description": "Many.", "strength": 1, "p_value": 0.01, "memory_ids": ["a"]}],
        "duplicates": [], "notes": [], "stats": {}, "timeline": {"2026-05-01": 3, "2026-05-03": 1},
    }
)  # fmt: skip


def themes() -> ClusterResult:
    kept = [Memory(id=f"m{i}", text=text) for i, text in enumerate(TEXTS)]
    return cluster(kept, embed(TEXTS)).result


def test_themes_and_assignments_are_tables():
    result = themes()
    tables = result.to_pandas()
    assert tables["themes"]["size"].sum() == sum(theme.size for theme in result.themes) > 0
    rows = tables["assignments"]
    assert rows["memory_id"].tolist() == list(result.assignments)
    assert rows.groupby("label").size().to_dict() == {theme.label: theme.size for theme in result.themes}
    assert rows[["x", "y"]].notna().all(axis=None)


def test_an_analysis_is_tables():
    tables = ANALYSIS.to_pandas()
    factors = tables["importance"].filter(like="factor.")
    assert factors.sum(axis=1).tolist() == tables["importance"]["score"].tolist() == [0.6, 0.1]
    assert tables["patterns"]["kind"].tolist() == ["burst"]
    assert tables["timeline"].set_index("day")["count"].resample("D").sum().tolist() == [3, 0, 1]


def test_results_of_nothing_have_tables_with_their_columns():
    empty = ClusterResult(themes=[], unclustered=[], assignments={}).to_pandas()
    assert [table.columns[0] for table in empty.values()] == ["id", "memory_id"]
    nothing = AnalyzeResult(importance=[], graph=None, patterns=[], duplicates=[], notes=[], stats={}).to_pandas()
    assert [len(table) for table in nothing.values()] == [0, 0, 0]
    assert str(nothing["timeline"]["day"].dtype).startswith("datetime64")


def test_the_graph_is_one_of_networkx():
    assert isinstance(ANALYSIS.graph, GraphResult)
    graph = ANALYSIS.graph.to_networkx([Memory(id="a", text="hello")])
    assert sorted(graph.nodes) == ["a", "b", "c"]
    assert graph.nodes["a"] == {"community": "t1", "central": 0, "bridge": 1, "text": "hello"}
    assert nx.utils.graphs_equal(graph, to_networkx(ANALYSIS.graph, [Memory(id="a", text="hello")]))


def test_a_missing_package_says_its_cure(monkeypatch):
    def missing(name):
        raise ModuleNotFoundError(name, name=name)

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(MissingExtra, match=r"reverie\[pandas\]"):
        ANALYSIS.to_pandas()


def test_a_table_is_sent_row_by_row_without_its_missing_values():
    table = pd.DataFrame(
        {
            "id": [7, 8],
            "text": ["one", "two"],
            "created_at": [pd.Timestamp("2026-05-01T09:00Z"), pd.NaT],
            "access_count": pd.array([3, None], dtype="Int64"),
            "kind": [None, float("nan")],
        }
    )
    sent = json.loads(request_body("42", listed(table, "memories"), {}))["memories"]
    assert sent == [
        {"id": 7, "text": "one", "created_at": "2026-05-01T09:00:00+00:00", "access_count": 3},
        {"id": 8, "text": "two"},
    ]


@pytest.mark.parametrize(
    ("table", "name", "said"),
    [
        (pd.DataFrame({"message": ["x"]}), "memories", "no column 'text'"),
        (pd.DataFrame({"text": ["x"], "mood": ["y"]}), "memories", "'mood'"),
        (pd.DataFrame({"text": ["x"]}), "texts", "one of its columns"),
    ],
)
def test_a_table_that_cannot_be_sent_names_the_column(table, name, said):
    with pytest.raises(InvalidInput, match=said):
        listed(table, name)


def test_a_parquet_file_is_read_like_any_other(tmp_path):
    pytest.importorskip("pyarrow")
    path = tmp_path / "memories.parquet"
    days = pd.to_datetime(["2026-05-01T09:00Z", None, "2026-05-03T09:00Z"])
    pd.DataFrame({"id": ["a", "b", "c"], "text": ["one", "two", " "], "created_at": days}).to_parquet(path)
    source = read_file(path)
    assert [(m.id, m.text, m.created_at is None) for m in source.memories] == [("a", "one", False), ("b", "two", True)]
    assert [row.place for row in source.rejected] == ["row 3"]
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(InvalidInput, match=r"memories\.parquet"):
        read_file(path)


def test_the_command_line_writes_a_row_for_each_memory(tmp_path):
    pytest.importorskip("pyarrow")
    kept = [Memory(id=f"m{i}", text=text) for i, text in enumerate(TEXTS)]
    write_parquet(themes(), kept, tmp_path / "themes.parquet")
    back = pd.read_parquet(tmp_path / "themes.parquet")
    assert back["text"].tolist() == TEXTS
    assert [m.text for m in read_file(tmp_path / "themes.parquet").memories] == TEXTS
    write_parquet(ANALYSIS, [], tmp_path / "importance.parquet")
    assert pd.read_parquet(tmp_path / "importance.parquet")["rank"].tolist() == [1, 2]


def test_a_table_that_could_not_be_written_is_refused_before_the_work(tmp_path, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    wanted = ["cluster", str(tmp_path / "is not there.jsonl"), "--parquet", str(tmp_path / "out.parquet")]
    arguments = build_parser().parse_args(wanted)
    with pytest.raises(MissingExtra, match=r"reverie\[pandas\]"):
        run_file(arguments, None, None, {})
