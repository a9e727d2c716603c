"""No output takes the place of an input, a store, what lies beside it, a known source or another output."""

from __future__ import annotations

import hashlib
import re
import shutil
from typing import TYPE_CHECKING, Any

import duckdb
import pytest
from typer.testing import CliRunner

from etl.cli.main import app
from etl.exports.data3 import SOURCE_COLUMNS
from etl.runtime.errors import EtlError, ExitCode

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

REASONS = (
    r" is (an input or a store|a source of the store|a store|in the journal of a store)\."
    r"| would be written twice\.| holds "
)
SONGS = ",".join(SOURCE_COLUMNS) + "\na,C F G C,,,,,,,,\nb,G D Emin C,,,,,,,,\n"

COMMANDS: dict[str, list[str]] = {
    "build": ["build", "data3", "songs.dat", "-o", "TARGET", "--db", "s.etl"],
    "build --npz": ["build", "data3", "songs.dat", "-o", "new.csv", "--npz", "TARGET", "--db", "s.etl"],
    "build --no-db": ["build", "data3", "songs.dat", "-o", "TARGET", "--no-db"],
    "build --dry-run": ["build", "data3", "songs.dat", "-o", "TARGET", "--db", "s.etl", "--dry-run"],
    "export data3": ["export", "data3", "-o", "TARGET", "--db", "s.etl"],
    "export npz": ["export", "npz", "-o", "TARGET", "--db", "s.etl"],
    "export parquet": ["export", "parquet", "-o", "TARGET", "--db", "s.etl"],
    "query": ["query", "SELECT 1", "--format", "csv", "-o", "TARGET", "--db", "s.etl"],
    "query, as a table": ["query", "SELECT 1", "--format", "table", "-o", "TARGET", "--db", "s.etl"],
    "validate": ["validate", "songs.dat", "-s", "chordonomicon", "--rejects", "TARGET"],
    "midi export --npz": ["midi", "export", "--npz", "TARGET", "--db", "s.etl"],
    "midi export --parquet": ["midi", "export", "--parquet", "TARGET", "--db", "s.etl"],
    "library artifacts": ["library", "artifacts", "-o", "TARGET", "--db", "s.etl"],
    "library run": ["library", "run", "-o", "TARGET", "--db", "s.etl"],
    "library plot": ["library", "plot", "--overview", "-o", "TARGET", "--db", "s.etl"],
    "enrich": ["enrich", "spotify", "-o", "TARGET", "--db", "s.etl"],
}
"""Every command that writes a file where it is told; they run in the folder of `place`."""

WITHOUT_STORE = {"build --no-db", "validate"}
STORE_STAYS_SHUT = {*WITHOUT_STORE, "build --dry-run"}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build a store that knows a chord source, a recording and a MIDI file."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "songs.dat").write_text(SONGS, encoding="utf-8")
    arguments = ["build", "data3", str(folder / "songs.dat"), "-o", str(folder / "data3.csv")]
    result = CliRunner().invoke(app, [*arguments, "--db", str(folder / "s.etl")])
    assert result.exit_code == 0, result.output
    return folder


