"""Lists of tracks that sound like some tracks: one recording once, the seeds not among them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from etl.audio.features import TIMBRE, Mode, version_of
from etl.exports.m3u8 import write_m3u8
from etl.music.likeness import likeness_space, similar
from etl.runtime.errors import EtlError, ExitCode
from etl.sources.folders.walk import whole
from etl.store.database import read_store
from etl.store.genres import genre_likeness
from etl.store.kept_files import check_known, check_outputs
from etl.store.track_lists import listed_tracks, names_like, sound_vectors, tracks_named

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    import duckdb
    import polars as pl

_NAMED_AT_MOST: Final = 3
_POOL: Final = 10
"""So many times as many tracks as by sound alone are looked at where genres count."""

_UNKNOWN: Final = 0.5  # nearness of genres where a track has none


@dataclass(frozen=True)
class SimilarRequest:
    """What to list.

    Attributes
    ----------
    tracks
        Ids, paths, titles or `artist - title` of the seeds.
    limit
        Tracks to list.
    per_artist
        Most tracks of one artist; None for any number.
    mode
        Descriptions to go by.
    output
        M3U8 to write; None for none.
    genres
        Share of the likeness, 0 to 1, that is the nearness of genres; the rest is sound.
    """

    tracks: tuple[str, ...]
    limit: int = 50
    per_artist: int | None = None
    mode: Mode = Mode.BEAT
    output: Path | None = None
    genres: float = 0.0


@dataclass(frozen=True)
class ListedTrack:
    """A track of a list.

    Attributes
    ----------
    track_id, path, artist, title, duration_s, bpm, key_name, camelot
        As in view ``library``.
    likeness
        To the seeds, 0 to 1; None for a seed.
    """

    track_id: str
    path: str
    artist: str | None
    title: str | None
    duration_s: float | None
    bpm: float | None
    key_name: str | None
    camelot: str | None
    likeness: float | None = None


@dataclass(frozen=True)
class SimilarTracks:
    """A list and what it goes by.

    Attributes
    ----------
    seeds
        What the names were taken for.
    tracks
        Most alike first.
    output
        The playlist that was written, or None.
    unlisted
        Files that it cannot name.
    """

    seeds: list[ListedTrack]
    tracks: list[ListedTrack]
    output: Path | None
    unlisted: list[str] = field(default_factory=list)


def similar_tracks(database: Path, request: SimilarRequest) -> SimilarTracks:
    """List the tracks that sound most like some tracks.

    Copies of a recording (same content, same MusicBrainz recording, same artist and title) are listed once,
    and not at all if they are copies of a seed.

    Raises
    ------
    EtlError
        If a name means no described track, or several recordings.
    """
    check_outputs([request.output], database=database)
    version = version_of(request.mode)
    with read_store(database) as connection:
        check_known(connection, [request.output])
        seeds = [track_meant(connection, version, name) for name in request.tracks]
        sound = sound_vectors(connection, version, TIMBRE)
        space = likeness_space(sound.features, sound.content_hashes)
        places = {track_id: row for row, track_id in enumerate(sound.track_ids)}
        rows = [places[seed["track_id"]] for seed in seeds]
        wanted, chosen = 2 * request.limit + 20, []
        if request.genres:  # which move tracks up from farther away
            wanted *= _POOL
        while True:
            found, by_sound = similar(space, rows, wanted)
            ids = [sound.track_ids[row] for row in found]
            likeness = dict(zip(ids, by_sound.tolist(), strict=True))
            if request.genres:
                near = genre_likeness(connection, [seed["track_id"] for seed in seeds], ids)
                likeness = _mixed(likeness, near, request.genres)
            tracks = listed_tracks(connection, version, list(likeness))
            chosen = _each_once(tracks, list(likeness.values()), seeds, request)
            if len(chosen) == request.limit or len(found) < wanted:
                break
            wanted *= 4
    unlisted = [] if request.output is None else write_m3u8(chosen, request.output)
    return SimilarTracks([as_listed(seed) for seed in seeds], chosen, request.output, unlisted)


def _mixed(by_sound: dict[str, float], by_genre: dict[str, float], share: float) -> dict[str, float]:
    """Mix likeness of sound with that of genres, most alike first; nothing is gained by not knowing."""
    mixed = {
        track: (1 - share) * sound + share * by_genre.get(track, _UNKNOWN)
        for track, sound in by_sound.items()
    }
    return dict(sorted(mixed.items(), key=lambda each: -each[1]))


def track_meant(connection: duckdb.DuckDBPyConnection, version: str | None, name: str) -> dict[str, Any]:
    """Give the track that a name means, the first of its copies, with a description of a version, or of any.

    Raises
    ------
    EtlError
        If it means no described track, or several recordings.
    """
    found = tracks_named(connection, version, name, whole(name))
    rows = found.to_dicts()
    if not rows:
        hint = "Give a title, `artist - title`, a path or a track id; `etl library find WORD` lists tracks."
        if near := names_like(connection, name):
            hint = f"Did you mean {' or '.join(near)}?"
        raise EtlError(f"no analyzed track is called {name}.", hint, exit_code=ExitCode.USAGE)
    others = [row for row in rows[1:] if not _recordings(row) & _recordings(rows[0])]
    if others:
        names = "; ".join(_name(row) for row in [rows[0], *others][:_NAMED_AT_MOST])
        more = len(others) + 1 - _NAMED_AT_MOST
        raise EtlError(
            f"{name} may be {names}{f' and {more:,} more' if more > 0 else ''}.",
            "Give more of the name, or a path.",
            exit_code=ExitCode.USAGE,
        )
    return rows[0]


def _each_once(
    tracks: pl.DataFrame, likeness: Sequence[float], seeds: Iterable[dict[str, Any]], request: SimilarRequest
) -> list[ListedTrack]:
    """Choose the first tracks of which neither the recording nor too many of the artist are there."""
    heard = {key for seed in seeds for key in _recordings(seed)}
    by_artist: dict[str, int] = {}
    chosen: list[ListedTrack] = []
    for row, alike in zip(tracks.iter_rows(named=True), likeness, strict=True):
        keys = _recordings(row)
        artist = _folded(row["artist"])
        is_full = request.per_artist is not None and by_artist.get(artist, 0) >= request.per_artist
        if keys & heard or (artist and is_full):
            continue
        heard |= keys
        by_artist[artist] = by_artist.get(artist, 0) + 1
        chosen.append(as_listed(row, alike))
        if len(chosen) == request.limit:
            break
    return chosen


def _recordings(row: dict[str, Any]) -> set[tuple[str, ...]]:
    """Give what tells a recording: two rows with one of these in common are copies."""
    keys: set[tuple[str, ...]] = {("content", row["content_hash"])}
    if row["musicbrainz_recordingid"]:
        keys.add(("musicbrainz", row["musicbrainz_recordingid"]))
    if row["artist"] and row["title"]:
        keys.add(("name", _folded(row["artist"]), _folded(row["title"])))
    return keys


def _folded(text: str | None) -> str:
    return (text or "").casefold().strip()


def _name(row: dict[str, Any]) -> str:
    return " - ".join(text for text in (row["artist"], row["title"]) if text) or row["path"]


def as_listed(row: dict[str, Any], likeness: float | None = None) -> ListedTrack:
    """Give a row of a list as a track."""
    names = ("track_id", "path", "artist", "title", "duration_s", "bpm", "key_name", "camelot")
    return ListedTrack(**{name: row[name] for name in names}, likeness=likeness)
