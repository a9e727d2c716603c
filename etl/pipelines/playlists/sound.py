"""Candidates by sound: one pass over the described tracks, filters, the most alike, one version of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from etl.audio.features import TIMBRE, version_of
from etl.music.likeness import likeness_space, likeness_to, similar
from etl.pipelines.audio.similar import track_meant
from etl.pipelines.playlists.pool import (
    MOST_CANDIDATES,
    POOL,
    Pool,
    by_artist,
    check_ends,
    check_enough,
    interpolated,
    one_of_each,
    track_genre_distances,
)
from etl.pipelines.playlists.request import presets
from etl.playlists.identity import labels, same_sound
from etl.playlists.season import is_of_a_season, out_of_season
from etl.playlists.transitions import Tracks, costs_of_all, transition_terms
from etl.store.playlist_tracks import genres_below, library_for_lists, tracks_for_lists
from etl.store.track_lists import vectors_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import duckdb
    from numpy.typing import NDArray

    from etl.music.likeness import LikenessSpace
    from etl.pipelines.playlists.avoid import Avoided
    from etl.pipelines.playlists.request import PlaylistRequest

    Floats = NDArray[np.float32]

_WHAT = "described tracks"
_STRANGERS = 400


@dataclass(frozen=True, eq=False)
class NearTracks:
    """Candidates and what is to be avoided, before more than their sound is known.

    Attributes
    ----------
    track_ids
        Candidates, then what is to be avoided.
    near
        How many of these are candidates.
    ids
        Tracks that were named, by name.
    points, strangers
        Shape (n, d) and (s, d): where the tracks are, and some that stand for the library.
    at_places
        Function of a number of places: what each candidate costs at each; None where nothing is asked for.
    everything, wanted, least
        How many described tracks there are, how many the list is to have, and at least.
    left_out
        Tracks that each filter has left out.
    """

    track_ids: list[str]
    near: int
    ids: dict[str, str]
    points: Floats
    strangers: Floats
    at_places: Callable[[int], Floats] | None
    everything: int
    wanted: int
    least: int
    left_out: dict[str, int]


def near_tracks(
    connection: duckdb.DuckDBPyConnection, request: PlaylistRequest, avoided: Avoided, wanted: int
) -> NearTracks:
    """Find the candidates for a list of tracks.

    Parameters
    ----------
    connection
        The store.
    request
        What is asked for.
    avoided
        What is not to be taken.
    wanted
        Tracks that the list is to have; a first guess where a time is asked for.

    Raises
    ------
    EtlError
        If a name means no track, a condition is not one, or too few tracks are left.
    """
    meant = {name: track_meant(connection, version_of(request.mode), name) for name in request.named}
    ids = {name: row["track_id"] for name, row in meant.items()}
    check_ends(request, ids)
    library, vectors = _library(connection, request, _filters(connection, request, meant))
    kept, left_out = _filtered(library, request, avoided, set(ids.values()))
    least = 1 if request.count is None and request.minutes is not None else wanted
    check_enough(int(kept.sum()), least, library.height, left_out, versions=0, of=_WHAT)
    space = likeness_space(vectors, library["content_hash"].to_list())
    places = dict(zip(library["track_id"].to_list(), range(library.height), strict=True)) if ids else {}
    at_names = {name: places[each] for name, each in ids.items()}
    rows, like = _near(space, request, at_names, kept, wanted=wanted, library=library)
    # Other versions of what is to be avoided are to be avoided, too.
    heard = np.setdiff1d(np.flatnonzero(_is_avoided(library, avoided)), rows)
    both = np.concatenate([rows, heard])
    return NearTracks(
        track_ids=library["track_id"][both.tolist()].to_list(),
        near=len(rows),
        ids=ids,
        points=space.points[both],
        strangers=space.points[space.sample[:_STRANGERS]],
        at_places=interpolated(request, like) if like else None,
        everything=library.height,
        wanted=wanted,
        least=least,
        left_out=left_out,
    )


def sound_pool(connection: duckdb.DuckDBPyConnection, request: PlaylistRequest, found: NearTracks) -> Pool:
    """Read what is known of the candidates, keep one version of each recording, and work out transitions.

    Raises
    ------
    EtlError
        If too few recordings are left.
    """
    near, track_ids, left_out = found.near, found.track_ids, dict(found.left_out)
    listed = tracks_for_lists(connection, version_of(request.mode), track_ids)
    listed = listed[_places_of(listed["track_id"].to_list(), track_ids)]
    rank = np.zeros(near, np.float32)
    if found.at_places is not None:
        rank = found.at_places(max(found.wanted, 2)).min(axis=0)
    is_named = np.isin(track_ids[:near], list(found.ids.values()))
    rank[is_named] = -1
    told = listed.drop("vector_start", "vector_end").to_dicts()
    key = listed["key"].fill_null(-1).to_numpy().astype(np.int8)
    alike = same_sound(
        found.points, found.strangers, column(listed, "duration_s"), column(listed, "bpm"), key
    )
    known_as = labels(told, alike)
    is_fresh = is_named | ~np.isin(known_as[2, :near], known_as[2, near:])
    if near < len(track_ids):
        left_out["--avoid"] += int((~is_fresh).sum())
    best, others = one_of_each(known_as[2, :near], rank, is_fresh)
    check_enough(len(best), found.least, found.everything, left_out, versions=len(others), of=_WHAT)
    number = {row: at for at, row in enumerate(best.tolist())}
    tracks = _tracks(connection, listed[best.tolist()])
    kept_row = {track_ids[row]: number[others.get(row, row)] for row in np.flatnonzero(is_named).tolist()}
    return Pool(
        rows=[told[row] for row in best.tolist()],
        named={name: kept_row[each] for name, each in found.ids.items()},
        unlike=_places(found.at_places, best),
        costs=costs_of_all(tracks, presets()[request.preset]),
        terms=lambda track: {
            term: costs[0] for term, costs in transition_terms(tracks, slice(track, track + 1)).items()
        },
        labels=known_as[:, best],
        left_out=left_out,
        versions=[(told[row], number[version_kept]) for row, version_kept in others.items()],
    )


def _library(
    connection: duckdb.DuckDBPyConnection,
    request: PlaylistRequest,
    filters: Mapping[str, Mapping[str, Any]],
) -> tuple[pl.DataFrame, Floats]:
    """Read all described tracks by id, and what likeness goes by; in the order of ids."""
    columns = (["artist"] if request.artist else []) + (["path"] if request.avoid else [])
    version = version_of(request.mode)
    read = library_for_lists(connection, version, request.where, filters, columns)
    library = read.sort("track_id")
    return library, vectors_of(connection, version, library["content_hash"], TIMBRE)


def _filters(
    connection: duckdb.DuckDBPyConnection, request: PlaylistRequest, meant: Mapping[str, Mapping[str, Any]]
) -> dict[str, dict[str, Any]]:
    """Give the filters that are wanted, with the values of their parameters."""
    quality = request.quality
    wanted: dict[str, dict[str, Any]] = {
        "duration": {"shortest_s": quality.seconds[0], "longest_s": quality.seconds[1]},
        "integrity": {},
    }
    if quality.confidence is not None:
        wanted["confidence"] = {"confidence": quality.confidence}
    if quality.excluded_genres:
        folded = [name.lower() for name in quality.excluded_genres]
        wanted["genres"] = {"genres": genres_below(connection, folded), "genres_folded": folded}
    titles = (f"{row['title']} {row['album']}".lower() for row in meant.values())
    if quality.day is not None and not any(map(is_of_a_season, titles)):  # else it is what is asked for
        wanted["season"] = {"season": out_of_season(quality.day)}
    return wanted


_OPTIONS = {
    "where": "--where",
    "duration": "--duration",
    "confidence": "--confidence",
    "genres": "--exclude-genre",
    "integrity": "integrity",
    "season": "season",
}
_ALWAYS = frozenset({"duration", "integrity", "season"})


def _filtered(
    library: pl.DataFrame, request: PlaylistRequest, avoided: Avoided, named: set[str]
) -> tuple[NDArray[np.bool_], dict[str, int]]:
    """Say which tracks may be in the list, and how many each filter has left out; those named always may."""
    kept = np.ones(library.height, np.bool_)
    left_out: dict[str, int] = {}

    def leave(option: str, passes: NDArray[np.bool_], *, always: bool = False) -> None:
        gone = int((kept & ~passes).sum())
        kept[~passes] = False
        if gone or not always:
            left_out[option] = gone

    for name, option in _OPTIONS.items():
        if name in library.columns:
            leave(option, library[name].to_numpy(), always=name in _ALWAYS)
    if request.artist is not None:
        leave("--artist", by_artist(library["artist"], request.artist).to_numpy())
    if request.avoid:
        leave("--avoid", ~_is_avoided(library, avoided))
    kept |= library["track_id"].is_in(list(named)).to_numpy()
    return kept, left_out


def _is_avoided(library: pl.DataFrame, avoided: Avoided) -> NDArray[np.bool_]:
    if "path" not in library.columns:
        return np.zeros(library.height, np.bool_)
    is_avoided = library["track_id"].is_in(list(avoided.track_ids))
    found: NDArray[np.bool_] = (is_avoided | library["path"].is_in(list(avoided.paths))).to_numpy()
    return found


def _places_of(track_ids: Sequence[str], wanted: Sequence[str]) -> list[int]:
    place = {track_id: at for at, track_id in enumerate(track_ids)}
    return [place[track_id] for track_id in wanted]


def _near(
    space: LikenessSpace,
    request: PlaylistRequest,
    named: Mapping[str, int],
    kept: NDArray[np.bool_],
    *,
    wanted: int,
    library: pl.DataFrame,
) -> tuple[NDArray[np.int64], dict[str, Floats]]:
    """Give the rows of the candidates most like what is asked for, and how like each is to what was named."""
    most = min(POOL * wanted, MOST_CANDIDATES)
    seeds = [named[name] for name in request.seeds]
    ends = {name: named[name] for name in (request.first, request.last) if name is not None}
    if seeds:
        found, likeness = similar(space, seeds, most, among=kept)
        rows = np.union1d(found, list(named.values()))
        like = np.zeros(len(space.points), np.float32)
        like[found] = likeness
        like[list(ends.values())] = [_likeness(space, seeds, row) for row in ends.values()]
        like[seeds] = 1
        return rows, {"": like[rows]}
    if ends:
        share = max(most // (2 * len(ends)), 1)
        parts = [similar(space, [row], share, among=kept)[0] for row in ends.values()]
        parts.append(similar(space, list(ends.values()), share, among=kept)[0])
        rows = np.unique(np.concatenate([*parts, np.array(list(ends.values()), np.intp)]))
        return rows, {name: likeness_to(space, row, rows).astype(np.float32) for name, row in ends.items()}
    hashes = library["content_hash"].to_list()  # as good as drawn by lot, and the same each time
    rows = np.array(sorted(np.flatnonzero(kept).tolist(), key=hashes.__getitem__)[:most], np.int64)
    return np.sort(rows), {}


def _likeness(space: LikenessSpace, seeds: Sequence[int], row: int) -> float:
    return float(np.mean([likeness_to(space, seed, np.array([row]))[0] for seed in seeds]))


def _places(at_places: Any, best: NDArray[np.int64]) -> Any:
    def places(count: int) -> Floats:
        if at_places is None:
            return np.zeros((count, len(best)), np.float32)
        found: Floats = at_places(count)[:, best]
        return found

    return places


def _tracks(connection: duckdb.DuckDBPyConnection, chosen: pl.DataFrame) -> Tracks:
    """Give the columns that transitions go by; sound in standard deviations of all starts and ends."""
    sound = {
        name: np.take(chosen[name].to_numpy(), TIMBRE, axis=1) for name in ("vector_start", "vector_end")
    }
    both = np.concatenate(list(sound.values()))
    middle, spread = both.mean(axis=0), both.std(axis=0)
    scale = np.where(spread > 0, spread, np.inf)
    starts, ends = (np.asarray((each - middle) / scale, np.float32) for each in sound.values())
    return Tracks(
        starts=starts,
        ends=ends,
        bpm=column(chosen, "bpm"),
        bpm_confidence=column(chosen, "bpm_confidence"),
        key=chosen["key"].fill_null(-1).to_numpy().astype(np.int8),
        key_confidence=column(chosen, "key_confidence"),
        lufs=column(chosen, "loudness_lufs"),
        genre_distance=track_genre_distances(connection, chosen["track_id"].to_list()),
    )


def column(rows: pl.DataFrame, name: str) -> Floats:
    """Give a column of numbers, NaN for what is not known."""
    values = rows[name].cast(pl.Float32).fill_null(float("nan"))
    return np.asarray(values.to_numpy(), np.float32)
