"""What the store holds, as whole frames: songs, their tokens, tracks, MIDI files and parts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from etl.chords.ragged import Ragged
from etl.store.frames import read_frame
from etl.store.lexicon import stored_chords, stored_numerals, stored_sections

if TYPE_CHECKING:
    import duckdb


def all_songs(connection: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """Read the songs of the current set, by ``song_id``: view ``song_overview`` with the names."""
    return _frame(
        connection,
        "SELECT song_id, id, names.artist_name, names.song_name, overview.* EXCLUDE (song_id, id) "
        "FROM song_overview AS overview JOIN song_names AS names USING (song_id, id) ORDER BY song_id",
    )


def all_tokens(connection: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """Read the chords of the songs of the current set, by ``song_id``.

    Returns
    -------
    DataFrame
        ``song_id``, ``id``; ``chords``, ``numerals``: list of enum, one for each chord; ``sections``: list of
        enum, ``section_starts``: list of i32, the number of the chord that each begins with.
    """
    found = _frame(
        connection,
        "SELECT song_id, id, tokens.* EXCLUDE (song_id) "
        "FROM songs_current JOIN song_tokens AS tokens USING (song_id) ORDER BY song_id",
    )
    return found.select(
        "song_id",
        "id",
        _spelled(found["chord_ids"], stored_chords(connection)["symbol"]).alias("chords"),
        _spelled(found["numeral_ids"], stored_numerals(connection)["numeral"]).alias("numerals"),
        _spelled(found["section_ids"], stored_sections(connection)["tag"]).alias("sections"),
        "section_starts",
    )


def all_tracks(connection: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """Read the tracks that are there, by path: view ``library``."""
    return _frame(connection, "SELECT * FROM library ORDER BY path")


def all_midi(connection: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """Read the readable MIDI files, by path: view ``midi``."""
    return _frame(connection, "SELECT * FROM midi ORDER BY path")


def all_parts(connection: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """Read the parts of the readable MIDI files, with ``path`` of the file; by path, track and channel.

    What each is like by itself is beside it where the store keeps that.
    """
    keeps = connection.execute(
        "SELECT 1 FROM duckdb_tables() WHERE table_name = 'midi_part_analysis'"
    ).fetchall()
    analysis = "LEFT JOIN midi_part_analysis USING (sha256, track, channel)" if keeps else ""
    return _frame(
        connection,
        f"SELECT midi.path, parts.* FROM (FROM midi_tracks {analysis}) AS parts JOIN midi USING (sha256) "
        "ORDER BY path, sha256, track, channel",
    )


def _spelled(ids: pl.Series, texts: pl.Series) -> pl.Series:
    """Give lists of numbers as lists of what they stand for, in four bytes each."""
    distinct = texts.unique(maintain_order=True)
    kind = pl.Enum(distinct)
    codes = texts.cast(kind).to_physical().to_numpy()
    lists = Ragged.from_series(ids)
    coded = lists.with_values(codes[lists.values]).to_series()
    return coded.list.eval(pl.element().cat.to(kind))


def _frame(connection: duckdb.DuckDBPyConnection, query: str) -> pl.DataFrame:
    return read_frame(connection.sql(query))
