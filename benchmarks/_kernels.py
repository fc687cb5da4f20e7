"""Graph kernels on one graph, run under a Python of its own. Reads edges (.npz) and prints one line of JSON."""

import json
import sys
import time

import numpy as np
from scipy import sparse


def timed(work, rounds):
    best = busy = float("inf")
    for _ in range(rounds):
        began, before = time.perf_counter(), time.process_time()
        found = work()
        best, busy = min(best, time.perf_counter() - began), min(busy, time.process_time() - before)
    return best, busy, found


def modularity(matrix, labels):
    total = matrix.sum()
    coo = matrix.tocoo()
    inside = coo.data[labels[coo.row] == labels[coo.col]].sum() / total
    strength = np.asarray(matrix.sum(axis=1)).ravel()
    return float(inside - (np.bincount(labels, weights=strength) ** 2).sum() / total**2)


def main():
    name, path = sys.argv[1:]
    with np.load(path) as stored:
        row, column, weight, n = stored["row"], stored["column"], stored["weight"], int(stored["n"])
    upper = sparse.csr_matrix((weight, (row, column)), shape=(n, n))
    matrix = (upper + upper.T).tocsr()
    rounds = 3 if n <= 10_000 else 1
    out = {}
    if name == "scikit-network Leiden":
        from sknetwork.clustering import Leiden

        def work():
            return Leiden(n_aggregations=8, random_state=0, sort_clusters=False).fit_predict(matrix)

    elif name == "scikit-network Louvain":
        from sknetwork.clustering import Louvain

        def work():
            return Louvain(random_state=0, sort_clusters=False).fit_predict(matrix)

    elif name == "graspologic-native Leiden":
        import graspologic_native

        edges = [(str(i), str(j), w) for i, j, w in zip(row.tolist(), column.tolist(), weight.tolist(), strict=True)]

        def work():
            _, found = graspologic_native.leiden(
                edges, starting_communities=None, resolution=1.0, randomness=0.001, iterations=1,
                use_modularity=True, seed=0, trials=1,
            )  # fmt: skip
            labels = np.arange(n) + n
            for node, label in found.items():
                labels[int(node)] = label
            return np.unique(labels, return_inverse=True)[1]

    elif name == "networkx Louvain":
        import networkx as nx

        graph = nx.from_scipy_sparse_array(matrix)

        def work():
            labels = np.zeros(n, dtype=np.int64)
            for number, members in enumerate(nx.community.louvain_communities(graph, seed=0)):
                labels[list(members)] = number
            return labels

    elif name == "power iteration (scipy)":
        strength = np.asarray(matrix.sum(axis=1)).ravel()
        step = (sparse.diags(1.0 / np.where(strength > 0, strength, 1.0)) @ matrix).T.tocsr()

        def work():
            rank = np.full(n, 1.0 / n)
            for _ in range(100):
                new = 0.85 * (step @ rank + rank[strength == 0].sum() / n) + 0.15 / n
                if np.abs(new - rank).sum() < 1e-8:
                    return new
                rank = new
            return rank

    elif name == "scikit-network PageRank":
        from sknetwork.ranking import PageRank

        def work():
            return PageRank(tol=1e-8).fit_predict(matrix)

    elif name == "rustworkx PageRank":
        import rustworkx as rx

        graph = rx.PyDiGraph()
        graph.add_nodes_from(range(n))
        both = sparse.coo_matrix(matrix)
        graph.add_edges_from(list(zip(both.row.tolist(), both.col.tolist(), both.data.tolist(), strict=True)))

        def work():
            return rx.pagerank(graph, weight_fn=float, tol=1e-8)

    elif name == "networkx PageRank":
        import networkx as nx

        graph = nx.from_scipy_sparse_array(matrix)

        def work():
            return nx.pagerank(graph, tol=1e-8)

    elif name == "rustworkx betweenness":
        import rustworkx as rx

        graph = rx.PyGraph()
        graph.add_nodes_from(range(n))
        graph.add_edges_from(list(zip(row.tolist(), column.tolist(), weight.tolist(), strict=True)))

        def work():
            return rx.betweenness_centrality(graph)

    elif name == "networkx betweenness":
        import networkx as nx

        graph = nx.from_scipy_sparse_array(matrix)

        def work():
            return nx.betweenness_centrality(graph)

    else:
        raise SystemExit(f"no kernel {name!r}")
    print("ready", flush=True)
    out["seconds"], out["busy"], found = timed(work, rounds)
    if name.endswith(("Leiden", "Louvain")):
        labels = np.asarray(found)
        out["modularity"] = modularity(matrix, labels)
        out["again"] = bool((np.asarray(work()) == labels).all())
    print(json.dumps(out))


main()
