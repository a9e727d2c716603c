"""Read the tracks of a playlist: M3U and M3U8 of any program; JSON, JSPF and CSV as they are written here."""

from __future__ import annotations

import csv
import io
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, urlsplit

from etl.runtime.errors import EtlError, ExitCode

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_MOST_BYTES: Final = 64 << 20


@dataclass(frozen=True)
class ReadPlaylist:
    """What a playlist names.

    Attributes
    ----------
    paths
        Whole paths, in order.
    track_ids
        Ids of tracks, in order; none in an M3U.
    """

    paths: tuple[str, ...]
    track_ids: tuple[str, ...] = ()


def read_playlist(playlist: Path, maps: Sequence[tuple[str, str]] = ()) -> ReadPlaylist:
    """Read a playlist, in the format of its ending.

    Parameters
    ----------
    playlist
        The file.
    maps
        What the beginnings of paths were replaced by when it was written, as ``(ours, theirs)``.

    Raises
    ------
    EtlError
        If there is no such file, or it is not a playlist.
    """
    try:
        with playlist.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise EtlError(
            f"cannot read the playlist {playlist}: {error.strerror}.", exit_code=ExitCode.USAGE
        ) from error
    if len(content) > _MOST_BYTES:
        raise EtlError(f"{playlist} is too large for a playlist.", exit_code=ExitCode.BAD_DATA)
    text = content.decode("utf-8-sig", "surrogateescape")
    folder = playlist.absolute().parent
    ending = playlist.suffix.lower()
    try:
        if ending in {".json", ".jspf"}:
            document = json.loads(text)
            found = _jspf(document) if isinstance(document, dict) else _rows(document)
        elif ending == ".csv":
            found = _rows(csv.DictReader(io.StringIO(text, newline="")))
        else:
            lines = (line.strip("\r") for line in text.split("\n"))
            found = ([line for line in lines if line.strip() and not line.startswith("#")], [])
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError, csv.Error) as error:
        raise EtlError(f"{playlist} is not a playlist: {error}.", exit_code=ExitCode.BAD_DATA) from error
    paths, ids = found
    return ReadPlaylist(tuple(os.path.normpath(folder / _unmapped(path, maps)) for path in paths), tuple(ids))


def _rows(rows: Iterable[Any]) -> tuple[list[str], list[str]]:
    listed = list(rows)
    return (
        [str(row["path"]) for row in listed if row.get("path")],
        [str(row["track_id"]) for row in listed if row.get("track_id")],
    )


def _jspf(document: dict[str, Any]) -> tuple[list[str], list[str]]:
    paths, ids = [], []
    for track in document["playlist"]["track"] if "playlist" in document else document["tracks"]:
        locations = track.get("location", [])
        for location in [locations] if isinstance(locations, str) else locations[:1]:
            parts = urlsplit(location)
            if parts.scheme in {"", "file"}:
                path = unquote(parts.path, errors="surrogateescape")
                paths.append(path[1:] if path[2:3] == ":" else path)  # file:///Z:/Music
        for values in (track.get("extension") or {}).values():
            ids += [str(value["track_id"]) for value in values if value.get("track_id")]
    return paths, ids


def _unmapped(path: str, maps: Sequence[tuple[str, str]]) -> Path:
    """Give the path that became this one when a list was written for another machine."""
    for ours, theirs in maps:
        beginning = theirs.replace("\\", "/").rstrip("/")
        rest = path.replace("\\", "/") if "\\" in theirs else path
        if rest == beginning or rest.startswith(f"{beginning}/"):
            return Path(ours + rest[len(beginning) :])
    return Path(path)
