"""What the likeness of genres is worth on tags that people gave to artists.

    python -m benchmarks.genre_likeness [FILE]

FILE has the tags of an artist on each line, with commas between them; without one there is nothing to
measure, since tags that may be measured may not always be passed on. Three questions: how alike the smoothed
vectors of any two artists are; how high a tag that is hidden comes back, by the first order over the other
artists; and whether the five nearest of a genre stand under the same root of a tree by others (the reference
data), voting by weight.
"""

from __future__ import annotations

import sys
from collections import Counter, defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import yaml
from scipy import sparse

from etl.genres.normalize import normalized
from etl.genres.similarity import genre_similarity
from etl.genres.vectors import near_matrix, smoothed
from etl.genres.vocabulary import read_vocabulary
from etl.runtime.resources import resource
from tests.support.figures import show
from tests.support.reference import reference

if TYPE_CHECKING:
    from collections.abc import Iterator

    from etl.genres.vocabulary import Vocabulary

_NEIGHBOURS = 5


def genres_of(tags: set[str], vocabulary: Vocabulary) -> dict[str, list[str]]:
    """Give the genres of the vocabulary that each tag means."""
    found: dict[str, list[str]] = defaultdict(list)
    rows = normalized(pl.Series(sorted(tags)), vocabulary).filter(pl.col("kind") == "genre")
    for raw, name in rows.select("raw", "name").iter_rows():
        if name in vocabulary.parents:
            found[raw].append(name)
    return found


def likeness(vectors: sparse.csr_array) -> tuple[float, float]:
    """Give the median and the 90th percentile of the cosine of all pairs of rows."""
    dense = vectors.toarray().astype(np.float64)
    dense /= np.maximum(np.linalg.norm(dense, axis=1, keepdims=True), 1e-12)
    pairs = (dense @ dense.T)[np.triu_indices(len(dense), 1)]
    return float(np.median(pairs)), float(np.quantile(pairs, 0.9))


def hidden_ranks(items: sparse.csr_array, names: list[str], vocabulary: Vocabulary, term: str) -> list[float]:
    """Hide each genre of each artist in turn; give 1 over its rank among those that the artist has not."""
    dense = items.toarray() > 0
    ranks = []
    for row in range(len(dense)):
        others = sparse.csr_array(np.delete(dense, row, 0).astype(np.float32))
        pairs = genre_similarity(others, names, vocabulary)
        near = near_matrix(pairs.with_columns(pl.col(term).alias("weight")), names).toarray()
        own = np.flatnonzero(dense[row])
        for hidden in own:
            if len(own) < 2 or not others[:, [hidden]].nnz:  # nobody else has it: it cannot be known
                continue
            rest = own[own != hidden]
            score = near[rest].sum(axis=0)
            score[rest] = -1.0
            better = int((score > score[hidden]).sum()) + int((score == score[hidden]).sum() - 1) / 2
            ranks.append(1 / (1 + better))
    return ranks


def roots() -> dict[str, str]:
    """Give the root of each name of the tree."""
    text = (reference("genres") / "genres-tree.yaml").read_text(encoding="utf-8")
    tree = yaml.load(text, Loader=yaml.CBaseLoader)  # noqa: S506 - it makes text of everything

    def below(node: Any) -> Iterator[str]:
        if isinstance(node, dict):
            for name, children in node.items():
                yield name
                yield from below(children)
        elif isinstance(node, list):
            for each in node:
                yield from below(each)
        else:
            yield node

    return {name: next(iter(top)) for top in tree for name in below(top)}


def same_root(pairs: pl.DataFrame, root: dict[str, str]) -> list[bool]:
    """Say for each genre with a root whether its nearest, of those with one, vote for it."""
    near: dict[str, list[tuple[float, str]]] = defaultdict(list)
    for a, b, weight in pairs.select("a", "b", "weight").iter_rows():
        for one, other in ((a, b), (b, a)):
            if one in root and other in root:
                near[one].append((weight, other))
    right = []
    for genre, others in near.items():
        votes: Counter[str] = Counter()
        for weight, other in sorted(others, reverse=True)[:_NEIGHBOURS]:
            votes[root[other]] += weight  # type: ignore[assignment]
        right.append(votes.most_common(1)[0][0] == root[genre])
    return right


def main() -> None:
    """Measure."""
    if len(sys.argv) < 2:
        show({"likeness of genres": "not measured: no FILE of tags is given"})
        return
    vocabulary = read_vocabulary(resource("genres/vocabulary.yaml").read_text(encoding="utf-8"))
    artists = [line.split(",") for line in Path(sys.argv[1]).read_text(encoding="utf-8").splitlines()]
    genres = genres_of({tag for tags in artists for tag in tags}, vocabulary)
    known = [sorted({name for tag in tags for name in genres[tag]}) for tags in artists]
    names = sorted({name for row in known for name in row})
    items = sparse.csr_array(np.array([[name in row for name in names] for row in known], np.float32))
    pairs = genre_similarity(items, names, vocabulary)
    raw, smooth = likeness(items), likeness(smoothed(items, near_matrix(pairs, names)))
    tree = {name: root for tag, root in roots().items() for name in genres_of({tag}, vocabulary)[tag]}
    votes = same_root(pairs, tree)
    shown = {
        "artists, genres": f"{len(known)}, {len(names)}",
        "cosine of two artists, smoothed: median, p90": f"{smooth[0]:.2f}, {smooth[1]:.2f}",
        "the same, raw": f"{raw[0]:.2f}, {raw[1]:.2f}",
    }
    for term in ("first", "second", "jaccard", "weight"):
        ranks = hidden_ranks(items, names, vocabulary, term)
        shown[f"hidden tag by {term}, MRR of {len(ranks)}"] = f"{np.mean(ranks):.3f}"
    shown[f"root of a tree by five neighbors, {len(votes)} genres"] = f"{np.mean(votes):.2f}"
    show(shown)


if __name__ == "__main__":
    main()
