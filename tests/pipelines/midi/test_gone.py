"""Files that are gone: marked, left out of lists, back, forgotten; and drives that are not there."""
# mypy: disable-error-code="no-untyped-call,type-arg"

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import mido
import pytest

from etl.pipelines.midi.request import Stage
from etl.runtime.errors import EtlError
from tests.pipelines.midi.test_run import put, rows, run
from tests.support.command_line import run_here
from tests.support.kept_folder import KeptFolder
from tests.support.midi_oracle import midi_bytes

STAGES = [Stage.IMPORT, Stage.ANALYZE]


def song(pitch: int) -> bytes:
    """Make a song of one note."""
    return midi_bytes(
        [[mido.Message("note_on", note=pitch, velocity=9), mido.Message("note_off", note=pitch, time=480)]]
    )


def pack(top: Path, *pitches: int) -> None:
    """Write an archive."""
    with zipfile.ZipFile(top / "in" / "pack.zip", "w") as archive:
        for pitch in pitches:
            archive.writestr(f"{pitch}.mid", song(pitch))


@pytest.fixture(scope="module")
def analysed(tmp_path_factory: pytest.TempPathFactory) -> KeptFolder:
    """Five files, one of them by a name that is no UTF-8, and an archive of two, analysed once."""
    folder = tmp_path_factory.mktemp("analysed")
    put(folder, {f"{name}.mid": song(60 + number) for number, name in enumerate("abcd")})
    Path(os.fsdecode(os.fsencode(folder / "in") + b"/caf\xe9.mid")).write_bytes(song(50))
    pack(folder, 70, 71)
    run(folder, stages=STAGES, workers=0)
    return KeptFolder(folder)


@pytest.fixture
def top(analysed: KeptFolder) -> Path:
    """Give the folder as it was analysed."""
    return analysed.again()


def gone(top: Path) -> list[str]:
    """Names of the paths that are gone."""
    found = rows(top, "SELECT path FROM midi_paths WHERE gone_at IS NOT NULL ORDER BY path")
    return [path.rpartition("/")[2] for (path,) in found]


def listed(top: Path) -> list[str]:
    """Names of what `find` lists, and how many files each way of counting says there are."""
    said = run_here("midi", "find", "--format", "csv", "--db", top / "m.duckdb").splitlines()
    names = sorted(line.split(",")[0].rpartition("/")[2] for line in said if ".mid" in line)
    overview = run_here("midi", "stats", "--db", top / "m.duckdb").splitlines()[2].split()
    assert int(overview[0]) == int(overview[1]) == int(overview[4]) == len(names)
    return names


def test_what_is_gone_is_left_out_and_comes_back(top: Path):
    """Files, archives and members that an archive no longer holds; what is back needs no analysis."""
    assert len(listed(top)) == 7
    for name in ("b.mid", "pack.zip"):
        (top / "in" / name).rename(top / name)
    done = run(top, stages=STAGES, workers=0)
    assert (done.gone, done.read) == (2, 0)
    assert gone(top) == ["b.mid", "pack.zip!70.mid", "pack.zip!71.mid"]
    assert listed(top) == ["a.mid", "c.mid", "caf\\xe9.mid", "d.mid"]
    assert run(top, stages=STAGES, workers=0).gone == 0
    for name in ("b.mid", "pack.zip"):
        (top / name).rename(top / "in" / name)
    done = run(top, stages=STAGES, workers=0)
    assert (done.gone, done.read, done.new) == (0, 2, 0)
    assert gone(top) == []
    pack(top, 71, 72)
    assert run(top, stages=STAGES, workers=0).new == 1
    assert gone(top) == ["pack.zip!70.mid"]


def test_what_was_only_passed_over_is_not_gone(top: Path):
    """A filter, a limit, another source, and a folder that cannot be read say nothing of what is there."""
    assert run(top, stages=STAGES, workers=0, pattern="*a.mid").gone == 0
    assert run(top, stages=STAGES, workers=0, limit=1, force=True).gone == 0
    assert run(top, stages=STAGES, workers=0, source=top / "in" / "a.mid").gone == 0
    assert gone(top) == []


def test_a_drive_that_is_not_mounted_is_told(top: Path):
    """Where over half are gone nothing is marked, unless it is said to be right."""
    before = listed(top)
    (top / "in").rename(top / "elsewhere")
    put(top, {"new.mid": song(90)})
    with pytest.raises(EtlError, match=r"held 7 MIDI files; 1 of them .* None of them was marked"):
        run(top, stages=STAGES, workers=0)
    assert gone(top) == []
    assert listed(top) == sorted([*before, "new.mid"])
    assert run(top, stages=STAGES, workers=0, allow_gone=True).gone == 6
    assert listed(top) == ["new.mid"]


def test_forget_takes_what_is_gone_out_of_the_store(top: Path):
    """All that hangs on it, but not what has another path; a path that is there can be named."""
    put(top, {"copy of b.mid": song(61)})
    run(top, stages=list(Stage), workers=0)
    options = ("--db", top / "m.duckdb")
    assert "nothing is gone" in run_here("midi", "forget", "--yes", *options)
    for name in ("b.mid", "c.mid"):
        (top / "in" / name).unlink()
    run(top, stages=STAGES, workers=0)
    said = run_here("midi", "forget", "--dry-run", *options)
    assert "would be deleted" in said
    assert gone(top) == ["b.mid", "c.mid"]
    run_here("midi", "forget", "--yes", *options)
    assert gone(top) == []
    assert rows(top, "SELECT count(*) FROM midi_files") == [(6,)]
    tables = ("midi_analysis", "midi_tracks", "midi_tempos", "midi_signatures", "midi_library")
    for table in tables:
        assert rows(top, f"SELECT count(*) FROM {table} ANTI JOIN midi_files USING (sha256)") == [(0,)]
    assert rows(top, "SELECT count(DISTINCT item) FROM ledger WHERE task = 'midi.import'") == [(6,)]
    assert len(list((top / "library").rglob("*.mid"))) == 7
    run_here("midi", "forget", top / "in" / "pack.zip", "--yes", *options)
    assert rows(top, "SELECT count(*) FROM midi_paths WHERE archive IS NOT NULL") == [(0,)]
    assert run(top, stages=STAGES, workers=0).read == 2
    run_here("midi", "forget", top / "nowhere", "--yes", *options, expect=2)


def test_a_library_of_silence_can_be_forgotten(tmp_path: Path):
    """Files without notes have no signatures, and no near copies to be found anew."""
    put(tmp_path, {"a.mid": midi_bytes([[]]), "b.mid": song(60)})
    run(tmp_path, stages=STAGES, workers=0)
    run_here("midi", "forget", tmp_path / "in", "--yes", "--db", tmp_path / "m.duckdb")
    assert rows(tmp_path, "SELECT count(*) FROM midi_files") == [(0,)]
