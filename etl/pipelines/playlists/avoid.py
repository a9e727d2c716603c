"""Which tracks are not to be taken: those of files, of the last lists, of kept lists by number."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from etl.runtime.errors import EtlError, ExitCode
from etl.sources.playlists.read import read_playlist
from etl.store.playlists import last_playlists, tracks_of_playlists

if TYPE_CHECKING:
    from collections.abc import Sequence

    import duckdb


@dataclass(frozen=True)
class Avoided:
    """What is not to be taken.

    Attributes
    ----------
    track_ids, paths
        Ids and whole paths.
    empty
        Lists that name nothing.
    """

    track_ids: frozenset[str]
    paths: frozenset[str]
    empty: tuple[str, ...] = ()


def avoided_tracks(
    connection: duckdb.DuckDBPyConnection, lists: Sequence[str], maps: Sequence[tuple[str, str]] = ()
) -> Avoided:
    """Read lists: a file, ``last``, ``last:N``, or the number of a kept list.

    Raises
    ------
    EtlError
        If there is no such list.
    """
    ids: set[str] = set()
    paths: set[str] = set()
    empty = []
    for name in lists:
        before = len(ids) + len(paths)
        if Path(name).exists() or not re.fullmatch(r"last(:\d+)?|\d+", name):
            read = read_playlist(Path(name), maps)
            ids.update(read.track_ids)
            paths.update(read.paths)
            is_empty = not read.track_ids and not read.paths
        else:
            found = tracks_of_playlists(connection, kept_numbers(connection, name))
            ids |= found
            is_empty = not found
        if is_empty and len(ids) + len(paths) == before:
            empty.append(name)
    return Avoided(frozenset(ids), frozenset(paths), tuple(empty))


def kept_numbers(connection: duckdb.DuckDBPyConnection, name: str) -> list[int]:
    """Give the numbers of the kept lists that a name means: ``last``, ``last:N`` or a number.

    Raises
    ------
    EtlError
        If it is none of these, or there is no list of that number.
    """
    if match := re.fullmatch(r"last(?::(\d{1,9}))?", name):
        return last_playlists(connection, int(match[1] or 1))
    if re.fullmatch(r"\d{1,9}", name):
        number = int(name)
        if number in last_playlists(connection, 1 << 31):
            return [number]
    raise EtlError(
        f"there is no stored list {name}.",
        "`etl playlist list` shows them; `last` is the newest, `last:5` are the five newest.",
        exit_code=ExitCode.USAGE,
    )
