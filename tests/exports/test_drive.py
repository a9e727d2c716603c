"""The drive for a sampler: nothing of others is touched, nothing half-written stays."""
# mypy: disable-error-code="no-untyped-call,no-any-return,type-arg"

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from typing import TYPE_CHECKING

import mido
import numpy as np
import pytest
from typer.testing import CliRunner

from etl.cli.midi import app
from etl.exports import drive as midi_drive
from etl.midi.mpc import DriveFormat, subfolders
from etl.pipelines.midi.drive_files import DriveOptions, Patterns
from etl.pipelines.midi.export import export_drive
from etl.pipelines.midi.request import MidiRun, Stage
from etl.pipelines.midi.run import run_midi
from etl.runtime.errors import EtlError
from etl.runtime.limits import Limits
from tests.support.empty_store import empty_store
from tests.support.midi_oracle import midi_bytes

if TYPE_CHECKING:
    from pathlib import Path

CHORDS = ((57, 60, 64), (53, 57, 60), (48, 52, 55), (55, 59, 62))


def song(number: int) -> bytes:
    """Make different files that are progressions."""
    track = [mido.MetaMessage("text", text=str(number))]
    for chord in CHORDS:
        track += [mido.Message("note_on", note=note, velocity=9) for note in chord]
        track += [
            mido.Message("note_off", note=note, time=1920 if place == 0 else 0)
            for place, note in enumerate(chord)
        ]
    return midi_bytes([track])


def fill(top: Path, count: int = 6, **options) -> None:
    """Run over some songs."""
    (top / "in").mkdir(exist_ok=True)
    for number in range(count):
        (top / "in" / f"song {number}.mid").write_bytes(song(number))
    stages = options.pop("stages", frozenset(Stage))
    places = (top / "in",), empty_store(top / "m.duckdb"), top / "library"
    run_midi(MidiRun(*places, frozenset(stages), workers=1, **options))


def export(top: Path, drive: Path | None = None, **options):
    """Export for the MPC."""
    target = drive or top / "drive"
    options.setdefault("options", DriveOptions(patterns=Patterns.NO))
    return export_drive(top / "library", top / "m.duckdb", target, DriveFormat.MPC_ONE, **options)


def files(drive: Path) -> dict[str, bytes]:
    """Everything on the drive but the dates in its metadata."""
    return {
        str(path.relative_to(drive)): path.read_bytes()
        for path in drive.rglob("*")
        if path.is_file() and "METADATA" not in path.parts
    }


def index(drive: Path) -> Path:
    """Path of the index."""
    return drive / "METADATA" / "file_index.json"


@pytest.fixture(scope="module")
def exported(tmp_path_factory) -> Path:
    """Six songs in a library, exported; for `top` to copy."""
    folder: Path = tmp_path_factory.mktemp("exported")
    fill(folder)
    done = export(folder)
    assert (done.copied, done.unchanged) == (12, 0)
    return folder


@pytest.fixture
def top(exported: Path, tmp_path: Path) -> Path:
    """Six songs in a library, exported."""
    return shutil.copytree(exported, tmp_path, dirs_exist_ok=True)


@pytest.mark.parametrize("path", ["../mine.txt", "/mine.txt", "MPC_Documents/../../mine.txt", "mine.txt"])
def test_an_index_cannot_name_what_is_not_ours(top: Path, path: str):
    """Paths in the index of a drive from elsewhere reach no file outside our folders; nothing is removed."""
    mine = [top / "mine.txt", top / "drive" / "mine.txt"]
    for place in mine:
        place.write_text("mine")
    document = json.loads(index(top / "drive").read_text())
    document["files"].append({"path": path, "sha256": hashlib.sha256(b"mine").hexdigest(), "bytes": 4})
    index(top / "drive").write_text(json.dumps(document))
    with pytest.raises(EtlError, match="index"):
        export(top)
    assert [place.read_text() for place in mine] == ["mine", "mine"]


DAMAGED = (
    "", "{", "[]", "{}", '{"files": 3}', '{"files": [{"path": "x"}]}', "\udcff", "[" * 100_000,
    '{"files": ["MPC_Documents/a.mid"]}', '{"files": [{"path": "MPC_Documents/a.mid", "sha256": 3}]}',
)  # fmt: skip


