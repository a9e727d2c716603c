"""Hand the chords of the MIDI library to the chord analysis, as songs of a Chordonomicon file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import polars as pl

from etl.chords.keys import given_keys
from etl.exports.data3 import SOURCE_COLUMNS
from etl.runtime.disk.files import atomic_path
from etl.runtime.errors import EtlError
from etl.store.database import read_store

if TYPE_CHECKING:
    from pathlib import Path

FILE_NAME: Final = "midi_songs.csv"


class MidiSongs(NamedTuple):
    """The songs of the MIDI library: a chord CSV, and their keys for `etl.chords.keys.with_given_keys`."""

    path: Path
    keys: pl.DataFrame


def write_midi_songs(database: Path) -> MidiSongs:
    """Write the chords of all MIDI files that have some, beside the store; give the file and the keys.

    ``id`` is the content hash, ``chords`` the symbols; the other eight columns are empty.

    Raises
    ------
    EtlError
        If there are none.
    """
    with read_store(database) as connection:
        songs: pl.DataFrame = connection.sql(
            "SELECT sha256 AS id, array_to_string(chords, ' ') AS chords, key, key_posterior "
            "FROM midi_analysis WHERE len(chords) > 0 ORDER BY sha256"
        ).pl()
    if songs.is_empty():
        raise EtlError(f"{database} has no MIDI files with chords.", "Fill it with `etl midi run SOURCE`.")
    target = database.with_name(FILE_NAME)
    with atomic_path(target) as temporary:
        songs.select(
            pl.col(name) if name in {"id", "chords"} else pl.lit(None, pl.String).alias(name)
            for name in SOURCE_COLUMNS
        ).write_csv(temporary)
    keyed = songs.filter(pl.col("key").is_not_null())
    return MidiSongs(target, given_keys(keyed["id"], keyed["key_posterior"].to_numpy()))
