"""The chords of the MIDI library as an input of a build, with the keys that the notes gave."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import polars as pl

from etl.chords.keys import GIVEN_POSTERIOR
from etl.exports.data3 import SONG_COLUMNS
from etl.runtime.errors import EtlError
from etl.sources.chords.files import Source
from etl.sources.chords.streams import source_name
from etl.store.database import read_store
from etl.store.midi_songs import midi_songs

if TYPE_CHECKING:
    from pathlib import Path

    from etl.runtime.limits import Limits


def midi_source(database: Path, *, keys: bool, limits: Limits) -> Source:
    """Read the chords of all MIDI files that have some; the store stands for the source.

    ``id`` is the content hash, ``chords`` the symbols; the other columns are empty.

    Parameters
    ----------
    database
        The store with the MIDI library.
    keys
        Whether the keys that the notes gave go with the songs.
    limits
        How long to wait for the store.

    Raises
    ------
    EtlError
        If there are none, or the store cannot be read.
    """
    with read_store(database, limits=limits) as connection:
        songs = midi_songs(connection)
    if songs.is_empty():
        raise EtlError(f"{database} has no MIDI files with chords.", "Fill it with `etl midi run SOURCE`.")
    table = songs.select(
        *(name if name in songs.columns else pl.lit(None, pl.String).alias(name) for name in SONG_COLUMNS),
        *([pl.col("key_posterior").alias(GIVEN_POSTERIOR)] if keys else []),
    ).to_arrow()
    text = songs.write_ndjson()  # not the frame's bytes: those below a null differ from read to read
    return Source(
        path=database,
        name=source_name(database),
        columns=SONG_COLUMNS,
        wanted=SONG_COLUMNS,
        found={name: at for at, name in enumerate(SONG_COLUMNS)},
        kind="table",
        compression=None,
        size_bytes=table.nbytes,
        mtime_ns=0,
        keeps_others=True,
        table=table,
        kept=(GIVEN_POSTERIOR,) if keys else (),
        content_hash=hashlib.blake2b(text.encode(), digest_size=16).hexdigest(),
        content_bytes=len(text),
    )
