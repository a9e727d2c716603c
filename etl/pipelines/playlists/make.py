"""Make a playlist: candidates near the seeds, rules, choice and order together, a file.

Tracks are candidates when they are described, the condition lets them through and no list to avoid has them;
the best of them by likeness to the seeds (forty times as many as are wanted) go into the search.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl
import yaml

from etl.audio.features import TIMBRE, Mode, version_of
from etl.exports.playlist import PlaylistEntry, read_paths, write_playlist
from etl.music.likeness import likeness_space, similar
from etl.pipelines.audio.similar import track_meant
from etl.playlists.choose import GAP, Curve, Rules, choose, curve_places
from etl.playlists.identity import folded_artist, labels
from etl.playlists.transitions import TERMS, Tracks, transition_costs, transition_terms
from etl.runtime.errors import EtlError, ExitCode
from etl.runtime.resources import resource
from etl.store.database import read_store
from etl.store.genres import similarity
from etl.store.kept_files import check_known, check_outputs
from etl.store.playlist_tracks import candidates, ends_of, genres_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import duckdb
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

_POOL: Final = 40
"""Candidates for each track that is wanted."""

_MOST_CANDIDATES: Final = 4000


@dataclass(frozen=True)
class PlaylistRequest:
    """What list to make.

    Attributes
    ----------
    seeds
        Tracks that it should sound like: ids, paths, titles or `artist - title`.
    artist
        Only tracks by this one.
    first, last
        Tracks that it begins and ends with.
    count
        How many tracks.
    where
        SQL condition over the columns of view ``described_tracks``.
    curve
        How loudness goes.
    avoid
        Playlists whose tracks are not taken.
    preset
        Which weights the terms have.
    gap
        Tracks of others between two of one artist.
    per_artist
        Most tracks of one artist, None for any number.
    mode
        Descriptions to go by.
    output
        M3U8, JSON or CSV by its ending; None for none.
    absolute
        Write whole paths where they would be relative to the list.
    """

    seeds: tuple[str, ...] = ()
    artist: str | None = None
    first: str | None = None
    last: str | None = None
    count: int = 50
    where: str | None = None
    curve: Curve = Curve.FLAT
    avoid: tuple[Path, ...] = ()
    preset: str = "balanced"
    gap: int = GAP
    per_artist: int | None = None
    mode: Mode = Mode.BEAT
    output: Path | None = None
    absolute: bool = False


@dataclass(frozen=True)
class Playlist:
    """A list.

    Attributes
    ----------
    tracks
        In order, each with the transition to it.
    mean, dearest
        Of the transitions, 0 to 1.
    left_out
        How many tracks each filter has left out.
    broken
        Rules that could not be kept (an artist nearer than asked, a recording twice).
    unused
        Options that changed nothing.
    output
        The file, or None.
    """

    tracks: list[PlaylistEntry]
    mean: float
    dearest: float
    left_out: dict[str, int]
    broken: int
    unused: list[str] = field(default_factory=list)
    output: Path | None = None


def presets() -> dict[str, dict[str, float]]:
    """Read the weights of the terms, by preset."""
    text = resource("playlists/presets.yaml").read_text(encoding="utf-8")
    read: dict[str, dict[str, str]] = yaml.load(text, Loader=yaml.CBaseLoader)
    return {name: {term: float(weight) for term, weight in terms.items()} for name, terms in read.items()}


def make_playlist(database: Path, request: PlaylistRequest) -> Playlist:
    """Choose and order tracks, and write them.

    Raises
    ------
    EtlError
        If a name means no track, or too few tracks are left; the message says which filter left how many.
    """
    check_outputs([request.output], database=database)
    version = version_of(request.mode)
    with read_store(database) as connection:
        check_known(connection, [request.output])
        named = {
            name: track_meant(connection, version, name)["track_id"]
            for name in (*request.seeds, request.first, request.last)
            if name is not None
        }
        _check_ends(request, named)
        pool, left_out = _candidates(connection, version, request, set(named.values()))
        pool, places = _near(pool, request, named)
        rows = pool.drop("vector_whole").to_dicts()
        costs, terms = _costs(connection, version, pool, presets()[request.preset])
    numbers = {row["track_id"]: number for number, row in enumerate(rows)}
    places = places + curve_places(_column(pool, "loudness_lufs"), request.count, request.curve)
    rules = Rules(request.gap, request.per_artist or request.count, request.count)
    found = choose(
        costs,
        places.astype(np.float32),
        labels(rows),
        rules,
        first=None if request.first is None else numbers[named[request.first]],
        last=None if request.last is None else numbers[named[request.last]],
    )
    tracks = _entries(rows, found.order.tolist(), costs, terms)
    if request.output is not None:
        write_playlist(tracks, request.output, absolute=request.absolute)
    return Playlist(
        tracks, found.mean, found.dearest, left_out, found.broken, _unused(request, pool), request.output
    )


def _check_ends(request: PlaylistRequest, named: Mapping[str, str]) -> None:
    ends = [named[name] for name in (request.first, request.last) if name is not None]
    if len(ends) > len(set(ends)) or len(ends) > request.count:
        raise EtlError(
            "a list cannot begin and end with the same track.",
            "Give --from and --to different tracks, and a --count of 2 at least.",
            exit_code=ExitCode.USAGE,
        )


def _candidates(
    connection: duckdb.DuckDBPyConnection, version: str, request: PlaylistRequest, named: set[str]
) -> tuple[pl.DataFrame, dict[str, int]]:
    """Read the tracks that may be in the list; those that were named always may."""
    everything = candidates(connection, version, None)
    kept = candidates(connection, version, request.where) if request.where else everything
    left_out = {"--where": everything.height - kept.height} if request.where else {}
    ids = set(kept["track_id"])
    if request.artist is not None:
        wanted = folded_artist(request.artist)
        of_artist = {
            track_id
            for track_id, name in kept.select("track_id", "artist").iter_rows()
            if folded_artist(name) == wanted
        }
        left_out["--artist"] = len(ids - of_artist)
        ids &= of_artist
    if request.avoid:
        avoided = {path for playlist in request.avoid for path in read_paths(playlist)}
        known = set(kept.filter(kept["path"].is_in(list(avoided)))["track_id"])
        left_out["--avoid"] = len(ids & known)
        ids -= known
    ids |= named
    pool = everything.filter(everything["track_id"].is_in(list(ids)))
    if pool.height < request.count:
        filters = "".join(f"; {option} left out {count:,}" for option, count in left_out.items())
        raise EtlError(
            f"{pool.height:,} of {everything.height:,} described tracks may be in the list, "
            f"and {request.count:,} are wanted{filters}.",
            "Ask for fewer with --count, loosen the filters, or describe more with `etl library sonic`.",
            exit_code=ExitCode.FAILURE,
        )
    return pool, left_out


def _near(
    pool: pl.DataFrame, request: PlaylistRequest, named: Mapping[str, str]
) -> tuple[pl.DataFrame, Floats]:
    """Keep the candidates most like what is asked for, and say what each costs at each place."""
    features = np.ascontiguousarray(pool["vector_whole"].to_numpy()[:, TIMBRE], dtype=np.float32)
    space = likeness_space(features, pool["content_hash"].to_list())
    numbers = {track_id: number for number, track_id in enumerate(pool["track_id"])}
    seeds = [numbers[named[name]] for name in request.seeds]
    ends = [None if name is None else numbers[named[name]] for name in (request.first, request.last)]
    unlike = np.zeros((request.count, pool.height), np.float32)
    if seeds:
        unlike += _unlikeness(space, seeds)
    elif any(end is not None for end in ends):
        # Without seeds a list goes from the sound of its first track to that of its last.
        weights = np.linspace(1, 0, request.count, dtype=np.float32)[:, None]
        for end, weight in zip(ends, (weights, 1 - weights), strict=True):
            if end is not None:
                unlike += weight * _unlikeness(space, [end])
    most = min(pool.height, _POOL * request.count, _MOST_CANDIDATES)
    must = [*seeds, *(end for end in ends if end is not None)]
    rank = unlike.min(axis=0)
    rank[must] = -1
    kept = np.sort(np.argsort(rank, kind="stable")[:most])
    return pool[kept.tolist()], unlike[:, kept]


def _unlikeness(space: Any, seeds: Sequence[int]) -> Floats:
    """Give 1 less the likeness of every track to some; 0 for themselves."""
    rows, likeness = similar(space, seeds, len(space.points))
    unlike = np.ones(len(space.points), np.float32)
    unlike[rows] = 1 - likeness
    unlike[list(seeds)] = 0
    return unlike


def _costs(
    connection: duckdb.DuckDBPyConnection, version: str, pool: pl.DataFrame, weights: Mapping[str, float]
) -> tuple[Floats, dict[str, Floats]]:
    sound = ends_of(connection, version, pool["track_id"].to_list())
    whole = pool["vector_whole"].to_numpy()[:, TIMBRE]
    middle, spread = whole.mean(axis=0), whole.std(axis=0)
    scale = np.where(spread > 0, spread, np.inf)
    starts, ends = (
        np.asarray((sound[name].to_numpy()[:, TIMBRE] - middle) / scale, np.float32)
        for name in ("vector_start", "vector_end")
    )
    tracks = Tracks(
        starts=starts,
        ends=ends,
        bpm=_column(pool, "bpm"),
        bpm_confidence=_column(pool, "bpm_confidence"),
        key=pool["key"].fill_null(-1).to_numpy().astype(np.int8),
        key_confidence=_column(pool, "key_confidence"),
        lufs=_column(pool, "loudness_lufs"),
        genre_distance=_genre_distances(connection, pool["track_id"].to_list()),
    )
    terms = transition_terms(tracks)
    return transition_costs(terms, weights), terms


def _genre_distances(connection: duckdb.DuckDBPyConnection, track_ids: list[str]) -> Floats:
    """Give 1 less the similarity of the nearest two genres of each pair; NaN where one has none."""
    pairs = genres_of(connection, track_ids)
    names = pairs["name"].unique().sort().to_list()
    number = {name: position for position, name in enumerate(names)}
    near = np.eye(len(names), dtype=np.float32)
    for a, b, weight in similarity(connection).select("a", "b", "weight").iter_rows():
        if a in number and b in number:
            near[number[a], number[b]] = near[number[b], number[a]] = weight
    place = {track_id: position for position, track_id in enumerate(track_ids)}
    nearest = np.full((len(track_ids), len(names)), -1, np.float32)
    has: list[list[int]] = [[] for _ in track_ids]
    for track_id, name in pairs.iter_rows():
        has[place[track_id]].append(number[name])
    for track, genres in enumerate(has):
        if genres:
            nearest[track] = near[genres].max(axis=0)
    distance = np.full((len(track_ids), len(track_ids)), np.nan, np.float32)
    tagged = np.array([bool(genres) for genres in has])
    for track, genres in enumerate(has):
        if genres:
            distance[tagged, track] = 1 - nearest[tagged][:, genres].max(axis=1)
    return distance


def _column(pool: pl.DataFrame, name: str) -> Floats:
    values = pool[name].cast(pl.Float32).fill_null(float("nan"))
    return np.asarray(values.to_numpy(), np.float32)


def _entries(
    rows: Sequence[dict[str, Any]], order: Sequence[int], costs: Floats, terms: Mapping[str, Floats]
) -> list[PlaylistEntry]:
    names = (
        "track_id",
        "path",
        "artist",
        "title",
        "duration_s",
        "bpm",
        "key_name",
        "camelot",
        "loudness_lufs",
    )
    entries = []
    for at, track in enumerate(order):
        before = order[at - 1] if at else None
        told = (
            None if before is None else {term: round(float(terms[term][before, track]), 3) for term in TERMS}
        )
        cost = None if before is None else round(float(costs[before, track]), 3)
        entries.append(
            PlaylistEntry(**{name: rows[track][name] for name in names}, transition=cost, terms=told)
        )
    return entries


def _unused(request: PlaylistRequest, pool: pl.DataFrame) -> list[str]:
    """Name the options that could not change anything."""
    unused = []
    if request.curve is not Curve.FLAT and pool["loudness_lufs"].null_count() == pool.height:
        unused.append("--curve: no track has a loudness; describe them again with `etl library sonic`")
    if request.avoid and not any(read_paths(playlist) for playlist in request.avoid):
        unused.append("--avoid: the lists are empty")
    return unused
