"""Lists that are kept: which there are, and one of them with its curves."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime  # noqa: TC003 - of a field
from typing import TYPE_CHECKING, Any

from etl.pipelines.playlists.avoid import kept_numbers
from etl.playlists.listed import PlaylistEntry
from etl.runtime.errors import EtlError, ExitCode
from etl.store.database import read_store
from etl.store.playlists import kept_playlist, kept_playlists

if TYPE_CHECKING:
    from pathlib import Path

    import duckdb


@dataclass(frozen=True)
class KeptPlaylist:
    """A list as it is kept.

    Attributes
    ----------
    number, made_at
        Its number, and when it was made (UTC).
    basis, preset
        What it goes by, and which weights its terms had.
    request
        What was asked for.
    output
        The file that was written, or None.
    count, seconds
        How many tracks, and how long; None where a length is not known.
    mean, dearest, unlike
        As of :class:`~etl.pipelines.playlists.request.Playlist`.
    """

    number: int
    made_at: datetime
    basis: str
    preset: str
    request: dict[str, Any]
    output: str | None
    count: int
    seconds: float | None
    mean: float
    dearest: float
    unlike: float


@dataclass(frozen=True)
class ShownPlaylist:
    """A list with its tracks.

    Attributes
    ----------
    playlist
        What is known of the whole.
    tracks
        In order.
    """

    playlist: KeptPlaylist
    tracks: list[PlaylistEntry]

    @property
    def energy(self) -> list[float | None]:
        """Loudness of each track, LUFS."""
        return [track.loudness_lufs for track in self.tracks]

    @property
    def key(self) -> list[int | None]:
        """Place of each track's key on Camelot's wheel, 1 to 12."""
        return [int(track.camelot[:-1]) if track.camelot else None for track in self.tracks]

    @property
    def bpm(self) -> list[float | None]:
        """Tempo of each track."""
        return [track.bpm for track in self.tracks]

    @property
    def edge(self) -> list[float | None]:
        """Cost of the transition to each track."""
        return [track.transition for track in self.tracks]


def list_playlists(database: Path) -> list[KeptPlaylist]:
    """Give all lists that are kept, newest first."""
    with read_store(database) as connection:
        return [_kept(row) for row in kept_playlists(connection).to_dicts()]


def show_playlist(database: Path, name: str) -> ShownPlaylist:
    """Give a list, ``last`` or by number.

    Raises
    ------
    EtlError
        If there is none.
    """
    with read_store(database) as connection:
        return read_shown(connection, name)


def read_shown(connection: duckdb.DuckDBPyConnection, name: str) -> ShownPlaylist:
    """Read a list, as :func:`show_playlist`."""
    numbers = kept_numbers(connection, name)
    found = kept_playlist(connection, numbers[0]) if numbers else None
    if found is None:
        raise EtlError(
            "no playlist is stored yet.", "Make one with `etl playlist make`.", exit_code=ExitCode.USAGE
        )
    made, tracks = found
    names = made["terms"]
    entries = [
        PlaylistEntry(
            **{**row, "terms": dict(zip(names, row["terms"], strict=True)) if row["terms"] else None}
        )
        for row in tracks.to_dicts()
    ]
    return ShownPlaylist(_kept(made), entries)


def _kept(row: dict[str, Any]) -> KeptPlaylist:
    return KeptPlaylist(
        row["playlist_id"], row["made_at"], row["basis"], row["preset"], json.loads(row["request"]),
        row["output"], row["tracks"], row["seconds"], row["mean"], row["dearest"], row["unlike"],
    )  # fmt: skip
