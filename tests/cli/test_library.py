"""The commands of `etl library` and `etl cache` over a store without tracks, and their errors."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from etl.cli.main import app
from etl.runtime.errors import EtlError
from etl.store.database import open_store
from tests.support.midi_oracle import midi_bytes


@pytest.fixture
def etl_command(tmp_path):
    """Give a function that runs a command on an empty store and returns its exit code and output."""
    database = tmp_path / "s.duckdb"
    with open_store(database):
        pass

    def run(*arguments: str) -> tuple[int, str]:
        result = CliRunner().invoke(app, [*arguments, "--db", str(database)])
        if isinstance(result.exception, EtlError):
            raise result.exception
        return result.exit_code, result.output

    return run


def test_an_empty_library_has_zeros_and_no_problems(etl_command):
    """Statistics, check and cache speak plainly of nothing."""
    code, output = etl_command("library", "stats")
    assert code == 0
    assert [line.split(":")[0] for line in output.splitlines()] == [
        "Total tracks",
        "Analyzed",
        "Pending",
        "Beat-sync",
        "Fallback",
        "Failed",
    ]
    assert etl_command("library", "check") == (0, "0 problems\n")
    assert etl_command("cache", "info") == (0, "nothing is kept yet\n")
    assert etl_command("cache", "info", "--older-than", "2w") == (0, "no entry is that old\n")
    assert etl_command("cache", "clear", "--kind", "audio", "--unused") == (0, "0 entries deleted\n")
    assert etl_command("cache", "clear", "--kind", "all", "--yes") == (0, "0 entries deleted\n")
    assert etl_command("cache", "verify") == (0, "0 problems\n")


def test_dry_run_changes_nothing(etl_command, tmp_path):
    """A dry run says what would be done and scans nothing."""
    (tmp_path / "music").mkdir()
    (tmp_path / "music" / "a.mp3").write_bytes(b"x")
    code, output = etl_command("library", "run", str(tmp_path / "music"), "--dry-run")
    assert code == 0
    assert "would scan: 0 unchanged, 1 new" in output
    assert "would describe: 0" in output
    assert etl_command("library", "stats")[1].splitlines()[0].split() == ["Total", "tracks:", "0"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["library", "artifacts"], "no described track"),
        (["library", "artifacts", "--where", "nonsense = 1"], "--where is not a valid condition"),
        (["library", "scan", "nowhere"], "there is no"),
        (["library", "run", "--stages", "sonik"], "unknown stage `sonik`"),
        (["library", "run", "--stages", "scan"], "nothing to scan"),
        (["cache", "clear", "--kind", "all", "--unused"], "--unused is for descriptions"),
        (["library", "plot"], "give a track, or --overview"),
        (["library", "plot", "Song"], "no analyzed track is called Song"),
    ],
)
def test_errors_say_what_was_wrong(etl_command, arguments, words):
    """Each mistake gives an error in words."""
    with pytest.raises(EtlError, match=words):
        etl_command(*arguments)


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (("library", "scan"), "etl: no tracks in"),
        (("library", "run", "--stages", "scan,sonic"), "etl: no tracks in"),
        (("midi", "import", "--workers", "0"), "etl: no MIDI files that can be read in"),
    ],
)
@pytest.mark.parametrize("content", [None, b"no music"])
def test_a_source_that_gives_nothing_is_told_and_exits_with_1(etl_command, tmp_path, command, told, content):
    """An empty folder, or one of broken files; once there is something, the code is 0."""
    folder = tmp_path / "music"
    folder.mkdir()
    if content is not None:
        (folder / "a.mid").write_bytes(content)
        (folder / "a.mp3").write_bytes(content)
    code, output = etl_command(*command, str(folder))
    assert code == 1
    assert f"{told} {folder}" in output
    (folder / "b.mid").write_bytes(midi_bytes([[]]))
    wave = np.zeros(22050, dtype=np.int16)
    soundfile.write(folder / "b.wav", wave, 22050)
    assert etl_command(*command, str(folder))[0] == 0
