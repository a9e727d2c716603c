"""A MIDI library that a cluster reads is the one that this machine reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

import mido
import pytest

from etl.pipelines.midi.request import MidiRun, Stage
from etl.pipelines.midi.run import run_midi
from etl.runtime.errors import EtlError, ExitCode
from etl.runtime.work.cluster.address import Cluster
from etl.store.database import read_store
from tests.support.dask_cluster import address_of, started
from tests.support.midi_oracle import midi_bytes

if TYPE_CHECKING:
    from pathlib import Path


def stored(database: Path) -> list[list[tuple[object, ...]]]:
    """Give what is known of files."""
    tables = ("midi_files", "midi_analysis", "midi_paths", "midi_tags")
    with read_store(database) as connection:
        found = [connection.sql(f"SELECT * FROM {name} ORDER BY ALL").pl() for name in tables]
    return [frame.drop("run_id", strict=False).rows() for frame in found]


def test_rows_and_copies_are_the_same_and_a_library_that_workers_lack_ends_the_run(tmp_path):
    """Copies are written by the workers into the folder that both see; no file is blamed for a folder."""
    source = tmp_path / "midi"
    source.mkdir()
    for number in range(6):
        notes = [
            message
            for pitch in (60, 64 + number, 67)
            for message in (
                mido.Message("note_on", note=pitch, velocity=90),
                mido.Message("note_off", note=pitch, time=480),
            )
        ]
        (source / f"song {number}.mid").write_bytes(midi_bytes([notes]))
    stages = frozenset({Stage.ANALYZE, Stage.SANITIZE})
    here = MidiRun((source,), tmp_path / "here.duckdb", tmp_path / "here", stages, workers=0)
    run_midi(here)
    with started(1) as connection:
        cluster = Cluster.parse(address_of(connection))
        there = MidiRun((source,), tmp_path / "there.duckdb", tmp_path / "there", stages, cluster=cluster)
        assert run_midi(there).read == 6
        wrong = Cluster.parse(cluster.address, [f"{tmp_path / 'third'}={tmp_path / 'no'}"])
        lacking = MidiRun((source,), tmp_path / "third.duckdb", tmp_path / "third", stages, cluster=wrong)
        with pytest.raises(EtlError, match=r"cannot read .*/no/") as raised:
            run_midi(lacking)
        assert raised.value.exit_code is ExitCode.UNAVAILABLE
    assert stored(tmp_path / "there.duckdb") == stored(tmp_path / "here.duckdb")
    copies = [
        {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        for folder in (tmp_path / "here", tmp_path / "there")
    ]
    assert len(copies[0]) == 6
    assert copies[0] == copies[1]
