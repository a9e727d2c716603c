"""A damaged store is told as damaged by every command that opens one: not as in use, not by a traceback."""

from __future__ import annotations

import random
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import mido
import pytest
from typer.testing import CliRunner

from etl.cli.main import app
from etl.runtime.errors import EtlError, ExitCode
from tests.cli.test_output import CASES, COMMANDS, SONGS
from tests.support.empty_store import new_stores_run_migrations
from tests.support.midi_oracle import midi_bytes

if TYPE_CHECKING:
    from collections.abc import Callable

HEADERS, BLOCK = 3 * 4096, 1 << 18  # of a DuckDB file

OPENING = {
    name: CASES[name]
    for name, command in COMMANDS.items()
    if any("--db" in parameter.opts for parameter in command.params)
    and name != "doctor"  # which lists it among what it finds
} | {
    "build data3 --force": (*CASES["build data3"], "--force"),
    "enrich spotify, in earnest": ("enrich", "spotify", "-o", "data3.csv"),
    "db forget, in earnest": ("db", "forget", "songs.csv", "--yes"),
    "query, to a file": ("query", "SELECT * FROM songs", "-o", "rows.csv"),
}


def cut_short(content: bytearray) -> bytearray:
    """Lose the second half."""
    return content[: len(content) // 2]


def every_block_changed(content: bytearray) -> bytearray:
    """Change one byte of each block."""
    for start in range(HEADERS, len(content), BLOCK):
        content[start + 4000] ^= 255
    return content


def headers_changed(content: bytearray) -> bytearray:
    """Change one byte of both headers of which the later one counts."""
    content[4096 + 20] ^= 255
    content[8192 + 20] ^= 255
    return content


def some_bytes_changed(content: bytearray) -> bytearray:
    """Change bytes here and there, which some commands do not meet."""
    for place in random.Random(len(content)).sample(range(HEADERS, len(content)), 3):
        content[place] ^= 255
    return content


DAMAGE = (cut_short, every_block_changed, headers_changed)


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Build a store of chord songs, and give its bytes."""
    folder = tmp_path_factory.mktemp("sound")
    (folder / "songs.csv").write_text(SONGS, encoding="utf-8")
    arguments = ["build", "data3", str(folder / "songs.csv"), "-o", str(folder / "data3.csv")]
    with new_stores_run_migrations():  # of a copy the second half may be what no command reads
        result = CliRunner().invoke(app, [*arguments, "--db", str(folder / "music.duckdb")])
    assert result.exit_code == 0, result.output
    return (folder / "music.duckdb").read_bytes()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a folder with what the commands read, whose name speaks of a lock, and work there."""
    path = tmp_path / "o'clock lock"
    for name in ("music", "midi_library"):
        (path / name).mkdir(parents=True)
    (path / "songs.csv").write_text(SONGS, encoding="utf-8")
    (path / "labels.csv").write_text("name,category\n", encoding="utf-8")
    notes = [mido.Message("note_on", note=60, velocity=9), mido.Message("note_off", note=60, time=480)]
    (path / "song.mid").write_bytes(midi_bytes([notes]))
    monkeypatch.chdir(path)
    monkeypatch.setenv("ETL_DB", "music.duckdb")
    monkeypatch.setenv("SPOTIPY_CLIENT_ID", "id")
    monkeypatch.setenv("SPOTIPY_CLIENT_SECRET", "secret")
    monkeypatch.setenv("ETL_LIMITS", str(tmp_path / "limits"))
    return path


def problem(name: str) -> BaseException | None:
    """Run a command on the store; give what it ended with."""
    return CliRunner().invoke(app, OPENING[name], standalone_mode=False).exception


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("name", sorted(OPENING))
def test_every_command_says_that_the_store_is_damaged(sound, folder, name, damage: Callable[..., bytearray]):
    """With exit code 65 and what to do; what is there stays for whoever can rescue it."""
    content = bytes(damage(bytearray(sound)))
    Path("music.duckdb").write_bytes(content)
    error = problem(name)
    assert isinstance(error, EtlError), error
    assert error.exit_code == ExitCode.BAD_DATA, error
    assert "music.duckdb is damaged (checksum).\nRestore a copy" in str(error)
    assert (folder / "music.duckdb").read_bytes() == content


@pytest.mark.parametrize("name", sorted(OPENING.keys() & CASES.keys()))
def test_damage_that_a_command_does_not_meet_does_not_hinder_it(sound, folder, name):
    """Few bytes: either the command does not read them, or it says what they are."""
    (folder / "music.duckdb").write_bytes(some_bytes_changed(bytearray(sound)))
    error = problem(name)
    if error is not None:
        assert isinstance(error, EtlError), error
        assert error.exit_code != ExitCode.PARKED, error


@pytest.mark.parametrize("share", [0.2, 0.4, 0.6])
def test_db_check_reads_every_block(sound, folder, share):
    """Wherever the one byte is that has changed."""
    path = folder / "music.duckdb"
    path.write_bytes(sound)
    with duckdb.connect(path) as connection:
        connection.execute(
            "INSERT INTO rejects SELECT 1, md5(range::VARCHAR), range, 'read', 'x', 'y', md5(range::VARCHAR) "
            "FROM range(200000)"
        )
    content = bytearray(path.read_bytes())
    content[int(share * len(content))] ^= 255
    path.write_bytes(content)
    error = CliRunner().invoke(app, ["db", "check"], standalone_mode=False).exception
    assert isinstance(error, EtlError)
    assert error.exit_code == ExitCode.BAD_DATA
