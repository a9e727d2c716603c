"""Files whose tags were written here: the sound is the same, and so is what is known of it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import polars as pl

from etl.pipelines.audio.scan import put_tagged
from etl.sources.audio.tags import read_tags
from etl.store.library import known_files, put_hashes
from etl.store.tag_writes import mark_tag_writes

if TYPE_CHECKING:
    from etl.sources.audio.payload import Payload
    from etl.store.bursts import BurstWriter

_PUT_SECONDS: Final = 1.0
"""Files that are written so close together are put into the store together."""

_SCHEMA: Final = {
    "path": pl.String,
    "size_bytes": pl.Int64,
    "mtime_ns": pl.Int64,
    "content_hash": pl.String,
    "audio_bytes": pl.Int64,
    "track_id": pl.String,
}


class Retagged:
    """Puts files into the store that have been written, with their new tags.

    What a kill keeps from the store, the next scan finds: files that changed, of the same sound.

    Parameters
    ----------
    store
        They go there.
    run_id
        The run in whose journal they are.
    status
        What they are marked as there.
    """

    def __init__(self, store: BurstWriter, run_id: int, status: str) -> None:
        with store.reading() as connection:
            self._ids = dict(known_files(connection).select("path", "track_id").iter_rows())
        self._store, self._run_id, self._status = store, run_id, status
        self._done: list[str] = []
        self._rows: list[tuple[str, int, int, str, int, str]] = []
        self._due = time.monotonic() + _PUT_SECONDS

    def add(self, path: str, sound: Payload | None) -> None:
        """Take a file that is as it should be; without a sound, it was so before."""
        self._done.append(path)
        if sound is not None and path in self._ids:
            status = Path(path).stat()
            self._rows.append((path, status.st_size, status.st_mtime_ns, *sound, self._ids[path]))
        if time.monotonic() >= self._due:
            self.put()

    def put(self) -> None:
        """Put what has gathered into the store."""
        self._due = time.monotonic() + _PUT_SECONDS
        if self._rows:
            files = pl.DataFrame(self._rows, _SCHEMA, orient="row")
            self._store.put(put_hashes(files.select("path", "content_hash", "audio_bytes")))
            put_tagged(self._store, files, [read_tags(path) for path in files["path"]])
        if self._done:
            self._store.put(mark_tag_writes(self._run_id, self._done, self._status), items=len(self._done))
        self._rows, self._done = [], []
