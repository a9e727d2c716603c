"""Playlists as M3U8: a path a line, with duration and name for the player, in UTF-8."""

from __future__ import annotations

from typing import TYPE_CHECKING

from etl.runtime.disk.files import atomic_file
from etl.runtime.errors import EtlError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path
    from typing import Protocol

    class ListedTrack(Protocol):
        """What a playlist says of a track."""

        @property
        def path(self) -> str | None:
            """Its file."""

        @property
        def artist(self) -> str | None:
            """Of the tags."""

        @property
        def title(self) -> str | None:
            """Of the tags."""

        @property
        def duration_s(self) -> float | None:
            """Seconds."""


def write_m3u8(tracks: Iterable[ListedTrack], path: Path) -> None:
    """Write a playlist.

    Raises
    ------
    EtlError
        If it cannot be written, or a path has a line break, which a line cannot hold.
    """
    lines = ["#EXTM3U"]
    for track in tracks:
        listed = track.path or ""
        if not listed.isprintable() and any(mark in listed for mark in "\r\n"):
            raise EtlError(
                f"{listed!r} has a line break in its name, which a playlist cannot hold.",
                "Rename the file.",
            )
        name = " - ".join(text for text in (track.artist, track.title) if text)
        lines += [f"#EXTINF:{round(track.duration_s or -1)},{name}", listed]
    with atomic_file(path) as file:
        file.write("".join(f"{line}\n" for line in lines).encode("utf-8", "surrogateescape"))
