"""Playlists as files: M3U8 with paths relative to the list, JSON and CSV with all that is known."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

import polars as pl

from etl.exports.m3u8 import write_m3u8
from etl.runtime.disk.files import atomic_file, atomic_path
from etl.runtime.errors import EtlError, ExitCode

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


@dataclass(frozen=True)
class PlaylistEntry:
    """A track of a playlist.

    Attributes
    ----------
    track_id, path, artist, title, duration_s, bpm, key_name, camelot, loudness_lufs
        As in view ``library``.
    transition
        What the transition to it costs, 0 to 1; None for the first.
    terms
        The terms of that, see :mod:`etl.playlists.transitions`.
    """

    track_id: str
    path: str
    artist: str | None
    title: str | None
    duration_s: float | None
    bpm: float | None
    key_name: str | None
    camelot: str | None
    loudness_lufs: float | None
    transition: float | None = None
    terms: dict[str, float] | None = None


def write_playlist(tracks: Sequence[PlaylistEntry], target: Path, *, absolute: bool = False) -> None:
    """Write a playlist in the format of the target's ending.

    Raises
    ------
    EtlError
        If it cannot be written.
    """
    ending = target.suffix.lower()
    placed = tracks if absolute else [replace(track, path=_relative(track.path, target)) for track in tracks]
    if ending == ".json":
        rows = [asdict(track) for track in tracks]
        with atomic_file(target) as file:
            file.write(json.dumps(rows, ensure_ascii=False, indent=1).encode("utf-8", "replace"))
    elif ending == ".csv":
        flat = [{**asdict(replace(track, terms=None)), **(track.terms or {})} for track in tracks]
        frame = pl.DataFrame([{key: value for key, value in row.items() if key != "terms"} for row in flat])
        with atomic_path(target) as temporary:
            frame.write_csv(temporary)
    else:
        write_m3u8(placed, target)


def read_paths(playlist: Path) -> list[str]:
    """Read the paths of a playlist that is M3U or M3U8, whole.

    Raises
    ------
    EtlError
        If there is no such file.
    """
    try:
        text = playlist.read_bytes().decode("utf-8-sig", "surrogateescape")
    except OSError as error:
        raise EtlError(
            f"cannot read the playlist {playlist}: {error.strerror}.", exit_code=ExitCode.USAGE
        ) from error
    folder = playlist.absolute().parent
    lines = [line.strip("\r") for line in text.split("\n")]
    return [os.path.normpath(folder / line) for line in lines if line.strip() and not line.startswith("#")]


def _relative(path: str, target: Path) -> str:
    """Give a path from the list's folder, so that both may move together; whole on another drive."""
    try:
        return os.path.relpath(path, target.absolute().parent)
    except ValueError:
        return path