@pytest.mark.parametrize("text", DAMAGED)
def test_a_damaged_index_is_said(top: Path, text: str):
    """A drive whose index cannot be read is not written to, and the answer says how to go on."""
    before = files(top / "drive")
    index(top / "drive").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(EtlError, match="index") as error:
        export(top)
    assert "file_index.json" in error.value.hint
    index(top / "drive").unlink()
    assert export(top).copied == 12
    assert files(top / "drive") == before


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[" * 100_000,
        '{"paths": [{"path": "a"}], "removing": []}',
        '{"paths": "abc", "removing": []}',
    ],
)
def test_a_damaged_plan_is_said(top: Path, text: str):
    """What an unfinished export left behind is believed no more than the index."""
    plan = index(top / "drive").with_name("export_plan.json")
    plan.write_text(text)
    with pytest.raises(EtlError, match="index") as error:
        export(top)
    assert "export_plan.json" in error.value.hint


def test_what_was_changed_on_the_drive_is_kept(top: Path):
    """A progression edited on the device is set aside before it is replaced, and not removed."""
    drive = top / "drive"
    edited, gone, emptied = (
        drive / "MPC_Documents/Progressions" / f"song_{n}.progression" for n in (0, 1, 2)
    )
    before = files(drive)
    edited.write_bytes(b"edited on the device")
    gone.write_bytes(b"edited too")
    emptied.write_bytes(b"")
    done = export(top)
    assert (done.copied, done.kept) == (3, 2)
    kept = {
        f"MPC_Documents/Progressions/{name}"
        for name in ("song_0_kept_1.progression", "song_1_kept_1.progression")
    }
    after = files(drive)
    assert set(after) == set(before) | kept
    assert {name: blob for name, blob in after.items() if name not in kept} == before
    assert {after[name] for name in kept} == {b"edited on the device", b"edited too"}
    gone.write_bytes(b"again")
    done = export_drive(top / "library", top / "m.duckdb", drive, DriveFormat.FORCE)
    assert (done.removed, done.kept) == (11, 1)
    assert gone.read_bytes() == b"again"


def test_a_stopped_export_goes_on(top: Path, monkeypatch):
    """Unplugged between any two renames: no temporary file stays, what was copied is known as ours."""
    drive = top / "other"
    renames = 0

    def failing(source, target):
        nonlocal renames
        renames += 1
        if renames > 5:
            raise OSError(5, "Input/output error", str(target))
        source.replace(target)

    monkeypatch.setattr(midi_drive, "_rename", failing)
    with pytest.raises(EtlError, match="Input/output error"):
        export(top, drive)
    monkeypatch.undo()
    assert not index(drive).exists()
    assert not list(drive.rglob("*.tmp"))
    (top / "in" / "song 0.mid").unlink()
    done = export(top, drive)
    assert (done.copied, done.unchanged) == (7, 5)
    assert files(drive) == files(top / "drive")
    assert sorted(path.name for path in (drive / "METADATA").iterdir()) == [
        "categories.json", "export_log.json", "file_index.json",
    ]  # fmt: skip


def test_a_killed_export_leaves_nothing_of_nobody(top: Path, monkeypatch):
    """Files that a killed export has put there are removed later, if the library has them no more."""
    drive = top / "other"

    def killed(*_: object):
        raise KeyboardInterrupt

    monkeypatch.setattr(midi_drive, "write_metadata", killed)
    with pytest.raises(KeyboardInterrupt):
        export(top, drive)
    monkeypatch.undo()
    stale = drive / "MPC_Documents" / "Progressions" / ".song_0.mid.etl.tmp"
    stale.write_bytes(b"half")
    assert len(files(drive)) == 13
    export_drive(top / "library", top / "m.duckdb", drive, DriveFormat.FORCE)
    assert all(name.startswith("Force_Documents") for name in files(drive))


def test_what_the_library_lost_costs_only_itself(top: Path):
    """Copies that are gone or changed are left out and counted; the rest is exported."""
    library = sorted((top / "library" / "s").glob("song_*.mid"))
    library[0].unlink()
    library[1].write_bytes(song(1)[:-4] + bytes(4))
    done = export(top, top / "other")
    assert (done.copied, done.damaged) == (10, 2)
    both = export_drive(top / "library", top / "m.duckdb", top / "both", DriveFormat.BOTH)
    assert both.damaged == 2  # not once for each of two folders
    assert len(files(top / "other")) == 10
    indexed = json.loads(index(top / "other").read_text())["files"]
    assert {entry["path"] for entry in indexed} == set(files(top / "other"))
    assert "run --force" in CliRunner().invoke(app, words(top, "other")).output
    for path in library:
        path.unlink(missing_ok=True)
    with pytest.raises(EtlError, match="library"):
        export(top, top / "third")
    assert not (top / "third").exists()


