"""Playlists as M3U8: a path a line, with duration and name for the player, in UTF-8."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from etl.runtime.disk.files import atomic_file

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


_BREAK: Final = re.compile(r"[\r\n]+")


def write_m3u8(tracks: Iterable[ListedTrack], path: Path) -> list[str]:
    """Write a playlist; a file whose name has a line break, which a line cannot hold, is left out.

    Returns
    -------
    list of str
        The paths that were left out.

    Raises
    ------
    EtlError
        If it cannot be written.
    """
    lines, left_out = ["#EXTM3U"], []
    for track in tracks:
        listed = track.path or ""
        if _BREAK.search(listed):
            left_out.append(listed)
            continue
        name = " - ".join(text for text in (track.artist, track.title) if text)
        lines += [f"#EXTINF:{round(track.duration_s or -1)},{_BREAK.sub(' ', name)}", listed]
    with atomic_file(path) as file:
        file.write("".join(f"{line}\n" for line in lines).encode("utf-8", "surrogateescape"))
    return left_out
