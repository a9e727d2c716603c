"""Compiling ahead, and first runs with many workers at once."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import mido
import numpy as np
import soundfile

from etl.runtime.compile_folder import LOCK, writable_folder
from tests.support.command_line import run_here
from tests.support.empty_store import empty_store
from tests.support.places import ROOT

if TYPE_CHECKING:
    from pathlib import Path

SAMPLE = ROOT / "etl" / "sample" / "billboard_chordonomicon.csv"


# A run over a folder, and what it waited for each time that it was shown.
_SHOWN = """
import sys
from pathlib import Path
from etl.pipelines.audio.run import run_library
from tests.support.tracks import request
class Waits:
    def show(self, snapshot): print(snapshot.waits_for)
    def say(self, line): pass
    def close(self, snapshot): pass
folder, database, workers = sys.argv[1:]
run_library(Path(database), request(Path(folder), workers=int(workers)), [Waits()])
"""


def code_files(folder: Path) -> dict[str, int]:
    """Give the files of compiled code and when each was written."""
    return {path.name: path.stat().st_mtime_ns for path in folder.iterdir() if path.name != LOCK}


def etl_code(folder: Path) -> dict[str, int]:
    """Give those of this package: other tests compile functions of their own at the same time."""
    return {name: when for name, when in code_files(folder).items() if name.startswith("etl.")}


def a_midi_file(path: Path) -> None:
    """Write three tracks, with tempos in two of them, one with no program."""
    file = mido.MidiFile(ticks_per_beat=480)
    for channel in (0, 3, 9):
        track = mido.MidiTrack([mido.MetaMessage("track_name", name=f"part {channel}")])
        if channel:
            track.append(
                mido.MetaMessage("set_tempo", tempo=400_000 + channel, time=480 - 100 * channel // 9)
            )
            track.append(mido.Message("program_change", channel=channel, program=40))
        for beat in range(32):
            note = (60, 64, 67, 71)[beat % 4]
            track.append(mido.Message("note_on", channel=channel, note=note, time=60))
            track.append(mido.Message("note_off", channel=channel, note=note, time=420))
        file.tracks.append(track)
    file.save(path)


def clicks(folder: Path, count: int) -> None:
    """Write recordings of a few seconds with a pulse, all different."""
    folder.mkdir()
    time = np.arange(22_050 * 6) / 22_050
    for number in range(count):
        tone = 0.3 * np.sin(2 * np.pi * (220 + 30 * number) * time) * np.exp(-6 * (2 * time % 1))
        soundfile.write(folder / f"{number}.wav", tone, 22_050)


def test_after_a_warm_up_no_run_compiles_anything(tmp_path):
    """A build with all that it can write, a data set, a MIDI and a library run leave the folder as it was.

    What this process has loaded by then was in the folder before; workers of the last two begin with nothing.
    """
    assert "functions compiled in all:" in run_here("warm-up", "--workers", "2")
    folder = writable_folder()
    assert folder is not None
    before = etl_code(folder)
    assert {name.split(".")[1] for name in before} >= {"audio", "chords", "exports", "midi"}
    database = tmp_path / "music.duckdb"
    run_here(
        "build", "data3", SAMPLE, "-o", tmp_path / "data3.csv", "--npz", tmp_path / "data3.npz",
        "--section-keys", "--db", database,
    )  # fmt: skip
    run_here("export", "dataset", tmp_path / "songs", "--db", database)
    a_midi_file(tmp_path / "a.mid")
    run_here("midi", "run", tmp_path / "a.mid", "--library", tmp_path / "midi", "--db", database)
    clicks(tmp_path / "music", 2)
    run_here("library", "run", tmp_path / "music", "-o", tmp_path / "sonic.npz", "--db", database)
    assert etl_code(folder) == before


def test_a_first_run_of_many_workers_leaves_a_sound_cache(tmp_path):
    """Each function is kept once, none of another package; the next run loads it and finds the same.

    The first says how far it has compiled, the next does not compile.
    """
    clicks(tmp_path / "music", 8)
    place = {"NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    question = (
        "query",
        "SELECT parse_filename(path) AS name, md5(vector_whole::VARCHAR) FROM library ORDER BY path",
    )
    found, shown = [], []
    for run, workers in (("first", 8), ("second", 2)):
        database = empty_store(tmp_path / f"{run}.duckdb")
        done = subprocess.run(
            [sys.executable, "-c", _SHOWN, tmp_path / "music", database, str(workers)],
            env=os.environ | place, cwd=ROOT, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        shown.append(done.stdout)
        found.append((run_here(*question, "--db", database), code_files(tmp_path / "cache" / "music-etl")))
    assert ["compiling the analysis" in waits for waits in shown] == [True, False]
    assert found[0] == found[1]
    assert found[0][0].count(".wav") == 8
    assert all(name.startswith("etl.audio.") for name in found[0][1])
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["music-etl"]
