"""Tracks by words of their tags and paths."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from etl.exports.m3u8 import write_m3u8
from etl.pipelines.audio.similar import ListedTrack, as_listed
from etl.store.database import read_store
from etl.store.kept_files import check_known, check_outputs
from etl.store.track_lists import tracks_with_words

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


@dataclass(frozen=True)
class FoundTracks:
    """Tracks with some words.

    Attributes
    ----------
    tracks
        By artist and title.
    output
        The playlist that was written, or None.
    unlisted
        Files that it cannot name.
    """

    tracks: list[ListedTrack]
    output: Path | None
    unlisted: list[str] = field(default_factory=list)


def find_tracks(database: Path, words: Sequence[str], *, limit: int, output: Path | None) -> FoundTracks:
    """List the tracks, described or not, that have all words in artist, title, album, genre or path."""
    check_outputs([output], database=database)
    with read_store(database) as connection:
        check_known(connection, [output])
        found = tracks_with_words(connection, words, limit)
    tracks = [as_listed(row) for row in found.iter_rows(named=True)]
    unlisted = [] if output is None else write_m3u8(tracks, output)
    return FoundTracks(tracks, output, unlisted)
