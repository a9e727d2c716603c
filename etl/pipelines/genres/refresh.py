"""Bring the genres of a store up to date: read raw tags, normalize each once, doubt, compare, store.

The user's vocabulary (``genres.yaml``) and corrections (``genre_similarity.yaml``) lie beside the store, and
win.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl
from scipy import sparse

from etl.exports.genre_similarity import changed_pairs, write_similarity
from etl.genres.identity import far_names
from etl.genres.normalize import normalized
from etl.genres.similarity import genre_similarity
from etl.pipelines.genres.vocabularies import vocabulary_of
from etl.runtime.watch.progress import Stage
from etl.store import genres as stored
from etl.store.writes import Write

if TYPE_CHECKING:
    from pathlib import Path

    from etl.genres.vocabulary import Vocabulary
    from etl.runtime.watch.progress import Watch
    from etl.store.bursts import BurstWriter

STAGES: Final = (Stage("read", "tags"), Stage("normalize", "tags"), Stage("compare", "genres"))


@dataclass(frozen=True)
class GenresResult:
    """What came of it.

    Attributes
    ----------
    tags
        Distinct raw tags.
    genres, unknown
        Genres that they name, and how many of these the vocabulary does not have.
    facets, rejects
        Distinct tags that say something else, and nothing, about music.
    pairs, by_user
        Pairs of near genres, and how many of these the user has corrected.
    similarity
        The file of the pairs.
    """

    tags: int
    genres: int
    unknown: int
    facets: int
    rejects: int
    pairs: int
    by_user: int
    similarity: Path


def similarity_path(database: Path) -> Path:
    """Where the pairs lie that the user may correct: ``genre_similarity.yaml`` beside the store."""
    return database.absolute().parent / "genre_similarity.yaml"


def refresh_genres(store: BurstWriter, watch: Watch, database: Path) -> GenresResult | None:
    """Read, normalize and compare the genres of all songs and tracks; None where there is no tag.

    Parameters
    ----------
    store, watch
        Of the run.
    database
        The store; the user's files lie beside it.

    Raises
    ------
    EtlError
        If one of the user's files is not of its form.
    """
    vocabulary = vocabulary_of(database)
    corrections = changed_pairs(similarity_path(database))
    with watch.timed("read"), store.reading() as connection:
        raw = stored.raw_tags(connection)["raw"]
    watch.advance("read", done=raw.len())
    if raw.is_empty():
        return None
    with watch.timed("normalize"):
        is_known = (pl.col("kind") == "genre") & pl.col("name").is_in(list(vocabulary.parents))
        tags = normalized(raw, vocabulary).with_columns(is_known.alias("in_vocabulary"))
        _replace(store, genre_tags=tags)
        _replace(store, genre_doubts=_doubts(store, vocabulary))
    watch.advance("normalize", done=raw.len())
    with watch.timed("compare"):
        with store.reading() as connection:
            items = stored.genres_of_items(connection)
        names = items["name"].unique().sort()
        pairs = _corrected(genre_similarity(_matrix(items, names), names.to_list(), vocabulary), corrections)
        _replace(store, genres=_with_parents(names, vocabulary), genre_similarity=pairs)
    watch.advance("compare", done=names.len())
    write_similarity(pairs, similarity_path(database))
    kinds = tags.group_by("kind").agg(pl.col("raw").n_unique())
    by_kind = dict(kinds.iter_rows())
    rejects = by_kind.pop("reject", 0)
    by_kind.pop("genre", 0)
    return GenresResult(
        tags=raw.len(),
        genres=names.len(),
        unknown=sum(name not in vocabulary.parents for name in names),
        facets=sum(by_kind.values()),
        rejects=rejects,
        pairs=pairs.height,
        by_user=int(pairs["by_user"].sum()),
        similarity=similarity_path(database),
    )


def _replace(store: BurstWriter, **frames: pl.DataFrame) -> None:
    store.put(Write("etl.store.genres:replace_tables", frames))


def _doubts(store: BurstWriter, vocabulary: Vocabulary) -> pl.DataFrame:
    """Find the names of artists and albums under which services tell of others."""
    with store.reading() as connection:
        claims = stored.claims(connection)
    own, said = (
        dict(claims.filter(pl.col("is_own") == is_own).group_by("who").agg("name").iter_rows())
        for is_own in (True, False)
    )
    far = far_names(own, said, vocabulary)
    return pl.DataFrame(
        {"name": far, "reason": ["far from the genres of the files"] * len(far)},
        schema={"name": pl.String, "reason": pl.String},
    )


def _with_parents(names: pl.Series, vocabulary: Vocabulary) -> pl.DataFrame:
    parents = [list(vocabulary.direct_parents(name)) for name in names]
    known = [name in vocabulary.parents for name in names]
    return pl.DataFrame(
        {"name": names, "parents": parents, "in_vocabulary": known},
        schema={"name": pl.String, "parents": pl.List(pl.String), "in_vocabulary": pl.Boolean},
    )


def _matrix(items: pl.DataFrame, names: pl.Series) -> sparse.csr_array:
    column = items["name"].replace_strict(names, np.arange(names.len()), return_dtype=pl.Int64)
    rows = items["item"].to_numpy()
    size = (int(rows.max()) + 1 if rows.size else 0, names.len())
    return sparse.csr_array((np.ones(rows.size, np.float32), (rows, column.to_numpy())), shape=size)


def _corrected(pairs: pl.DataFrame, corrections: dict[tuple[str, str], float]) -> pl.DataFrame:
    """Let the user's numbers stand in place of ours, and add pairs that only the user has."""
    own = pl.DataFrame(
        [(a, b, weight) for (a, b), weight in corrections.items()],
        schema={"a": pl.String, "b": pl.String, "own": pl.Float32},
        orient="row",
    )
    joined = pairs.join(own, on=["a", "b"], how="full", coalesce=True)
    return joined.select(
        "a",
        "b",
        *(pl.col(term).fill_null(0) for term in ("first", "second", "words", "parent", "jaccard")),
        pl.coalesce("own", "weight").alias("weight"),
        pl.col("own").is_not_null().alias("by_user"),
    ).sort("a", "b")
