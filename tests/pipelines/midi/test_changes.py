"""What a MIDI run finds new, changed or refused, and what it does where nothing has changed."""
# mypy: disable-error-code="no-untyped-call,type-arg"

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import duckdb
import psutil
import pytest

from etl.pipelines.midi import request as midi_request
from etl.pipelines.midi.request import Stage
from etl.sources.folders.midi import Found, find_midi
from tests.pipelines.midi.test_run import SONG, put, rows, run
from tests.support.command_line import run_here
from tests.support.kept_folder import KeptFolder
from tests.support.places import ROOT

IMPORT = [Stage.IMPORT]


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> KeptFolder:
    """Three files and an archive, imported once."""
    folder = tmp_path_factory.mktemp("imported")
    put(folder, {f"{name}.mid": SONG + name.encode() for name in "abc"})
    with zipfile.ZipFile(folder / "in" / "pack.zip", "w") as archive:
        archive.writestr("d.mid", SONG + b"d")
    run(folder, stages=IMPORT)
    return KeptFolder(folder)


@pytest.fixture
def top(imported: KeptFolder) -> Path:
    """Give the folder as it was imported."""
    return imported.again()


def test_what_is_unchanged_is_seen_and_not_read(top: Path):
    """Its last run is the present one; nothing else in the store changes but for the run itself."""
    before = rows(top, "SELECT * EXCLUDE (last_run) FROM midi_paths ORDER BY ALL")
    summary = run(top, stages=IMPORT)
    assert (summary.found, summary.unchanged, summary.read) == (3, 3, 0)
    assert rows(top, "SELECT * EXCLUDE (last_run) FROM midi_paths ORDER BY ALL") == before
    seen = rows(top, "SELECT first_run, last_run FROM midi_paths WHERE location IS NOT NULL")
    assert seen == [(1, 2)] * 3
    assert rows(top, "SELECT status, items_in, items_out FROM runs") == [("done", 4, 4), ("done", 3, 0)]


@pytest.mark.parametrize("change", ["size", "time", "new", "archive", "moved"])
def test_what_has_changed_is_read(top: Path, change: str):
    """A new size, a new time, a new path, a changed archive: that file is read, and no other."""
    if change == "size":
        (top / "in" / "b.mid").write_bytes(SONG + b"longer")
    elif change == "time":
        os.utime(top / "in" / "b.mid", ns=(1, 1))
    elif change == "new":
        put(top, {"e.mid": SONG + b"e"})
    elif change == "moved":
        (top / "in" / "b.mid").rename(top / "in" / "moved.mid")
    else:
        os.utime(top / "in" / "pack.zip", ns=(1, 1))
    summary = run(top, stages=IMPORT)
    assert (summary.read, summary.new) == (1, change in {"size", "new"})
    assert run(top, stages=IMPORT).read == 0


def test_a_file_has_one_path_however_it_is_given(top: Path, monkeypatch: pytest.MonkeyPatch):
    """Its folder from another one, or a step up and down again; what is forgotten too."""
    (top / "else").mkdir()
    monkeypatch.chdir(top / "else")
    for source in (Path("../in"), top / "else" / ".." / "in", Path("../in/../in/a.mid")):
        assert run(top, stages=IMPORT, source=source).read == 0
    assert rows(top, "SELECT count(*) FROM midi_paths WHERE contains(path, '..')") == [(0,)]
    with duckdb.connect(str(top / "m.duckdb")) as connection:  # as version 0.1.0 stored it
        connection.execute("UPDATE midi_paths SET path = replace(path, '/in/b', '/else/../in/b')")
    for name in ("a", "b"):
        run_here("midi", "forget", f"../in/{name}.mid", "--yes", "--db", top / "m.duckdb")
    assert rows(top, "SELECT path[-5:] FROM midi_paths ORDER BY ALL") == [("c.mid",), ("d.mid",)]


def test_what_is_gone_is_not_found(top: Path):
    """It stays in the store, last seen by an earlier run."""
    (top / "in" / "b.mid").unlink()
    done = run(top, stages=IMPORT)
    assert (done.found, done.gone) == (2, 1)
    assert rows(top, "SELECT last_run FROM midi_paths WHERE path LIKE '%b.mid'") == [(1,)]


def test_a_new_version_or_another_stage_is_work(top: Path, monkeypatch: pytest.MonkeyPatch):
    """So is --force; a filter that leaves a changed file out leaves it for later."""
    assert run(top, stages=[Stage.ANALYZE]).read == 4
    assert run(top, stages=IMPORT, force=True).read == 4
    os.utime(top / "in" / "b.mid", ns=(1, 1))
    assert run(top, stages=IMPORT, pattern="*a.mid").read == 0
    monkeypatch.setitem(midi_request.VERSIONS, "midi.import", "next")
    assert run(top, stages=IMPORT).read == 4


