"""Write data3 CSV and matrices from the store, without analysing anything again."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, Final

import polars as pl
import pyarrow as pa

from etl.chords.fingerprints import with_fingerprint
from etl.chords.ragged import Ragged
from etl.chords.romantext import RomanStyle, styled
from etl.chords.tokens import tokenise
from etl.chords.vocabulary import Kind
from etl.exports.data3 import HEADER, SOURCE_COLUMNS, write_data3
from etl.exports.npz import MATRIX_COLUMNS, SongMatrices
from etl.runtime.files import atomic_file, write_all
from etl.store.songs import stored_songs

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import duckdb

_CSV_COLUMNS: Final = (*SOURCE_COLUMNS, "key", "key_name", "n_chords", "n_unknown", "numeral_ids")


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
    numerals = connection.sql("SELECT numeral FROM numerals ORDER BY numeral_id").pl()["numeral"]
    buffer = io.BytesIO()
    with atomic_file(path) as output:
        write_all(output, HEADER)
        for songs in stored_songs(connection, source_ids, _CSV_COLUMNS):
            with write_data3(_with_texts(songs, numerals, style), buffer) as lines:
                write_all(output, lines)
            yield songs


def _with_texts(songs: pl.DataFrame, numerals: pl.Series, style: RomanStyle) -> pl.DataFrame:
    """Spell numerals and fingerprints from the stored ids; section tags come from the chord string."""
    tokens, vocabulary = tokenise(songs["chords"])
    flat = Ragged.from_series(tokens)
    is_tag = vocabulary.kinds[flat.values] == Kind.SECTION
    spelled, texts = styled(
        Ragged.from_series(songs["numeral_ids"]), songs["key"].to_numpy(), numerals.to_list(), style
    )
    spelling = flat.values + len(texts)  # tags first stand for their own text, behind the numerals
    spelling[~is_tag] = spelled.values
    joined = flat.with_values(spelling).joined(pa.array([*texts, *vocabulary.texts], pa.large_string()), " ")
    has_chords = pl.col("n_chords") > 0
    return (
        songs.lazy()
        .with_columns(tokens=tokens)
        .pipe(with_fingerprint, vocabulary)
        .with_columns(
            roman_numerals=pl.when(has_chords)
            .then(joined)
            .when(pl.col("tokens").list.len() == 0)
            .then(pl.lit("empty"))
            .otherwise(pl.lit("parse_error")),
            harmonic_fingerprint=pl.when(has_chords).then("harmonic_fingerprint"),
        )
        .collect()
    )


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
