"""Files that moved: a new one and one that is missing, of one name, size and time, or of one sound."""

from __future__ import annotations

import os
from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from etl.runtime.disk.hashing import content_hash
from etl.sources.audio.payload import audio_payload, audio_size

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator

    Row = dict[str, Any]

MOVES_SCHEMA: Final = {
    "old_path": pl.String,
    "path": pl.String,
    "track_id": pl.String,
    "content_hash": pl.String,
    "audio_bytes": pl.Int64,
    "is_retagged": pl.Boolean,
}
"""Where a file was and is, what it keeps, and whether its bytes or time changed on the way."""


class Moves:
    """Pairs new files with missing ones, each once.

    A file of the same name, size and time is taken for the same without reading it. Others are read only if
    their sound has the length of one that is missing.

    Parameters
    ----------
    new
        Needs ``path``, ``size_bytes``, ``mtime_ns``.
    missing
        Columns of :func:`etl.store.library.known_files`.
    """

    def __init__(self, new: pl.DataFrame, missing: pl.DataFrame) -> None:
        self._new: dict[str, Row] = {row["path"]: row for row in new.iter_rows(named=True)}
        self._missing: dict[str, Row] = {
            row["path"]: row for row in missing.filter("is_track").iter_rows(named=True)
        }
        self._found: list[tuple[Row, Row]] = []
        self._sounds: dict[str, list[Hashable]] = {}

    @property
    def old_paths(self) -> list[str]:
        """Where moved files were."""
        return [old["path"] for old, _ in self._found]

    def frame(self) -> pl.DataFrame:
        """Give the pairs, columns of `MOVES_SCHEMA`."""
        rows = [
            (
                old["path"],
                new["path"],
                *(old[name] for name in ("track_id", "content_hash", "audio_bytes")),
                _stamp(old) != _stamp(new),
            )
            for old, new in self._found
        ]
        return pl.DataFrame(rows, MOVES_SCHEMA, orient="row")

    def pair(self, may_move: Callable[[str, str], bool]) -> None:
        """Pair what is left, where a file may move from its old path to the new one."""
        self._pair_by(may_move, lambda old: [_named(old)], lambda new: [_named(new)])
        self._pair_by(may_move, _old_sounds, self._new_sounds)

    def _pair_by(
        self,
        may_move: Callable[[str, str], bool],
        old_keys: Callable[[Row], list[Hashable]],
        new_keys: Callable[[Row], list[Hashable]],
    ) -> None:
        olds: dict[Hashable, list[str]] = defaultdict(list)
        for row in self._missing.values():
            for key in old_keys(row):
                olds[key].append(row["path"])
        for path, row in [*self._new.items()] if olds else ():
            fitting = [
                old
                for key in new_keys(row)
                for old in olds.get(key, ())
                if old in self._missing and may_move(old, path)
            ]
            if fitting:
                best = min(fitting, key=lambda old: (_name(old) != _name(path), old))
                self._found.append((self._missing.pop(best), self._new.pop(path)))

    def _new_sounds(self, row: Row) -> list[Hashable]:
        path = row["path"]
        if path not in self._sounds:
            try:
                self._sounds[path] = [*self._hashes(row)]
            except OSError:  # the tag reader will say why
                self._sounds[path] = []
        return self._sounds[path]

    def _hashes(self, row: Row) -> Iterator[Hashable]:
        """Hash a new file as missing ones were, if it has the length of one."""
        missing = self._missing.values()
        length = audio_size(row["path"])
        if any(old["audio_bytes"] is not None and length in {None, old["audio_bytes"]} for old in missing):
            yield audio_payload(row["path"])
        if any(
            old["content_hash"] and old["audio_bytes"] is None and old["size_bytes"] == row["size_bytes"]
            for old in missing
        ):
            yield content_hash(row["path"])


def _old_sounds(row: Row) -> list[Hashable]:
    if row["content_hash"] is None:
        return []
    if row["audio_bytes"] is None:  # all bytes, as earlier versions took them
        return [row["content_hash"]]
    return [(row["content_hash"], row["audio_bytes"])]


def _named(row: Row) -> Hashable:
    return (_name(row["path"]), *_stamp(row))


def _stamp(row: Row) -> tuple[int, int]:
    return row["size_bytes"], row["mtime_ns"]


def _name(path: str) -> str:
    return os.path.basename(path)  # noqa: PTH119 -- forty thousand times
