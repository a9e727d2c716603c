"""The songs of a part as the store keeps them, in one Parquet file: written by a worker, read by the driver.

Chords, numerals and section tags are numbers of the part's own; the schema holds what they stand for.
"""

from __future__ import annotations

import json
from contextlib import ExitStack
from typing import TYPE_CHECKING, Final

import polars as pl
import pyarrow.parquet as pq

from etl.chords.lexicon import Lexicon
from etl.chords.notations import Notation
from etl.exports.parquet import SongsWriter
from etl.runtime.disk.files import atomic_path
from etl.store.lexicon import load_lexicon
from etl.store.songs import song_columns, stored_songs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import duckdb

_LEXICON: Final = b"etl.lexicon"
_ROWS: Final = 32_768  # songs at once, as many as the store keeps together


def write_part_songs(connection: duckdb.DuckDBPyConnection, source_id: int, path: Path) -> None:
    """Write the songs of a source of a store."""
    lexicon = load_lexicon(connection)
    texts = json.dumps([list(lexicon.chords), list(lexicon.numerals), list(lexicon.sections)])
    with atomic_path(path) as temporary, ExitStack() as stack:
        writer: SongsWriter | None = None
        for songs in stored_songs(connection, [source_id], song_columns(connection)):
            table = songs.to_arrow()
            if writer is None:
                schema = table.schema.with_metadata({_LEXICON: texts})
                writer = stack.enter_context(SongsWriter(temporary, schema))
            writer.write(table)


class PartSongs:
    """What `write_part_songs` wrote.

    Parameters
    ----------
    path
        The file.

    Attributes
    ----------
    lexicon
        What the numbers of the part stand for.
    """

    def __init__(self, path: Path) -> None:
        self._file = pq.ParquetFile(path)
        chords, numerals, sections = json.loads(self._file.schema_arrow.metadata[_LEXICON])
        self.lexicon = Lexicon(
            chords={(text, Notation(notation)): number for number, (text, notation) in enumerate(chords)},
            numerals={(text, category): number for number, (text, category) in enumerate(numerals)},
            sections={text: number for number, text in enumerate(sections)},
        )

    def batches(self) -> Iterator[pl.DataFrame]:
        """Give the songs in their order; columns as of the store's tables, without its own numbers."""
        for batch in self._file.iter_batches(_ROWS):
            songs = pl.from_arrow(batch)
            assert isinstance(songs, pl.DataFrame)  # noqa: S101 - of a batch
            yield songs
