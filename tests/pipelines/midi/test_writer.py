"""What a run counts while it writes: what was stored, and what was refused at which stage and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

import mido

from etl.pipelines.midi.request import MidiRun, Stage
from etl.pipelines.midi.run import run_midi
from tests.support.empty_store import empty_store
from tests.support.midi_oracle import midi_bytes
from tests.support.shown import Shown

if TYPE_CHECKING:
    from pathlib import Path


def song(note: int) -> bytes:
    """Make a song of one note."""
    messages = [
        mido.Message("note_on", note=note, velocity=9),
        mido.Message("note_off", note=note, time=480),
    ]
    return midi_bytes([messages])


def test_what_is_stored_and_what_is_refused_is_counted(tmp_path: Path) -> None:
    """Files at the stage of the store, refusals at their own, by category in the result."""
    folder = tmp_path / "in"
    folder.mkdir()
    for note in (60, 61, 62):
        (folder / f"{note}.mid").write_bytes(song(note))
    for name in ("broken.mid", "torn.mid"):
        (folder / name).write_bytes(b"no MIDI in " + name.encode())
    (folder / "spoilt.zip").write_bytes(b"PK\x03\x04 and then nothing")
    shown = Shown()
    database, stages = empty_store(tmp_path / "m.duckdb"), frozenset({Stage.IMPORT})
    request = MidiRun((folder,), database, tmp_path / "library", stages, workers=0)
    result = run_midi(request, [shown])
    counts = {stage.name: (stage.done, stage.errors) for stage in shown.snapshots[-1].stages}
    assert counts == {"find": (5, 1), "import": (5, 2), "store": (5, 0)}
    assert (result.read, result.rejected, sum(result.rejects.values())) == (5, 3, 3)
    assert sorted(result.rejects.values()) == [1, 2]
