"""What list to make, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final

import yaml

from etl.audio.features import Mode
from etl.playlists.rules import GAP, Curve
from etl.runtime.resources import resource

if TYPE_CHECKING:
    from datetime import date
    from pathlib import Path

    from etl.playlists.listed import PlaylistEntry

COUNT: Final = 50
"""Tracks of a list where neither their number nor their time is asked for."""


class Basis(StrEnum):
    """What lists go by: the sound of tracks, or the harmony of chord songs."""

    SOUND = "sound"
    HARMONY = "harmony"


@dataclass(frozen=True)
class Quality:
    """Which tracks are good enough.

    Attributes
    ----------
    seconds
        Least and most length.
    confidence
        Least confidence of tempo and of key; None for any.
    excluded_genres
        Genres that are not wanted, with all that are kinds of them.
    day
        The day that decides which words are out of season; None for none.
    is_day_given
        Whether that day was asked for, so that it is said if it changed nothing.
    """

    seconds: tuple[float, float] = (10.0, 1800.0)
    confidence: float | None = None
    excluded_genres: tuple[str, ...] = ()
    day: date | None = None
    is_day_given: bool = False


@dataclass(frozen=True)
class PlaylistRequest:
    r"""What list to make.

    Attributes
    ----------
    seeds
        Tracks that it should sound like: ids, paths, titles or `artist - title`.
    artist
        Only tracks by this one.
    first, last
        Tracks that it begins and ends with.
    count
        How many tracks; None for what ``minutes`` takes, else 50.
    minutes
        How long all together; None for any time.
    where
        SQL condition over the columns of view ``described_tracks``, or of ``song_overview`` for songs.
    curve
        How loudness goes.
    avoid
        Lists whose tracks are not taken: files, ``last:N``, numbers of kept lists.
    preset
        Which weights the terms have.
    gap
        Tracks of others between two of one artist.
    per_artist, per_album
        Most tracks of one, None for any number.
    quality
        Which tracks are good enough.
    basis
        Sound or harmony.
    mode
        Descriptions to go by.
    output
        M3U8, JSON, JSPF or CSV by its ending; None for none.
    absolute
        Write whole paths where they would be relative to the list.
    maps
        What the beginnings of paths become in the file, such as ``("/music", "Z:\\Music")``.
    force
        Replace a file that is there.
    """

    seeds: tuple[str, ...] = ()
    artist: str | None = None
    first: str | None = None
    last: str | None = None
    count: int | None = None
    minutes: float | None = None
    where: str | None = None
    curve: Curve = Curve.FLAT
    avoid: tuple[str, ...] = ()
    preset: str = "balanced"
    gap: int = GAP
    per_artist: int | None = None
    per_album: int | None = None
    quality: Quality = Quality()
    basis: Basis = Basis.SOUND
    mode: Mode = Mode.BEAT
    output: Path | None = None
    absolute: bool = False
    maps: tuple[tuple[str, str], ...] = ()
    force: bool = False

    @property
    def named(self) -> tuple[str, ...]:
        """All names of tracks, each once."""
        return tuple(dict.fromkeys(name for name in (*self.seeds, self.first, self.last) if name is not None))


@dataclass(frozen=True)
class Missed:
    """A candidate that is not in the list, though nearer to what was asked for than some that are.

    Attributes
    ----------
    track_id, artist, title
        Which.
    reason
        ``version`` of a track that is in the list, ``gap`` or ``cap`` where it stands nowhere without coming
        too near to its artist or going beyond what one may have, or ``dearer``.
    by
        How much dearer the list would be with it, at the best place; None where a rule is the reason.
    """

    track_id: str
    artist: str | None
    title: str | None
    reason: str
    by: float | None = None


@dataclass(frozen=True)
class Playlist:
    """A list.

    Attributes
    ----------
    tracks
        In order, each with the transition to it.
    mean, dearest
        Of the transitions, 0 to 1.
    unlike
        Mean distance of the tracks from what was wanted at their places.
    left_out
        How many tracks each filter has left out.
    versions
        Candidates that are other versions of candidates.
    gap
        Tracks of others between two of one artist that were kept; less than asked for where those are few.
    broken
        Pairs of tracks of an artist that are nearer than that.
    minutes_off
        How far the list is from the time that was asked for, where it could not be within a minute; else 0.
    outside
        Places where the level is beyond the curve's band.
    missed
        Near candidates that are not in the list, and why.
    unused
        Options that changed nothing.
    output
        The file, or None.
    unlisted
        Files of the list that the output cannot name.
    number
        The number under which it is kept; None while it waits for a run that writes to the store.
    not_kept
        Why it could not be kept, None if it could.
    """

    tracks: list[PlaylistEntry]
    mean: float
    dearest: float
    unlike: float
    left_out: dict[str, int]
    versions: int
    gap: int
    broken: int
    minutes_off: float = 0.0
    outside: int = 0
    missed: list[Missed] = field(default_factory=list)
    unused: list[str] = field(default_factory=list)
    output: Path | None = None
    unlisted: list[str] = field(default_factory=list)
    number: int | None = None
    not_kept: str | None = None

    @property
    def seconds(self) -> float:
        """How long all tracks take whose length is known."""
        return sum(track.duration_s or 0.0 for track in self.tracks)


def presets(basis: Basis = Basis.SOUND) -> dict[str, dict[str, float]]:
    """Read the weights of the terms, by preset."""
    text = resource("playlists/presets.yaml").read_text(encoding="utf-8")
    read: dict[str, dict[str, dict[str, str]]] = yaml.load(text, Loader=yaml.CBaseLoader)
    return {
        name: {term: float(weight) for term, weight in terms.items()}
        for name, terms in read[basis.value].items()
    }
