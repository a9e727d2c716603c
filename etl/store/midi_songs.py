"""The chords that MIDI files were found to have, as songs for the chord analysis."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from etl.store.frames import read_frame

if TYPE_CHECKING:
    import duckdb


def midi_songs(connection: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """Read the files that have chords, in the order of their content hashes.

    Returns
    -------
    DataFrame
        ``id: str``, the content hash; ``chords: str``, symbols with spaces between; ``key_posterior:
        list[f32]`` of the key that the notes gave, 24 values, null where they gave none.
    """
    songs: pl.DataFrame = read_frame(
        connection.sql(
            "SELECT sha256 AS id, array_to_string(chords, ' ') AS chords, "
            "CASE WHEN key IS NOT NULL THEN key_posterior END AS key_posterior "
            "FROM midi_analysis WHERE len(chords) > 0 "
            "AND sha256 IN (SELECT sha256 FROM midi_paths WHERE gone_at IS NULL) ORDER BY sha256"
        )
    )
    return songs.with_columns(pl.col("key_posterior").cast(pl.List(pl.Float32)))
