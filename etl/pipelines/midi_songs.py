"""Hand the chords of the MIDI library to the chord analysis, as songs of a Chordonomicon file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import polars as pl

from etl.exports.data3 import SOURCE_COLUMNS
from etl.runtime.errors import EtlError
from etl.runtime.files import atomic_path
from etl.store.database import read_store

if TYPE_CHECKING:
    from pathlib import Path

FILE_NAME: Final = "midi_songs.csv"


def write_midi_songs(database: Path) -> Path:
    """Write the chords of all MIDI files that have some, beside the store; give the file.

    ``id`` is the content hash, ``chords`` the symbols; the other eight columns are empty.

    Raises
    ------
    EtlError
        If there are none.
    """
    with read_store(database) as connection:
        songs: pl.DataFrame = connection.sql(
            "SELECT sha256 AS id, array_to_string(chords, ' ') AS chords FROM midi_analysis "
            "WHERE len(chords) > 0 ORDER BY sha256"
        ).pl()
    if songs.is_empty():
        raise EtlError(f"{database} has no MIDI files with chords.", "Fill it with `etl midi run SOURCE`.")
    target = database.with_name(FILE_NAME)
    with atomic_path(target) as temporary:
        songs.select(
            pl.col(name) if name in songs.columns else pl.lit(None, pl.String).alias(name)
            for name in SOURCE_COLUMNS
        ).write_csv(temporary)
    return target
