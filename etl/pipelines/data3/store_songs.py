"""Keep analysed songs in the store and as matrices, on a thread of its own beside the analysis."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

from etl.chords.lexicon import Lexicon
from etl.exports.npz import SongMatrices
from etl.runtime.work.background import Background
from etl.store.database import transaction
from etl.store.songs import SongWriter

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import TracebackType

    import duckdb
    import polars as pl

    from etl.chords.analysis import Harmony
    from etl.runtime.disk.files import BinaryFile
    from etl.runtime.meter import Meter


class SongKeeper:
    """Takes analysed songs in input order; the store commits when the context is left cleanly.

    Parameters
    ----------
    connection
        The store, or None.
    sources
        Names of the sources, whose earlier songs are replaced.
    matrices
        Whether to collect matrices.
    meter
        Counts the time spent, as ``store``.
    """

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection | None,
        sources: Sequence[str],
        *,
        matrices: bool,
        meter: Meter,
    ) -> None:
        self._connection = connection
        self._sources = sources
        self._matrices = SongMatrices() if matrices else None
        self._meter = meter
        self._writer: SongWriter | None = None
        self._lexicon = Lexicon()
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            if self._connection is not None:
                stack.enter_context(transaction(self._connection))
                self._writer = SongWriter(self._connection, self._sources)
                self._lexicon = self._writer.lexicon
            self._later = stack.enter_context(Background(waiting=6))
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    @property
    def wants_songs(self) -> bool:
        """Whether there is anything to keep songs in."""
        return self._writer is not None or self._matrices is not None

    def add(self, source: str, harmony: Harmony, rows_in: int) -> None:
        """Keep a batch of one source."""
        if self.wants_songs:
            slim = harmony.songs.drop("readings")
            self._later(self._keep, source, replace(harmony, songs=slim), rows_in)

    def _keep(self, source: str, harmony: Harmony, rows_in: int) -> None:
        with self._meter.stage("store"):
            songs = self._lexicon.encode(harmony)
            if self._writer:
                self._writer.add(source, songs, rows_in)
            if self._matrices:
                self._matrices.add(songs)

    def wait(self) -> None:
        """Wait until all is kept that was added."""
        self._later.wait()

    def write_matrices(self, file: BinaryFile, manifest: Mapping[str, Any]) -> None:
        """Write the matrices to an open file."""
        if self._matrices:
            chords, sections = self._lexicon.chord_table(), self._lexicon.section_table()
            self._matrices.write_to(file, chords=chords, sections=sections, manifest=manifest)

    def finish(self, sources: pl.DataFrame, then: Callable[[], None]) -> None:
        """Begin to write what the songs refer to, as :meth:`etl.store.songs.SongWriter.finish`; then more."""
        if self._writer:
            self._later(self._writer.finish, sources)
            self._later(then)
