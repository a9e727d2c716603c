"""Where analyzed songs go beside the CSV: into the store and into matrices, on a thread of their own.

Songs are numbered with the store's lexicon, then inserted and collected, a few batches behind the analysis at
most. The store commits when the context is left cleanly; until then nobody sees anything of it.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, Self

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
    from etl.runtime.watch.progress import Watch

STAGE: Final = "store"

_BATCHES_BEHIND: Final = 6


class SongStorage:
    """Takes analyzed songs in input order.

    Parameters
    ----------
    connection
        The store, or None.
    sources
        Names of the sources, whose earlier songs are replaced.
    replaced
        Names of sources whose songs are these as well.
    matrices
        Whether to collect matrices.
    watch
        Has the stage :data:`STAGE`.
    """

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection | None,
        sources: Sequence[str],
        *,
        replaced: Sequence[str] = (),
        matrices: bool,
        watch: Watch,
    ) -> None:
        self._connection = connection
        self._sources = sources
        self._replaced = replaced
        self._matrices = SongMatrices() if matrices else None
        self._watch = watch
        self._writer: SongWriter | None = None
        self._lexicon = Lexicon()
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            if self._connection is not None:
                stack.enter_context(transaction(self._connection))
                self._writer = SongWriter(self._connection, self._sources, self._replaced)
                self._lexicon = self._writer.lexicon
            self._later = stack.enter_context(Background(waiting=_BATCHES_BEHIND))
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    @property
    def wants_songs(self) -> bool:
        """Whether there is anything to put songs into."""
        return self._writer is not None or self._matrices is not None

    def add(self, source: str, harmony: Harmony, rows_in: int) -> None:
        """Hand over a batch of one source."""
        if self.wants_songs:
            slim = harmony.songs.drop("readings")
            self._watch.advance(STAGE, waiting=slim.height)
            self._later(self._add, source, replace(harmony, songs=slim), rows_in)

    def _add(self, source: str, harmony: Harmony, rows_in: int) -> None:
        with self._watch.timed(STAGE):
            songs = self._lexicon.encode(harmony)
            if self._writer:
                self._writer.add(source, songs, rows_in)
            if self._matrices:
                self._matrices.add(songs)
        self._watch.advance(STAGE, done=songs.height, waiting=-songs.height)

    def wait(self) -> None:
        """Wait until all is done that was handed over."""
        self._later.wait()

    def finish(self, sources: pl.DataFrame, then: Callable[[], None]) -> None:
        """Begin to write what the songs refer to, as :meth:`etl.store.songs.SongWriter.finish`; then more."""
        if self._writer:
            self._later(self._writer.finish, sources)
            self._later(then)

    def write_matrices(self, file: BinaryFile, manifest: Mapping[str, Any]) -> None:
        """Write the matrices to an open file."""
        if self._matrices:
            chords, sections = self._lexicon.chord_table(), self._lexicon.section_table()
            self._matrices.write_to(file, chords=chords, sections=sections, manifest=manifest)
