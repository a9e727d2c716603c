"""Candidates by harmony: chord songs near the seeds by their chords, one version of each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from etl.music.keys import CAMELOT
from etl.pipelines.playlists.pool import (
    MOST_CANDIDATES,
    POOL,
    Pool,
    by_artist,
    check_ends,
    check_enough,
    genre_distances,
    interpolated,
    one_of_each,
)
from etl.pipelines.playlists.request import Quality, presets
from etl.playlists.harmony import Songs, costs_of_songs, harmony_vectors, song_terms
from etl.playlists.identity import folded_artist, labels
from etl.runtime.errors import EtlError, ExitCode
from etl.store.playlist_songs import count_songs, genres_of_songs, near_songs, songs_like, songs_named

if TYPE_CHECKING:
    import duckdb
    import polars as pl
    from numpy.typing import NDArray

    from etl.pipelines.playlists.avoid import Avoided
    from etl.pipelines.playlists.request import PlaylistRequest

    Floats = NDArray[np.float32]


def harmony_pool(
    connection: duckdb.DuckDBPyConnection, request: PlaylistRequest, avoided: Avoided, wanted: int
) -> Pool:
    """Read the candidates for a list of chord songs; parameters and errors as of ``sound_pool``."""
    for option, is_given in (
        ("--minutes", request.minutes is not None),
        ("--exclude-genre", bool(request.quality.excluded_genres)),
        ("--confidence", request.quality.confidence is not None),
        ("--duration", request.quality.seconds != Quality.seconds),
    ):
        if is_given:
            raise EtlError(
                f"{option} only applies to audio tracks, not to chord songs.",
                "Leave it out, or use --where.",
                exit_code=ExitCode.USAGE,
            )
    ids = {name: _song_meant(connection, name) for name in request.named}
    check_ends(request, {name: str(song) for name, song in ids.items()})
    everything = count_songs(connection, None)
    left_out = {}
    if request.where:
        left_out["--where"] = everything - count_songs(connection, request.where)
    most = min(POOL * wanted, MOST_CANDIDATES)
    songs = near_songs(
        connection, list(ids.values()), request.where, most if request.artist is None else None
    )
    songs, left_out = _filtered(songs, request, avoided, set(ids.values()), left_out)
    rows = songs.select(
        "track_id", "artist", "title", "album", "content_hash", "isrc", "musicbrainz_recordingid", "path",
        "duration_s", "bpm", "key_name", "key", "loudness_lufs", "song_id",
    ).to_dicts()  # fmt: skip
    for row in rows:
        row["camelot"] = CAMELOT[row["key"]]
    key = songs["key"].to_numpy().astype(np.int8)
    vectors = harmony_vectors(
        songs["category_counts"].to_numpy().astype(np.float32),
        songs["fingerprint_mean"].to_numpy().astype(np.float32),
        key,
    )
    number = {song: row for row, song in enumerate(songs["song_id"].to_list())}
    like = _like(vectors, request, {name: number[song] for name, song in ids.items()})
    at_places = interpolated(request, like) if like else None
    rank = np.zeros(len(rows), np.float32) if at_places is None else at_places(max(wanted, 2)).min(axis=0)
    rank[[number[song] for song in ids.values()]] = -1
    known_as = labels(rows)
    best, others = one_of_each(known_as[2], rank, np.ones(len(rows), np.bool_))
    check_enough(len(best), wanted, everything, left_out, versions=len(others), of="chord songs")
    place = {row: at for at, row in enumerate(best.tolist())}
    chosen = songs[best.tolist()]
    ordered = Songs(
        vectors=vectors[best],
        key=key[best],
        key_confidence=chosen["key_confidence"].to_numpy().astype(np.float32),
        entropy_bits=chosen["chord_entropy_bits"].to_numpy().astype(np.float32),
        genre_distance=genre_distances(
            connection, chosen["song_id"].to_list(), genres_of_songs(connection, chosen["song_id"].to_list())
        ),
    )

    def places(count: int) -> Floats:
        if at_places is None:
            return np.zeros((count, len(best)), np.float32)
        return at_places(count)[:, best]

    return Pool(
        rows=[rows[row] for row in best.tolist()],
        named={name: place[others.get(number[song], number[song])] for name, song in ids.items()},
        unlike=places,
        costs=costs_of_songs(ordered, presets(request.basis)[request.preset]),
        terms=lambda song: {
            term: costs[0] for term, costs in song_terms(ordered, slice(song, song + 1)).items()
        },
        labels=known_as[:, best],
        left_out=left_out,
        versions=[(rows[row], place[kept]) for row, kept in others.items()],
    )


def _song_meant(connection: duckdb.DuckDBPyConnection, name: str) -> int:
    found = songs_named(connection, name)
    if not found:
        hint = "Give the id of a song, its title, or `artist - title`."
        if near := songs_like(connection, name):
            hint = f"Did you mean {' or '.join(near)}?"
        raise EtlError(f"no chord song is called {name}.", hint, exit_code=ExitCode.USAGE)
    artists = {folded_artist(artist) for _, artist, _ in found}
    if len(artists) > 1:
        names = "; ".join(f"{artist or 'unknown'} - {title}" for _, artist, title in found[:3])
        raise EtlError(
            f"{name} may be {names}.", "Give artist and title, or an id.", exit_code=ExitCode.USAGE
        )
    return found[0][0]


def _filtered(
    songs: pl.DataFrame,
    request: PlaylistRequest,
    avoided: Avoided,
    named: set[int],
    left_out: dict[str, int],
) -> tuple[pl.DataFrame, dict[str, int]]:
    is_named = songs["song_id"].is_in(list(named))
    kept: Any = is_named | True
    if request.artist is not None:
        kept = by_artist(songs["artist"], request.artist)
        left_out["--artist"] = int((~kept).sum())
    if request.avoid:
        fresh = ~songs["track_id"].is_in(list(avoided.track_ids))
        left_out["--avoid"] = int((kept & ~fresh).sum())
        kept &= fresh
    return songs.filter(kept | is_named), left_out


def _like(vectors: NDArray[Any], request: PlaylistRequest, named: dict[str, int]) -> dict[str, Floats]:
    """Give how like each song is to the seeds together, or to each end: 1 less the distance."""
    vectors = vectors.astype(np.float64)  # products of them are the same by any number of threads
    if request.seeds:
        rows = [named[name] for name in request.seeds]
        like = (vectors @ vectors[rows].T).mean(axis=1)
        like[rows] = 1
        return {"": np.clip(like, 0, 1).astype(np.float32)}
    return {name: np.clip(vectors @ vectors[row], 0, 1).astype(np.float32) for name, row in named.items()}