def test_a_limit_takes_the_next_files(tmp_path: Path):
    """What is unchanged does not count."""
    put(tmp_path, {f"{number}.mid": SONG + bytes([number]) for number in range(5)})
    assert [run(tmp_path, stages=IMPORT, limit=2).read for _ in range(4)] == [2, 2, 1, 0]


def output_and_modules(folder: Path, *heavy: str) -> str:
    """Import the folder in a process of its own; what that prints, and which of the modules it has loaded."""
    code = (
        "import sys; from etl.cli.main import run\n"
        "try: run()\n"
        "except SystemExit: pass\n"
        f"print('loaded:', [name for name in {heavy} if name in sys.modules])"
    )
    command = [sys.executable, "-c", code, "midi", "import", "in", "--db", "m.duckdb", "--workers", "1"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=folder, check=True, env=environment, capture_output=True, text=True)
    return done.stdout


def test_an_unchanged_run_imports_and_starts_next_to_nothing(top: Path):
    """No arrays, no frames, no workers."""
    heavy = "polars", "numpy", "pyarrow", "numba", "rich.console", "multiprocessing", "psutil"
    output = output_and_modules(top, *heavy)
    assert "3 files found: 3 unchanged" in output
    assert output.endswith("loaded: []\n")


def test_a_run_stores_what_its_workers_found_without_arrays(tmp_path: Path):
    """The frames that they send go into the store as they are."""
    put(tmp_path, {"a.mid": SONG})
    output = output_and_modules(tmp_path, "polars", "numpy", "pyarrow", "numba")
    assert "1 read" in output
    assert output.endswith("loaded: ['polars']\n")


def test_pipes_and_links_to_themselves_are_passed_by(tmp_path: Path):
    """Nobody waits for a pipe, and what lies beside such things is found."""
    put(tmp_path, {"a.mid": SONG})
    os.mkfifo(tmp_path / "in" / "pipe.mid")
    os.mkfifo(tmp_path / "in" / "pipe")
    (tmp_path / "in" / "loop").symlink_to("loop")
    (tmp_path / "in" / "null.mid").symlink_to("/dev/null")
    (tmp_path / "in" / "up").symlink_to("..")
    (tmp_path / "in" / "to_pipe.mid").symlink_to("pipe")
    found = list(find_midi([tmp_path / "in"]))
    assert [Path(entry.path).name for entry in found if isinstance(entry, Found)] == ["a.mid"]
    assert run(tmp_path, stages=IMPORT).found == 1
    assert run(tmp_path, stages=IMPORT, source=tmp_path / "in" / "pipe").found == 0


def test_strange_names_are_found_and_known_again(tmp_path: Path):
    """Line ends, the separator of stamps, invalid UTF-8 and names of 255 bytes."""
    names = ["line\nend.mid", "a|1|2.mid", "|", "x" * 251 + ".mid", os.fsdecode(b"\xff\xfe.mid"), "\\xff.mid"]
    put(tmp_path, {name: SONG + bytes([number]) for number, name in enumerate(names)})
    summary = run(tmp_path, stages=[Stage.SPLIT])
    assert (summary.found, summary.read, summary.rejected) == (6, 6, 0)
    again = run(tmp_path, stages=[Stage.SPLIT])
    assert (again.found, again.unchanged, again.read) == (6, 6, 0)


def test_a_stop_while_the_workers_start_is_no_traceback(tmp_path: Path):
    """Ctrl-C reaches all processes of a terminal; only the first one answers."""
    put(tmp_path, {"a.mid": SONG})
    process = subprocess.Popen(
        [sys.executable, "-m", "etl", "midi", "import", "in", "--db", "m.duckdb"], cwd=tmp_path, text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)}, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip
    parent = psutil.Process(process.pid)
    while process.poll() is None:
        if any("forkserver" in " ".join(child.cmdline()) for child in parent.children()):
            break
        time.sleep(0.002)
    time.sleep(0.15)
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert "Traceback" not in said


def test_sources_that_give_nothing_end_with_one(tmp_path: Path):
    """Each is told of, also beside one that gives much; an archive that is known already gives something."""
    for name, member in (("none.zip", "read.me"), ("some.zip", "a.mid")):
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            archive.writestr(member, SONG if member == "a.mid" else b"text")
    (tmp_path / "page.mid").write_bytes(b"<html>")
    names = [str(tmp_path / name) for name in ("some.zip", "none.zip", "page.mid")]
    options = ("--workers", "0", "--db", tmp_path / "m.duckdb")
    for _ in range(2):
        said = run_here("midi", "import", names[0], names[1], *options, expect=1)
        assert f"no MIDI files that can be read in {names[1]};" in said
    for _ in range(2):
        said = run_here("midi", "import", *names, *options, expect=1)
        assert f"in {names[1]}, {names[2]};" in said
    assert run_here("midi", "import", names[0], *options)
