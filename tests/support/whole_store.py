"""A folder with a little of everything, and the store that was made of it."""

from __future__ import annotations

import shutil
from contextlib import chdir
from typing import TYPE_CHECKING, Any

import mido
import mutagen

from tests.support.command_line import run_here
from tests.support.midi_oracle import midi_bytes
from tests.support.tracks import write_track

if TYPE_CHECKING:
    from pathlib import Path

HOSTILE = "</svg><script>alert(1)</script>"
"""The artist of a track that means ill."""


def make_whole_store(folder: Path) -> None:
    """Make ``music.duckdb`` of the bundled songs, three recordings and a MIDI file, and a data set ``ml``."""
    for number, genre in ((1, "Rock"), (2, "Rock; Pop"), (3, "Pop")):
        tagged: Any = mutagen.File(write_track(folder / "music" / f"{number}.flac", number))
        tagged["genre"] = genre
        tagged["artist"] = HOSTILE if number == 3 else f"Artist {number}"
        tagged.save()
    shutil.copy(folder / "music" / "1.flac", folder / "song.flac")
    notes = [mido.Message("note_on", note=60, velocity=90), mido.Message("note_off", note=60, time=480)]
    (folder / "song.mid").write_bytes(midi_bytes([notes]))
    with chdir(folder):
        run_here("demo", ".")
        store = ("--db", "music.duckdb")
        run_here("library", "run", "music", "-o", "sonic.npz", "--workers", "1", *store)
        run_here("midi", "run", "song.mid", "--workers", "0", *store)
        run_here("genres", "fetch", *store)
        run_here("export", "dataset", "ml", *store)
