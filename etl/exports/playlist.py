"""Playlists as files: M3U8 for players, JSPF, JSON and CSV with all that is known of each transition."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, replace
from pathlib import PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import polars as pl

from etl.exports.m3u8 import write_m3u8
from etl.runtime.disk.files import atomic_file, atomic_path
from etl.runtime.disk.targets import is_stream
from etl.runtime.errors import EtlError, ExitCode

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from etl.playlists.listed import PlaylistEntry

_EXTENSION: Final = "urn:music-etl:transition"
"""What our part of a JSPF track goes under."""

_RECORDING: Final = "https://musicbrainz.org/recording/"


def check_new(target: Path | None, *, force: bool) -> None:
    """Refuse to write over a file that is there.

    Raises
    ------
    EtlError
        If it is, and ``force`` is not set.
    """
    if target is not None and not force and not is_stream(target) and target.exists():
        raise EtlError(
            f"{target} already exists.",
            "Choose another name, or replace it with --force.",
            exit_code=ExitCode.CANNOT_WRITE,
        )


def check_format(target: Path | None, *, has_paths: bool) -> None:
    """Refuse an M3U8 of what has no files.

    Raises
    ------
    EtlError
        If the target would be one.
    """
    if target is not None and not has_paths and target.suffix.lower() not in {".json", ".jspf", ".csv"}:
        raise EtlError(
            "chord songs have no files that an M3U8 could list.",
            "End the name in .json, .jspf or .csv.",
            exit_code=ExitCode.USAGE,
        )


def write_playlist(
    tracks: Sequence[PlaylistEntry],
    target: Path,
    *,
    absolute: bool = False,
    maps: Sequence[tuple[str, str]] = (),
    title: str = "",
    summary: Mapping[str, Any] | None = None,
) -> list[str]:
    r"""Write a playlist in the format of the target's ending.

    Parameters
    ----------
    tracks
        In order.
    target
        Where to.
    absolute
        Whole paths in M3U8 and JSPF, not relative to the list.
    maps
        What the beginnings of paths become there, as ``("/music", "Z:\\Music")``; those paths are whole.
    title, summary
        Of a JSPF: its title, and figures of the whole list.

    Returns
    -------
    list of str
        Files that the format cannot name and that are left out of it.

    Raises
    ------
    EtlError
        If it cannot be written.
    """
    ending = target.suffix.lower()
    if ending == ".json":
        _write_json([asdict(track) for track in tracks], target)
    elif ending == ".csv":
        flat = [{**asdict(replace(track, terms=None)), **(track.terms or {})} for track in tracks]
        rows = [{key: value for key, value in row.items() if key != "terms"} for row in flat]
        with atomic_path(target) as temporary:
            pl.DataFrame(rows, infer_schema_length=None).write_csv(temporary)
    else:
        placed = [
            replace(track, path=placed_path(track.path, target, absolute=absolute, maps=maps))
            for track in tracks
        ]
        if ending == ".jspf":
            _write_json(_jspf(placed, title, summary or {}), target)
        else:
            return write_m3u8(placed, target)
    return []


def placed_path(
    path: str | None, target: Path, *, absolute: bool = False, maps: Sequence[tuple[str, str]] = ()
) -> str:
    r"""Give a path as a list has it: mapped, else from the list's folder, so that both may move together.

    Examples
    --------
    >>> from pathlib import Path
    >>> placed_path("/music/a/b.mp3", Path("/lists/x.m3u8"), maps=[("/music", r"Z:\Music")])
    'Z:\\Music\\a\\b.mp3'
    >>> placed_path("/lists/#1.mp3", Path("/lists/x.m3u8"))
    './#1.mp3'
    """
    if path is None:
        return ""
    for ours, theirs in sorted(maps, key=lambda each: -len(each[0])):
        beginning = ours.rstrip("/")
        if path.startswith(f"{beginning}/"):
            rest = path[len(beginning) :]
            return theirs.rstrip("/\\") + (rest.replace("/", "\\") if "\\" in theirs else rest)
    if absolute:
        return path
    try:
        relative = os.path.relpath(path, target.absolute().parent)
    except ValueError:  # on another drive
        return path
    return f"./{relative}" if relative[0] in "# \t" else relative  # players take it for a comment, or trim it


def _write_json(document: Any, target: Path) -> None:
    with atomic_file(target) as file:
        file.write(json.dumps(document, ensure_ascii=False, indent=1).encode("utf-8", "backslashreplace"))


def _jspf(tracks: Sequence[PlaylistEntry], title: str, summary: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "playlist": {
            "title": title,
            "extension": {_EXTENSION: [dict(summary)]},
            "track": [_jspf_track(track) for track in tracks],
        }
    }


def _jspf_track(track: PlaylistEntry) -> dict[str, Any]:
    scores = ("track_id", "bpm", "key_name", "camelot", "loudness_lufs", "isrc", "transition", "terms")
    told: dict[str, Any] = {
        "location": [_location(track.path)] if track.path else None,
        "identifier": [_RECORDING + track.musicbrainz_recordingid] if track.musicbrainz_recordingid else None,
        "title": track.title,
        "creator": track.artist,
        "album": track.album,
        "duration": None if track.duration_s is None else round(1000 * track.duration_s),
        "extension": {_EXTENSION: [{name: getattr(track, name) for name in scores}]},
    }
    return {name: value for name, value in told.items() if value is not None}


def _location(path: str) -> str:
    """Give a path as a URI: whole ones begin with ``file:``, others are relative to the list."""
    if PureWindowsPath(path).drive:
        return PureWindowsPath(path).as_uri()
    encoded = quote(os.fsencode(path))
    return f"file://{encoded}" if PurePosixPath(path).is_absolute() else encoded
