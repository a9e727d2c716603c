"""A folder of short tagged files, and scans of it into a store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import mutagen
import numpy as np
import polars as pl
import soundfile as sf

from etl.pipelines.audio.check import Finding, check_library
from etl.pipelines.audio.difference import ScanOptions, compare
from etl.pipelines.audio.scan import ScanResult, count, scan
from etl.runtime.watch.progress import Stage, Watch
from etl.sources.audio.payload import audio_payload
from etl.store.library import known_files, put_hashes
from etl.store.roots import known_roots

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from etl.store.bursts import BurstWriter


def write(path: Path, seed: int = 0, **tags: str) -> Path:
    """Write a short tagged file whose content and length follow the seed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    sf.write(path, np.random.default_rng(seed).normal(0, 0.1, 3000 + 100 * seed), 22_050)
    file: Any = mutagen.File(path)
    for name, value in tags.items():
        file[name] = value
    file.save()
    return path


class Library:
    """A folder of music, a store that is being written to, and scans."""

    def __init__(self, folder: Path, store: BurstWriter) -> None:
        self.folder = folder
        self._store = store

    def scan(
        self,
        *sources: Path,
        workers: int = 1,
        on_new: Callable[[], None] | None = None,
        **options: Any,
    ) -> ScanResult:
        """Scan the folder, or other sources."""
        with Watch("scan", [Stage("scan", "files")]) as watch:
            wanted = ScanOptions(**options)
            places = sources or [self.folder]
            return scan(self._store, watch, places, wanted, workers=workers, on_new=on_new)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Ask the store, with all that was put."""
        with self._store.reading() as connection:
            return connection.sql(sql).fetchall()

    def findings(self) -> list[Finding]:
        """Check what is in the store."""
        self._store.flush()
        return check_library(self.folder.parent / "s.duckdb")

    def rejects(self) -> list[str]:
        """Give the reasons of all rejects."""
        return [reason for (reason,) in self.rows("SELECT reason FROM rejects ORDER BY ALL")]

    def compare(self, *sources: Path, **options: Any) -> ScanResult:
        """Count what a scan would do."""
        with self._store.reading() as connection:
            known, roots = known_files(connection), known_roots(connection)
        return count(compare(known, roots, sources or [self.folder], ScanOptions(**options)))

    def hash_all(self) -> None:
        """Give every file the hash of its sound, as a sonic run does."""
        paths = [path for (path,) in self.rows("SELECT path FROM files WHERE gone_at IS NULL")]
        hashes = [(path, *audio_payload(path)) for path in paths]
        schema = ["path", "content_hash", "audio_bytes"]
        self._store.put(put_hashes(pl.DataFrame(hashes, schema=schema, orient="row")))

    def ids(self) -> dict[str, str]:
        """Give the identity of each track that is there, by title."""
        return dict(self.rows("SELECT title, track_id FROM library"))
