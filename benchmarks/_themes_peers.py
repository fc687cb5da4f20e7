"""The other ways to group and to label, run under a Python of their own (``requirements/bench-themes.txt``).

``cases FILE METHODS``: FILE is an ``.npz`` with vectors ``x0, x1, ...`` and true counts ``k0, k1, ...``; writes the
labels beside it. ``first FILE``: BERTopic's import and first fit on texts and vectors. ``outside FILE``: HDBSCAN's
own outliers. ``names FILE``: BERTopic's labels of given groups. Prints one line of JSON.
"""

import json
import sys
import time
import warnings
from pathlib import Path

import numpy as np

warnings.filterwarnings("ignore")
SEED = 42


def distances(x):
    d = 1.0 - x @ x.T
    np.fill_diagonal(d, 0.0)
    return np.maximum((d + d.T) / 2, 0.0).astype(np.float64)


def average_silhouette(x, k):
    """Average linkage on cosine distances, cut at the best silhouette of 2 to n / 2 groups."""
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform
    from sklearn.metrics import silhouette_score

    d = distances(x)
    tree = linkage(squareform(d, checks=False), "average")
    best, best_score = np.zeros(len(x), dtype=int), -2.0
    for count in sorted({round(v) for v in np.geomspace(2, len(x) // 2, 40)}):
        labels = fcluster(tree, count, "maxclust")
        if 1 < len(set(labels)) < len(x):
            score = silhouette_score(d, labels, metric="precomputed")
            if score > best_score:
                best, best_score = labels, score
    return best


def leiden(x, k, resolution=1.0):
    """Communities of the 15-neighbour graph, edges weighted by cosine similarity."""
    import igraph
    import leidenalg
    from sklearn.neighbors import NearestNeighbors

    near = min(15, len(x) - 1)
    distance, index = NearestNeighbors(n_neighbors=near + 1, metric="cosine").fit(x).kneighbors(x)
    weights = {}
    for row in range(len(x)):
        for d, other in zip(distance[row], index[row], strict=True):
            if other != row:
                weights[min(row, int(other)), max(row, int(other))] = max(1.0 - float(d), 1e-6)
    graph = igraph.Graph(len(x), list(weights))
    found = leidenalg.find_partition(
        graph,
        leidenalg.RBConfigurationVertexPartition,
        weights=list(weights.values()),
        resolution_parameter=resolution,
        seed=SEED,
    )
    return np.array(found.membership)


def leiden5(x, k):
    return leiden(x, k, 5.0)


def reduced(x):
    from umap import UMAP

    return UMAP(n_neighbors=15, n_components=5, min_dist=0.0, metric="cosine", random_state=SEED).fit_transform(x)


def bertopic_groups(x, k):
    """BERTopic's default: UMAP to five dimensions, then HDBSCAN with at least ten in a group; -1 is noise."""
    from hdbscan import HDBSCAN

    try:
        return HDBSCAN(min_cluster_size=10, metric="euclidean", cluster_selection_method="eom").fit_predict(reduced(x))
    except (TypeError, ValueError):  # too few texts for its spectral start
        return np.full(len(x), -1)


def kmeans_true(x, k):
    from sklearn.cluster import KMeans

    return KMeans(k, n_init=3 if len(x) <= 1000 else 1, random_state=SEED).fit_predict(x)


def average_true(x, k):
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform

    return fcluster(linkage(squareform(distances(x), checks=False), "average"), k, "maxclust")


METHODS = {f.__name__: f for f in (average_silhouette, leiden, leiden5, bertopic_groups, kmeans_true, average_true)}


def cases(path, names):
    given = np.load(path)
    count = sum(key.startswith("x") for key in given.files)
    out, seconds = {}, dict.fromkeys(names, 0.0)
    for number in range(count):
        x = given[f"x{number}"]
        for name in names:
            began = time.process_time()
            out[f"{name}-{number}"] = METHODS[name](x, int(given[f"k{number}"])).astype(np.int32)
            seconds[name] += time.process_time() - began
        print(f"peers: {number + 1} of {count}", file=sys.stderr, end="\r")
    print(file=sys.stderr)
    np.savez(path.with_suffix(".out.npz"), **out)
    return {"cpu_seconds": seconds}


def first(path):
    """CPU seconds of import, first fit and second fit: what the first user waits for, and the next."""
    given = np.load(path, allow_pickle=False)
    began = time.process_time()
    from bertopic import BERTopic

    imported = time.process_time()
    texts = [str(t) for t in given["texts"]]
    BERTopic(embedding_model=None, calculate_probabilities=False).fit_transform(texts, given["x0"])
    fitted = time.process_time()
    BERTopic(embedding_model=None, calculate_probabilities=False).fit_transform(texts, given["x0"])
    return {"import": imported - began, "first": fitted - imported, "second": time.process_time() - fitted}


def outside(path):
    """HDBSCAN's noise and outlier scores (GLOSH, Campello et al. 2015), after UMAP as BERTopic has it, and without."""
    from hdbscan import HDBSCAN

    given = np.load(path)
    out = {}
    for key in given.files:
        x = given[key]
        for name, points in (("umap", reduced(x)), ("raw", x.astype(np.float64))):
            model = HDBSCAN(min_cluster_size=10, metric="euclidean", cluster_selection_method="eom").fit(points)
            out[f"{key}-{name}-noise"] = model.labels_ == -1
            out[f"{key}-{name}-glosh"] = np.nan_to_num(model.outlier_scores_)
            out[f"{key}-{name}-doubt"] = 1.0 - model.probabilities_
    np.savez(path.with_suffix(".out.npz"), **out)
    return {}


def names(path):
    """BERTopic's c-TF-IDF words and its KeyBERT-style words for given groups, English stop words left out."""
    root = Path(__file__).resolve().parent.parent
    sys.path.insert(0, str(root / "src"))
    from bertopic import BERTopic
    from bertopic.backend import BaseEmbedder
    from bertopic.cluster import BaseCluster
    from bertopic.dimensionality import BaseDimensionalityReduction
    from bertopic.representation import KeyBERTInspired
    from sklearn.feature_extraction.text import CountVectorizer

    from reverie.embedding import create_embedder

    embedder = create_embedder("ctranslate2", data_dir=root / ".bench" / "models")

    class Ours(BaseEmbedder):
        def embed(self, documents, verbose=False):
            return embedder.embed([str(d) for d in documents]).vectors

    given = np.load(path, allow_pickle=False)
    texts, groups = [str(t) for t in given["texts"]], given["groups"]
    told = {}
    for name, representation in (("c-tf-idf", None), ("keybert", KeyBERTInspired(random_state=SEED))):
        model = BERTopic(
            embedding_model=Ours(),
            umap_model=BaseDimensionalityReduction(),
            hdbscan_model=BaseCluster(),
            vectorizer_model=CountVectorizer(stop_words="english"),
            representation_model=representation,
        )
        topics, _ = model.fit_transform(texts, embeddings=given["x0"], y=groups)
        # Topics are numbered by size: find each of ours by a member.
        told[name] = {}
        for group in np.unique(groups[groups >= 0]):
            topic = topics[int(np.flatnonzero(groups == group)[0])]
            told[name][str(group)] = [word for word, _ in (model.get_topic(topic) or []) if word]
    return told


if __name__ == "__main__":
    what, where = sys.argv[1], Path(sys.argv[2])
    if what == "cases":
        answer = cases(where, sys.argv[3].split(","))
    else:
        answer = {"first": first, "outside": outside, "names": names}[what](where)
    print(json.dumps(answer))
