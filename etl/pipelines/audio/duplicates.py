"""Tracks that are there more than once: the same sound under other tags, and nearly the same sound."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from etl.audio.features import FINGERPRINT, Mode, version_of
from etl.exports.m3u8 import write_m3u8
from etl.music.likeness import likeness_space
from etl.music.near_copies import near_copies
from etl.store.database import read_store
from etl.store.kept_files import check_known, check_outputs
from etl.store.track_lists import copies_of_content, listed_tracks, sound_vectors

if TYPE_CHECKING:
    from pathlib import Path

    import duckdb

DISTANCE: Final = 0.5
"""Largest distance of near copies, in standard deviations of the library: of 18 pieces and recordings, MP3 at
128 kbps lies within 0.22, Opus at 96 within 0.44, the nearest other piece at 0.64."""

APART_S: Final = 1.0
"""Largest difference of their lengths: encoders add up to a tenth of a second, silence is cut or kept."""


class Sameness(StrEnum):
    """How tracks are the same."""

    SOUND = "same sound"
    NEAR = "nearly the same"


@dataclass(frozen=True)
class Copy:
    """A track of a group."""

    track_id: str
    path: str
    artist: str | None
    title: str | None
    duration_s: float | None
    kind: str | None
    size_bytes: int


@dataclass(frozen=True)
class DuplicateGroup:
    """Tracks that are one recording, and how they are the same."""

    sameness: Sameness
    tracks: list[Copy]


@dataclass(frozen=True)
class Duplicates:
    """Tracks that are there more than once.

    Attributes
    ----------
    groups
        By path of the first.
    output
        The playlist that was written, or None.
    unlisted
        Files that it cannot name.
    """

    groups: list[DuplicateGroup]
    output: Path | None = None
    unlisted: list[str] = field(default_factory=list)


def find_duplicates(database: Path, output: Path | None = None) -> Duplicates:
    """Group the tracks that are there more than once, and write them as a playlist if wanted.

    Files of the same content hash have the same sound. Nearly the same are described recordings of about
    the same length that agree in what coding and level leave as it is.
    """
    version = version_of(Mode.BEAT)
    check_outputs([output], database=database)
    with read_store(database) as connection:
        check_known(connection, [output])
        same = copies_of_content(connection).to_dicts()
        near = _near(connection, version)
    groups: dict[str, list[dict[str, Any]]] = {}
    for row in same:
        groups.setdefault(row["content_hash"], []).append(row)
    found = [DuplicateGroup(Sameness.SOUND, [_copy(row) for row in rows]) for rows in groups.values()]
    found += [DuplicateGroup(Sameness.NEAR, [_copy(row) for row in rows]) for rows in near]
    found.sort(key=lambda group: (group.sameness != Sameness.SOUND, group.tracks[0].path))
    tracks = [copy for group in found for copy in group.tracks]
    return Duplicates(found, output, [] if output is None else write_m3u8(tracks, output))


def _near(connection: duckdb.DuckDBPyConnection, version: str) -> list[list[dict[str, Any]]]:
    sound = sound_vectors(connection, version, FINGERPRINT)
    if not sound.track_ids:
        return []
    # One file of each content: its copies are told as such.
    _, first = np.unique(np.asarray(sound.content_hashes), return_index=True)
    space = likeness_space(sound.features[first], [sound.content_hashes[row] for row in first])
    groups = near_copies(space, sound.seconds[first], distance=DISTANCE, apart_s=APART_S)
    ids = [[sound.track_ids[first[row]] for row in rows] for rows in groups]
    tracks = listed_tracks(connection, version, [each for group in ids for each in group])
    rows = {row["track_id"]: row for row in tracks.iter_rows(named=True)}
    return [sorted((rows[each] for each in group), key=lambda row: str(row["path"])) for group in ids]


def _copy(row: dict[str, Any]) -> Copy:
    names = ("track_id", "path", "artist", "title", "duration_s", "kind", "size_bytes")
    return Copy(**{name: row[name] for name in names})