def words(top: Path, drive: str, *more: str) -> list[str]:
    """Words of the command."""
    return ["export", "--library", str(top / "library"), "--db", str(top / "m.duckdb"),
            "--export-to", str(top / drive), "--format", "mpc-one", *more]  # fmt: skip


def test_what_is_not_analysed_is_said(tmp_path: Path):
    """Files without an analysis have no category: they are counted, and an export of only such says why."""
    fill(tmp_path, 2, stages=[Stage.SANITIZE])
    with pytest.raises(EtlError, match="not analyzed") as error:
        export(tmp_path)
    assert "etl midi analyze" in error.value.hint
    fill(tmp_path, 0, stages=[Stage.ANALYZE], pattern="*song 1*")
    done = export(tmp_path)
    assert (done.copied, done.unanalysed) == (2, 1)


def test_a_file_in_the_way_is_said(top: Path):
    """A drive that is a file is refused in words, before anything is read."""
    (top / "file").write_text("mine")
    for drive in (top / "file", top / "file" / "below"):
        with pytest.raises(EtlError):
            export(top, drive)
    assert (top / "file").read_text() == "mine"


@pytest.fixture
def small(tmp_path: Path):
    """Mount a drive of one megabyte and a half with clusters of 4 KB."""
    drive = tmp_path / "small"
    drive.mkdir()
    mount, unmount = shutil.which("mount"), shutil.which("umount")
    command = [str(mount), "-t", "tmpfs", "-o", "size=1536k", "tmpfs", str(drive)]
    if not (mount and unmount) or subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("no right to mount")
    yield drive
    subprocess.run([unmount, str(drive)], check=True)


def test_clusters_count(top: Path, small: Path):
    """Small files take whole clusters; where these do not fit nothing is written, also in a dry run."""
    (small / "filler").write_bytes(bytes(1536 * 1024 - 11 * 4096))
    for dry_run in (True, False):
        with pytest.raises(EtlError, match="free"):
            export(top, small, dry_run=dry_run, limits=Limits(spare_bytes=0))
    assert [path.name for path in small.iterdir()] == ["filler"]


def test_a_drive_that_fills_up_keeps_what_is_whole(top: Path, small: Path, monkeypatch):
    """Where the room ends in the middle the export stops in words, and goes on when there is room."""
    monkeypatch.setattr(midi_drive, "check_room", lambda *_, **__: None)
    (small / "filler").write_bytes(bytes(1536 * 1024 - 7 * 4096))
    with pytest.raises(EtlError, match="no space left"):
        export(top, small, limits=Limits(copied_files=2))
    assert not list(small.rglob("*.tmp"))
    there = {name: blob for name, blob in files(small).items() if name != "filler"}
    assert there.items() <= files(top / "drive").items()
    (small / "filler").unlink()
    export(top, small)
    assert files(small) == files(top / "drive")


def test_a_lying_drive_is_found_out(top: Path, monkeypatch):
    """What is read back and differs is an error, and does not stay under its name."""
    monkeypatch.setattr(midi_drive, "_read_back", lambda _: b"something else")
    with pytest.raises(EtlError, match="not what was written"):
        export(top, top / "other")
    assert files(top / "other") == {}


def test_full_folders_are_cut_by_the_beginnings_of_names():
    """A folder of FAT32 has an end; no folder of ours gets near it, and few files stay where they are."""
    chance = np.random.default_rng(7)
    names = [f"{'con' if n % 3 else ''}{chance.integers(36):x}{n:05d}.mid" for n in range(9000)]
    placed = subfolders(names, most=1000)
    assert set(placed) == set(names)
    folders: dict[str, int] = {}
    for name, folder in placed.items():
        assert name.startswith(folder.removesuffix("_"))
        assert folder.endswith("_")
        folders[folder] = folders.get(folder, 0) + 1
    assert max(folders.values()) <= 1000
    assert set(subfolders(names[:1000], most=1000).values()) == {""}
    assert len(set(subfolders(["Aa.mid", "ab.mid", "AB.mid"], most=2).values())) == 2


def test_targets_are_checked_before_the_drive_is_written(top: Path):
    """A matrix file that cannot be written stops the command at its start; a dry run says all it would do."""
    result = CliRunner().invoke(app, words(top, "other", "--npz", str(top)))
    assert isinstance(result.exception, EtlError)
    assert not (top / "other").exists()
    said = CliRunner().invoke(app, words(top, "other", "--npz", str(top / "m.npz"), "--dry-run")).output
    assert "would copy 18 files" in said
    assert "would write" in said
    assert not (top / "m.npz").exists()