@pytest.fixture
def place(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Copy what was made to a folder of its own, and work there."""
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    for name in ("known.dat", "known.flac", "known.mid", "known.tar"):
        (tmp_path / name).write_text(f"the user's {name}\n")
    with duckdb.connect(tmp_path / "s.etl") as connection:
        connection.execute("UPDATE sources SET path = ?", [str(tmp_path / "known.dat")])
        connection.execute("UPDATE ledger SET item = ?", [str(tmp_path / "known.dat")])
        connection.execute(
            "INSERT INTO files BY NAME SELECT ? AS path, repeat('0', 32) AS track_id, 1 AS size_bytes, "
            "1 AS mtime_ns, now() AS first_seen",
            [str(tmp_path / "known.flac")],
        )
        for name, location in (("known.mid", str(tmp_path / "known.mid")), ("known.tar!a.mid", None)):
            connection.execute(
                "INSERT INTO midi_paths BY NAME SELECT ? AS path, ? AS location, 1 AS size_bytes, "
                "1 AS mtime_ns, 'x' AS sha256, 1 AS first_run, 1 AS last_run",
                [str(tmp_path / name), location],
            )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SPOTIPY_CLIENT_ID", "id")
    monkeypatch.setenv("SPOTIPY_CLIENT_SECRET", "secret")
    monkeypatch.setenv("ETL_LIMITS", str(tmp_path / "limits"))
    return tmp_path


def link(place: Path) -> str:
    """Link to the store."""
    (place / "link.dat").symlink_to(place / "s.etl")
    return "link.dat"


def hard_link(place: Path) -> str:
    """Give the store a second name."""
    (place / "twin.dat").hardlink_to(place / "s.etl")
    return "twin.dat"


def known_link(place: Path) -> str:
    """Give a known source a second name."""
    (place / "second.dat").hardlink_to(place / "known.dat")
    return "second.dat"


def other_case(place: Path) -> str:
    """Spell the store in other letters, where the system takes that for the same file."""
    return "S.ETL" if (place / "S.ETL").exists() else "s.etl"


def input_link(place: Path) -> str:
    """Link to the input."""
    (place / "link.dat").symlink_to(place / "songs.dat")
    return "link.dat"


def in_journal(place: Path) -> str:
    """Name a file in the journal."""
    (place / "s.etl.journal").mkdir()
    return "s.etl.journal/x.dat"


STORES: dict[str, str | Callable[[Path], str]] = {
    "the store": "s.etl",
    "the store by its whole path": lambda place: str(place / "s.etl"),
    "the store by a detour": "../{folder}/s.etl",
    "the store in other letters": other_case,
    "a link to the store": link,
    "a hard link to the store": hard_link,
}
BESIDE: dict[str, str | Callable[[Path], str]] = {
    "the write-ahead log": "s.etl.wal",
    "the lock": "s.etl.lock",
    "the log": "s.etl.log",
    "the journal": "s.etl.journal",
    "a file in the journal": in_journal,
}
KNOWN: dict[str, str | Callable[[Path], str]] = {
    "a known source": "known.dat",
    "a hard link to a known source": known_link,
    "a known recording": "known.flac",
    "a known MIDI file": "known.mid",
    "a known archive": "known.tar",
}


def run(command: str, place: Path, target: str | Callable[[Path], str], *more: str) -> Any:
    """Run a command on a target; give how it ended, and check that no file has changed."""
    name = (target if isinstance(target, str) else target(place)).format(folder=place.name)
    before = contents(place)
    arguments = [name if word == "TARGET" else word for word in COMMANDS[command]]
    result = CliRunner().invoke(app, [*arguments, *more], standalone_mode=False)
    assert contents(place) == before
    return result


def contents(place: Path) -> dict[str, str]:
    """Hash the files of the user, without what runs leave beside a store."""
    return {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(place.rglob("*"))
        if path.is_file()
        and not path.name.startswith(("s.etl", "limits"))
        and not path.samefile(place / "s.etl")
    } | {"store": str((place / "s.etl").read_bytes()[8:12])}


def assert_refused(result: Any) -> None:
    """Make sure that it was a wrong use, told as such, for this reason and no other."""
    assert isinstance(result.exception, EtlError), (result.output, result.exception)
    assert result.exception.exit_code == ExitCode.USAGE
    assert re.search(REASONS, str(result.exception))


@pytest.mark.parametrize("command", COMMANDS)
def test_stores_and_known_sources_stay(place, command):
    """By whatever name; no command takes the place of one of them, or of what lies beside a store."""
    targets = dict(STORES)
    if command not in WITHOUT_STORE:
        targets |= BESIDE
    if command not in STORE_STAYS_SHUT:
        targets |= KNOWN
    for what, target in targets.items():
        result = run(command, place, target)
        assert_refused(result)
        assert ("is a source of the store" in str(result.exception)) == (what in KNOWN), what


@pytest.mark.parametrize("target", ["songs.dat", "./songs.dat", input_link])
@pytest.mark.parametrize("command", ["build", "build --npz", "build --no-db", "build --dry-run", "validate"])
def test_inputs_stay(place, command, target):
    """By whatever name."""
    assert_refused(run(command, place, target))


@pytest.mark.parametrize(
    "arguments",
    [
        ["build", "data3", "songs.dat", "-o", "x", "--npz", "x", "--db", "s.etl"],
        ["build", "data3", "songs.dat", "-o", "x", "--npz", "./X", "--db", "s.etl"],
        ["build", "data3", "songs.dat", "-o", "-", "--npz", "-", "--db", "s.etl"],
        ["build", "data3", "songs.dat", "-o", "x.csv", "--db", "songs.dat"],
        ["build", "data3", "songs.dat", "-o", "x.csv", "--db", "x.csv"],
        ["midi", "export", "--npz", "x", "--parquet", "x", "--db", "s.etl"],
        ["export", "data3", "--source", "known.dat", "-o", "known.dat", "--db", "s.etl"],
        ["validate", "songs.dat", "-s", "own.json", "--rejects", "own.dat"],
        ["export", "dataset", ".", "--force", "--db", "s.etl"],
    ],
)
def test_two_things_never_go_to_one_file(place, arguments):
    """One path twice, also in other letters; a store and an output; a schema; the folder of a store."""
    (place / "own.json").write_text('{"fields": [{"name": "id", "type": "string", "description": "x"}]}')
    (place / "own.dat").symlink_to(place / "own.json")
    before = contents(place)
    assert_refused(CliRunner().invoke(app, arguments, standalone_mode=False))
    assert contents(place) == before


@pytest.mark.parametrize("content", ["id,chords\n1,C\n", "", "source,line\n"])
@pytest.mark.parametrize("lines", ["", "broken\n"])
def test_a_file_that_is_not_of_rejects_stays(place, content, lines):
    """Where refused rows would go, the user's own file is neither replaced nor removed."""
    (place / "songs.dat").write_text(SONGS + lines, encoding="utf-8")
    for arguments, name in (
        (["build", "data3", "songs.dat", "-o", "out.csv", "--no-db"], "out.rejects.csv"),
        (["validate", "songs.dat", "-s", "chordonomicon"], "songs.dat.rejects.csv"),
    ):
        (place / name).write_text(content, encoding="utf-8")
        result = CliRunner().invoke(app, arguments, standalone_mode=False)
        assert isinstance(result.exception, EtlError)
        assert result.exception.exit_code == ExitCode.CANNOT_WRITE
        assert (place / name).read_text(encoding="utf-8") == content
        assert not (place / "out.csv").exists()


def test_a_clean_run_removes_the_rejects_of_the_former_one(place):
    """What a run with refused rows has left is gone after one without."""
    for arguments, name in (
        (["build", "data3", "songs.dat", "-o", "out.csv", "--no-db"], "out.rejects.csv"),
        (["validate", "songs.dat", "-s", "chordonomicon"], "songs.dat.rejects.csv"),
    ):
        (place / "songs.dat").write_text(f"{SONGS}broken\n", encoding="utf-8")
        CliRunner().invoke(app, arguments, standalone_mode=False)
        assert "broken" in (place / name).read_text(encoding="utf-8")
        (place / "songs.dat").write_text(SONGS, encoding="utf-8")
        result = CliRunner().invoke(app, arguments, standalone_mode=False)
        assert result.exception is None
        assert not (place / name).exists()
