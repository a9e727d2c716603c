"""A track of a list, with all that the list says of it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class PlaylistEntry:
    """A track of a list.

    Attributes
    ----------
    track_id
        Its id; of a chord song that of its source.
    path
        The file; None for a chord song.
    artist, title, album, duration_s, bpm, key_name, camelot, loudness_lufs, isrc, musicbrainz_recordingid
        As in view ``library``.
    transition
        What the transition to it costs, 0 to 1; None for the first.
    terms
        The terms of that, see :mod:`etl.playlists.transitions` and :mod:`etl.playlists.harmony`.
    """

    track_id: str
    path: str | None
    artist: str | None
    title: str | None
    album: str | None = None
    duration_s: float | None = None
    bpm: float | None = None
    key_name: str | None = None
    camelot: str | None = None
    loudness_lufs: float | None = None
    isrc: str | None = None
    musicbrainz_recordingid: str | None = None
    transition: float | None = None
    terms: dict[str, float] | None = None
