"""What the search chooses from: candidates with their costs, whatever they go by."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from etl.playlists.identity import folded_artist
from etl.runtime.errors import EtlError, ExitCode
from etl.store.genres import similarity
from etl.store.playlist_tracks import genres_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import duckdb
    import polars as pl
    from numpy.typing import NDArray

    from etl.pipelines.playlists.request import PlaylistRequest

    Floats = NDArray[np.float32]

POOL: Final = 40
"""Candidates for each track that is wanted."""

MOST_CANDIDATES: Final = 4000


@dataclass(frozen=True, eq=False)
class Pool:
    """Candidates, one version of each recording.

    Attributes
    ----------
    rows
        What is known of each, of n.
    named
        Numbers of the tracks that were named, by name.
    unlike
        Function of a number of places: shape (m, n), what each track costs at each place.
    costs
        Shape (n, n), float32: transitions.
    terms
        Function of the number of a track: the terms of the transitions from it, each of shape (n,).
    labels
        Shape (3, n): artist, album and recording.
    left_out
        Tracks that each filter has left out.
    versions
        Rows of other versions, each with the number of the candidate that it is a version of.
    """

    rows: list[dict[str, Any]]
    named: dict[str, int]
    unlike: Callable[[int], Floats]
    costs: Floats
    terms: Callable[[int], Mapping[str, Floats]]
    labels: NDArray[np.int64]
    left_out: dict[str, int]
    versions: list[tuple[dict[str, Any], int]]


def one_of_each(
    recordings: NDArray[np.int64], rank: Floats, may_be: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], dict[int, int]]:
    """Choose a version of each recording: that of the least rank, of those that may be chosen.

    Returns
    -------
    kept : ndarray
        Rows, ascending.
    others : dict
        For each other row that which was kept of its recording.
    """
    best: dict[int, int] = {}
    for row in np.argsort(rank, kind="stable").tolist():
        if may_be[row]:
            best.setdefault(int(recordings[row]), row)
    kept = np.array(sorted(best.values()), np.int64)
    chosen = set(kept.tolist())
    others = {
        row: best[int(label)] for row, label in enumerate(recordings) if may_be[row] and row not in chosen
    }
    return kept, others


def interpolated(request: PlaylistRequest, like: Mapping[str, Floats]) -> Callable[[int], Floats]:
    """Give what tracks cost at places, by how unlike they are to those that were named.

    Parameters
    ----------
    request
        Seeds count everywhere; without any, a list goes from its first track to its last.
    like
        Shape (n,) for each name of an end, and for ``""``, the seeds together: 0 to 1.
    """
    size = len(next(iter(like.values())))

    def places(count: int) -> Floats:
        costs = np.zeros((count, size), np.float32)
        if "" in like:
            costs += 1 - like[""]
            return costs
        weights = np.linspace(1, 0, count, dtype=np.float32)[:, None]
        for name, weight in ((request.first, weights), (request.last, 1 - weights)):
            if name is not None:
                costs += weight * (1 - like[name])
        return costs

    return places


def check_ends(request: PlaylistRequest, ids: Mapping[str, str]) -> None:
    """Refuse ends that are one track, or more than the list has places.

    Raises
    ------
    EtlError
        If they are.
    """
    ends = [ids[name] for name in (request.first, request.last) if name is not None]
    if len(ends) > len(set(ends)) or (request.count is not None and len(ends) > request.count):
        raise EtlError(
            "a list cannot begin and end with the same track.",
            "Give --from and --to different tracks, and a --count of 2 at least.",
            exit_code=ExitCode.USAGE,
        )


def check_enough(
    found: int, wanted: int, everything: int, left_out: Mapping[str, int], *, versions: int, of: str
) -> None:
    """Refuse a list of more tracks than there are.

    Raises
    ------
    EtlError
        If there are too few; it says which filter left out how many.
    """
    if found >= wanted:
        return
    filters = "".join(f"; {option} left out {count:,}" for option, count in left_out.items())
    if versions:
        filters += f"; {versions:,} are other versions of these"
    raise EtlError(
        f"only {found:,} of {everything:,} {of} qualify, but {wanted:,} are wanted{filters}.",
        "Ask for fewer with --count, or loosen the filters.",
        exit_code=ExitCode.FAILURE,
    )


def by_artist(artists: pl.Series, wanted: str) -> pl.Series:
    """Say which candidates are by an artist, in any spelling of the name.

    Raises
    ------
    EtlError
        If none is; names who may have been meant.
    """
    known = artists.drop_nulls().unique().to_list()
    names = [name for name in known if folded_artist(name) == folded_artist(wanted)]
    if not names:
        near = get_close_matches(wanted, sorted(known))
        raise EtlError(
            f"no candidate is by {wanted}.",
            f"Did you mean {' or '.join(near)}?" if near else "`etl library find WORD` lists tracks.",
            exit_code=ExitCode.USAGE,
        )
    return artists.is_in(names).fill_null(value=False)


def genre_distances(connection: duckdb.DuckDBPyConnection, ids: Sequence[str], pairs: pl.DataFrame) -> Floats:
    """Give 1 less the similarity of the nearest two genres of each pair of tracks; NaN where one has none.

    Parameters
    ----------
    connection
        The store.
    ids
        Tracks, n of them.
    pairs
        Id and genre.
    """
    names = pairs.to_series(1).unique().sort().to_list()
    number = {name: position for position, name in enumerate(names)}
    near = np.eye(len(names), dtype=np.float32)
    for a, b, weight in similarity(connection).select("a", "b", "weight").iter_rows():
        if a in number and b in number:
            near[number[a], number[b]] = near[number[b], number[a]] = weight
    genres: dict[str, list[int]] = {}
    for track_id, name in pairs.iter_rows():
        genres.setdefault(track_id, []).append(number[name])
    # Many tracks share their genres: each set of them is compared once.
    sets: dict[tuple[int, ...], int] = {}
    place = np.array(
        [sets.setdefault(tuple(sorted(genres.get(each, ()))), len(sets)) for each in ids], np.int64
    )
    distance = np.full((len(sets), len(sets)), np.nan, np.float32)
    for one, at in sets.items():
        nearest = near[list(one)].max(axis=0) if one else near[:0].sum(axis=0)
        for other, to in sets.items():
            if one and other:
                distance[at, to] = 1 - nearest[list(other)].max()
    return np.asarray(np.take(distance[place], place, axis=1))


def track_genre_distances(connection: duckdb.DuckDBPyConnection, ids: Sequence[str]) -> Floats:
    """Give the distances of the genres of audio tracks, as :func:`genre_distances`."""
    return genre_distances(connection, ids, genres_of(connection, ids))
