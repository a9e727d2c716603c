"""Write data3 CSV, matrices and Parquet from the store, without analysing anything again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl
import pyarrow as pa

from etl.chords.ragged import Ragged
from etl.chords.romantext import RomanStyle
from etl.chords.tokens import tokenise
from etl.chords.vocabulary import Kind
from etl.exports.data3 import HEADER, SOURCE_COLUMNS, LineBuffer, write_data3
from etl.exports.names import Names, with_names
from etl.exports.npz import MATRIX_COLUMNS, SongMatrices
from etl.exports.parquet import SONG_COLUMNS, SongsWriter, schema_of, text_lists
from etl.runtime.files import atomic_file, atomic_path
from etl.store.songs import build_versions, source_names, stored_songs
from etl.store.spotify import known_names

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import duckdb

    from etl.runtime.progress import Progress

_CSV_COLUMNS: Final = (*SOURCE_COLUMNS, "key", "key_name", "n_chords", "n_unknown", "numeral_ids")

_SPELLED: Final = {"chord_symbols": "chord_ids", "numerals": "numeral_ids", "section_tags": "section_ids"}
"""Text columns of the Parquet export, and the ids that the store holds for them."""

_STORED: Final = tuple(
    _SPELLED.get(column.name, column.name) for column in SONG_COLUMNS if column.name != "source"
)


@dataclass(frozen=True)
class StoredExport:
    """A file that was written from the store.

    Attributes
    ----------
    path
        The file.
    songs
        Songs in it.
    """

    path: Path
    songs: int


def write_stored_csv(
    connection: duckdb.DuckDBPyConnection,
    source_ids: Sequence[int],
    path: Path,
    style: RomanStyle = RomanStyle.HOUSE,
) -> Iterator[pl.DataFrame]:
    """Write the data3 CSV of stored sources; gives each batch of songs once it is written.

    The file appears when the last batch has been taken. It is the same, byte for byte, as the one that the
    build wrote.
    """
    numerals = connection.sql("SELECT numeral FROM numerals ORDER BY numeral_id").pl()["numeral"].to_list()
    names = stored_names(connection)
    buffer = LineBuffer()
    with atomic_file(path) as output:
        output.write(HEADER)
        for songs in stored_songs(connection, source_ids, _CSV_COLUMNS):
            output.write(_data3_lines(with_names(songs, names), numerals, style, buffer))
            yield songs


def stored_names(connection: duckdb.DuckDBPyConnection) -> Names:
    """Read the names that the store has from Spotify."""
    return Names(known_names(connection, "artist"), known_names(connection, "track"))


def _data3_lines(
    songs: pl.DataFrame, numerals: Sequence[str], style: RomanStyle, buffer: LineBuffer
) -> memoryview:
    """Spell numerals and fingerprints from the stored ids; section tags come from the chord string."""
    tokens, vocabulary = tokenise(songs["chords"])
    flat = Ragged.from_series(tokens)
    is_tag = vocabulary.kinds[flat.values] == Kind.SECTION
    spelling = flat.values + np.int32(len(numerals))  # tags stand for their own text, behind the numerals
    spelling[~is_tag] = Ragged.from_series(songs["numeral_ids"]).values
    texts = [*numerals, *vocabulary.texts]
    spelled = songs.with_columns(tokens=tokens, numerals=flat.with_values(spelling).to_series())
    return write_data3(spelled, vocabulary, texts, buffer, style)


def write_stored_npz(
    connection: duckdb.DuckDBPyConnection, source_ids: Sequence[int], path: Path, manifest: dict[str, Any]
) -> int:
    """Write the matrices of stored sources; gives the number of songs."""
    matrices = SongMatrices()
    songs = 0
    for batch in stored_songs(connection, source_ids, MATRIX_COLUMNS):
        matrices.add(batch)
        songs += batch.height
    chords = connection.sql("SELECT symbol, is_known FROM chord_symbols ORDER BY chord_id").pl()
    sections = connection.sql("SELECT tag FROM sections ORDER BY section_id").pl()
    matrices.write(path, chords=chords, sections=sections, manifest=manifest)
    return songs


def write_stored_parquet(
    connection: duckdb.DuckDBPyConnection, source_ids: Sequence[int], path: Path, progress: Progress
) -> int:
    """Write stored sources as Parquet, one row per song; gives the number of songs."""
    texts = {
        "chord_symbols": _texts(connection, "SELECT symbol FROM chord_symbols ORDER BY chord_id"),
        "numerals": _texts(connection, "SELECT numeral FROM numerals ORDER BY numeral_id"),
        "section_tags": _texts(connection, "SELECT tag FROM sections ORDER BY section_id"),
    }
    schema = schema_of(SONG_COLUMNS, {"analysis": build_versions(connection, source_ids)[0]})
    with atomic_path(path) as temporary, SongsWriter(temporary, schema) as writer:
        for source_id, name in zip(source_ids, source_names(connection, source_ids), strict=True):
            for songs in stored_songs(connection, [source_id], _STORED):
                table = songs.with_columns(source=pl.lit(Path(name).name)).to_arrow()
                for column, ids in _SPELLED.items():
                    spelled = text_lists(Ragged.from_series(songs[ids]), texts[column])
                    table = table.append_column(column, spelled)
                writer.write(table)
                progress.advance(items=songs.height)
    return writer.rows


def _texts(connection: duckdb.DuckDBPyConnection, query: str) -> pa.Array:
    return pa.array(connection.sql(query).pl().to_series().to_list(), pa.string())
