"""Whatever ends a build early, nothing is half-written or lost, and the next build is right."""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import duckdb
import pytest

from etl.chords import analysis
from etl.pipelines.data3 import block
from etl.pipelines.data3.build import build
from etl.runtime.disk.files import atomic_file
from etl.runtime.disk.staging import temporary_path
from etl.runtime.errors import EtlError
from tests.conftest import Chords
from tests.support.forked import Copy
from tests.support.generated_songs import generate

_MOUNT, _UMOUNT = shutil.which("mount") or "mount", shutil.which("umount") or "umount"


def digest(*paths: Path) -> list[str]:
    """Tell files apart by content."""
    return [hashlib.sha256(path.read_bytes()).hexdigest() for path in paths]


def songs_in(database: Path) -> tuple[int, int, int]:
    """Count the rows of the song tables."""
    with duckdb.connect(str(database), read_only=True) as connection:
        return tuple(
            connection.sql(f"SELECT count(*) FROM {table}").fetchall()[0][0]
            for table in ("songs", "song_harmony", "song_tokens")
        )


@contextmanager
def small_disk(folder: Path, size: str):
    """Mount a tiny file system, or skip where that is not allowed."""
    folder.mkdir()
    mounted = subprocess.run(
        [_MOUNT, "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("mounting a small file system needs root")
    try:
        yield folder
    finally:
        subprocess.run([_UMOUNT, str(folder)], check=True)


@pytest.fixture(scope="module")
def generated(tmp_path_factory) -> Path:
    """Two thousand songs."""
    path: Path = tmp_path_factory.mktemp("generated") / "songs.csv"
    generate(2000, path)
    return path


@pytest.mark.parametrize("target", ["output", "npz", "database"])
def test_full_disk_leaves_every_target_as_it_was(chords, generated, tmp_path, target):
    """The message names the target; the other targets stay as they were as well."""
    chords.cut(1 << 16)
    old = chords.file("old.csv", *(chords.row(i) for i in range(50)))
    with small_disk(tmp_path / "small", "3m") as disk:
        places = {
            "output": chords.output,
            "npz": tmp_path / "data3.npz",
            "database": chords.database,
        }
        names = {"output": "d.csv", "npz": "d.npz", "database": "d.duckdb"}
        places[target] = disk / names[target]
        chords.build(old, **places)
        before = digest(places["output"], places["npz"])
        stored = songs_in(places["database"])
        if target == "npz":  # smaller than the rest: leave it little room
            (disk / "filler").write_bytes(bytes((3 << 20) - (1 << 17)))
        with pytest.raises(EtlError, match=f"no space left on the disk of {places[target]}"):
            build(chords.request(generated, **places))
        assert digest(places["output"], places["npz"]) == before
        assert songs_in(places["database"]) == stored
        assert not [path.name for path in (*tmp_path.iterdir(), *disk.iterdir()) if ".tmp" in path.name]
        subprocess.run([_MOUNT, "-o", "remount,size=9m", str(disk)], check=True)  # room again
        assert chords.build(old, **places).is_stored


@pytest.mark.parametrize(
    ("place", "message"),
    [
        (lambda chords: chords.folder, "is a folder"),
        (lambda chords: chords.folder / "in.csv", "is an input"),
        (lambda chords: chords.folder / "link.csv", "is an input"),
        (lambda chords: chords.folder / "in.csv" / "below.csv", "cannot write"),
        # Root ignores modes; /proc is a file system in which nobody can make a file.
        (lambda _: Path("/proc/data3.csv"), "cannot write|failed"),
    ],
)
@pytest.mark.parametrize("target", ["output", "npz", "database"])
def test_impossible_targets_are_refused_before_any_work(chords, target, place, message):
    """Nothing is read or written where a target cannot be."""
    path = chords.file("in.csv", chords.row(1))
    (chords.folder / "link.csv").symlink_to(path)
    content = path.read_bytes()
    places = {"output": chords.output, target: place(chords)}
    with pytest.raises(EtlError, match=message):
        chords.build(path, **places)
    assert path.read_bytes() == content
    assert not chords.output.exists()


def test_one_path_for_two_outputs_is_refused(chords):
    """The matrices do not overwrite the CSV, nor the rejects an input."""
    path = chords.file("in.csv", "bad")
    with pytest.raises(EtlError, match="would be written twice"):
        chords.build(path, npz=chords.output)
    rejects = path.rename(chords.output.with_suffix(".rejects.csv"))
    with pytest.raises(EtlError, match="is an input"):
        chords.build(rejects)


def test_folders_of_outputs_are_made(chords):
    """Output folders need not exist."""
    output = chords.folder / "a" / "b" / "data3.csv"
    chords.build(
        chords.file("in.csv", chords.row(1)), output=output, database=chords.folder / "c" / "d.duckdb"
    )
    assert output.exists()


def test_failing_worker_leaves_nothing(chords, generated, monkeypatch, leftovers):
    """An exception in one block ends the build, and what was there stays."""
    chords.cut(1 << 16)
    old = chords.file("old.csv", chords.row(1))
    chords.build(old, database=chords.database, npz=chords.folder / "x.npz")
    before = digest(chords.output, chords.folder / "x.npz")
    calls = iter(range(100))

    def analyze(*arguments, **options):
        if next(calls) == 4:
            raise RuntimeError("made to fail")
        return original(*arguments, **options)

    original = analysis.analyze
    monkeypatch.setattr(block, "analyze", analyze)
    with pytest.raises(RuntimeError, match="made to fail"):
        chords.build(generated, database=chords.database, npz=chords.folder / "x.npz")
    assert digest(chords.output, chords.folder / "x.npz") == before
    assert songs_in(chords.database) == (1, 1, 1)
    assert leftovers() == []
    with duckdb.connect(str(chords.database)) as connection:
        statuses = connection.sql("SELECT status, error FROM runs ORDER BY run_id").fetchall()
    assert statuses == [("done", None), ("failed", "RuntimeError: made to fail")]


@pytest.mark.parametrize("options", [{"workers": 1}, {"workers": 5}, {"block": 3000}, {"block": 1 << 20}])
def test_outputs_depend_on_the_input_alone(chords, generated, options):
    """Threads and blocks do not show in the CSV, the matrices or what the store exports."""
    npz = chords.folder / "x.npz"
    chords.cut(40_000)
    chords.build(generated, npz=npz, limit=200)
    expected = digest(chords.output, npz)
    chords.cut(options.pop("block", 20_000))
    chords.build(generated, npz=npz, limit=200, database=chords.database, **options)
    assert digest(chords.output, npz) == expected
    chords.output.unlink()
    npz.unlink()
    assert chords.build(generated, npz=npz, limit=200, database=chords.database).is_stored
    assert digest(chords.output, npz) == expected


def test_forced_build_replaces_and_never_adds(chords):
    """Songs, rejects, sources and ledger are the same after a second build."""
    path = chords.file("in.csv", chords.row(1), "bad", chords.row(1), chords.row(2, "C x"))
    counts = []
    for _ in range(2):
        chords.build(path, database=chords.database, force=True)
        with duckdb.connect(str(chords.database), read_only=True) as connection:
            counts.append(
                [
                    connection.sql(f"SELECT count(*) FROM {table}").fetchall()[0][0]
                    for table in (
                        "songs", "song_harmony", "song_tokens", "rejects", "sources", "source_symbols",
                        "ledger",
                    )
                ]
            )  # fmt: skip
    assert counts[0] == counts[1] == [2, 2, 2, 2, 1, 4, 1]


def test_changed_input_or_option_is_analysed_again(chords):
    """What the store has is taken only for the same file and the same options."""
    path = chords.file("in.csv", chords.row(1), chords.row(2))
    assert not chords.build(path, database=chords.database).is_stored
    assert chords.build(path, database=chords.database).is_stored
    assert not chords.build(path, database=chords.database, limit=1).is_stored
    assert not chords.build(path, database=chords.database).is_stored
    chords.file("in.csv", chords.row(1), chords.row(2), chords.row(3))
    assert not chords.build(path, database=chords.database).is_stored
    assert songs_in(chords.database) == (3, 3, 3)


def test_builds_of_several_files_do_not_borrow_from_builds_of_one(chords):
    """Which row repeats an id depends on all inputs and their order."""
    first = chords.file("a.csv", chords.row(1), chords.row(2))
    second = chords.file("b.csv", chords.row(2), chords.row(3))
    for path in (first, second):
        chords.build(path, database=chords.database)
    for inputs, ids in (
        ((first, second), ["1", "2", "3"]),
        ((second, first), ["2", "3", "1"]),
        ((second,), ["2", "3"]),
        ((second,), ["2", "3"]),
    ):
        chords.build(*inputs, database=chords.database)
        assert chords.ids() == ids
    again = chords.build(second, first, database=chords.database)
    assert (again.is_stored, again.rejected) == (False, 1)
    again = chords.build(second, first, database=chords.database)
    assert (again.is_stored, again.rejected, again.records) == (True, 1, 4)


def test_stale_temporary_files_are_swept_and_living_ones_kept(tmp_path):
    """What killed processes left goes away, also where the name looks like a pattern."""
    target = tmp_path / "out[1].csv"
    ended = Copy([sys.executable, "-c", ""])
    ended.wait()
    stale = tmp_path / f".{target.name}.{ended.pid}.tmp"
    living = tmp_path / f".{target.name}.{os.getppid()}.tmp"
    reused = tmp_path / f".{target.name}.1.tmp"
    other = tmp_path / f".out1.csv.{ended.pid}.tmp"
    for path in (stale, living, reused, other):
        path.touch()
    os.utime(reused, (1, 1))  # older than the process that has its number now
    with atomic_file(target) as file:
        file.write(b"x")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([living.name, other.name, target.name])


def command(chords, path: Path, **options: object) -> list[str]:
    """Spell the command line of a build."""
    places = {"--output": chords.output, "--db": chords.database, "--npz": chords.folder / "x.npz", **options}
    arguments = [str(part) for pair in places.items() for part in pair]
    return [sys.executable, "-m", "etl", "build", "data3", str(path), "--force", *arguments]


def temporary_of(chords, process: Copy) -> Path:
    """Give the file that a build writes its CSV to."""
    return Path(chords.folder / f".{chords.output.name}.{process.pid}.tmp")


def wait_for_bytes(chords, process: Copy, size: float) -> None:
    """Wait until a build has written so many bytes of its CSV, however fast it is."""
    temporary = temporary_of(chords, process)
    with suppress(FileNotFoundError):  # it is done
        while temporary.stat().st_size < size and process.poll() is None:
            time.sleep(0.002)


def start(chords, path: Path) -> Copy:
    """Start a build and wait until it writes: whether it may, it tries with an empty file before that."""
    process = Copy(command(chords, path), stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    temporary = temporary_of(chords, process)
    while process.poll() is None:
        with suppress(FileNotFoundError):
            if temporary.stat().st_size:
                break
        time.sleep(0.002)
    return process


@pytest.fixture(scope="module")
def long_input(tmp_path_factory) -> Path:
    """Enough songs for about half a second."""
    path: Path = tmp_path_factory.mktemp("long") / "songs.csv"
    generate(12_000, path)
    return path


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory, long_input) -> tuple[list[str], int]:
    """Give what a build of them writes, and the bytes of the CSV."""
    chords = Chords(tmp_path_factory.mktemp("undisturbed"))
    npz = chords.folder / "x.npz"
    build(chords.request(long_input, npz=npz))
    return digest(chords.output, npz), chords.output.stat().st_size


def test_killed_builds_change_nothing_and_the_next_one_is_right(chords, long_input, undisturbed, leftovers):
    """SIGKILL at any moment: old outputs, old store; the next build gives what an undisturbed one gives."""
    old = chords.file("old.csv", *(chords.row(i) for i in range(20)))
    places = {"database": chords.database, "npz": chords.folder / "x.npz"}
    chords.build(old, **places)
    before = digest(chords.output, places["npz"])
    expected, size = undisturbed
    randomness = random.Random(0)
    for _ in range(3):
        process = start(chords, long_input)
        wait_for_bytes(chords, process, randomness.uniform(0, 0.5) * size)
        assert process.poll() is None
        process.kill()
        process.communicate()
        assert digest(chords.output, places["npz"]) == before
        assert songs_in(chords.database) == (20, 20, 20)
    chords.build(long_input, **places)
    assert digest(chords.output, places["npz"]) == expected
    assert leftovers() == []
    assert songs_in(chords.database) == (12_020,) * 3
    with duckdb.connect(str(chords.database), read_only=True) as connection:
        statuses = connection.sql("SELECT status, error FROM runs ORDER BY run_id").fetchall()
    assert statuses == [("done", None), *[("failed", "the process was killed")] * 3, ("done", None)]


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_builds_end_soon_and_clean(chords, long_input, undisturbed, leftovers, sign):
    """Exit code 130 with a word, no traceback, nothing left behind, the run marked as interrupted."""
    randomness = random.Random(int(sign))
    for _ in range(2):
        process = start(chords, long_input)
        wait_for_bytes(chords, process, randomness.uniform(0, 0.5) * undisturbed[1])
        process.send_signal(sign)
        _, words = process.communicate(timeout=20)
        assert process.returncode == 130, words
        assert words.splitlines()[-1].startswith("etl: interrupted")
        assert "Traceback" not in words
        assert leftovers() == []
        assert not chords.output.exists()
        assert songs_in(chords.database) == (0, 0, 0)
    with duckdb.connect(str(chords.database), read_only=True) as connection:
        assert connection.sql("SELECT DISTINCT status FROM runs").fetchall() == [("interrupted",)]


def test_second_build_on_one_store_says_who_holds_it(chords, long_input):
    """The message names the process and what to do; the first build goes on."""
    first = start(chords, long_input)
    first.send_signal(signal.SIGSTOP)  # however long the second takes to start
    words = command(chords, long_input, **{"--output": chords.folder / "other.csv"})
    second = Copy(words, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    _, said = second.communicate()
    first.send_signal(signal.SIGCONT)
    first.communicate()
    assert second.returncode == 75
    assert f"is locked by process {first.pid}" in said
    assert "use another --db" in said
    assert not (chords.folder / "other.csv").exists()
    assert first.returncode == 0


def test_temporary_names_are_hidden_and_beside_the_target(tmp_path):
    """A temporary file is on the same disk and matches no glob of a user."""
    path = temporary_path(tmp_path / "a.csv")
    assert path.parent == tmp_path
    assert path.name.startswith(".")
    assert path.suffix == ".tmp"
