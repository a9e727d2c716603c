"""The commands of `etl library` and `etl cache` over a store without tracks, and their errors."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from etl.cli.main import app
from etl.runtime.errors import EtlError
from tests.support.empty_store import empty_store
from tests.support.midi_oracle import midi_bytes


@pytest.fixture
def etl_command(tmp_path):
    """Give a function that runs a command on an empty store and returns its exit code and output."""
    database = empty_store(tmp_path / "s.duckdb")

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
    assert etl_command("cache", "info") == (0, "nothing is cached yet\n")
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
        (["library", "scan", "nowhere"], "does not exist"),
        (["library", "run", "--stages", "sonik"], "unknown stage `sonik`"),
        (["library", "run", "--stages", "scan"], "nothing to scan"),
        (["library", "run", "--stages", "sonic,scan"], "nothing to scan"),
        (["cache", "clear", "--kind", "all", "--unused"], "--unused only applies to audio descriptions"),
        (["library", "plot"], "what is to be drawn"),
        (["library", "plot", "Song"], "no analyzed track is called Song"),
    ],
)
def test_errors_say_what_was_wrong(etl_command, arguments, words):
    """Each mistake gives an error in words."""
    with pytest.raises(EtlError, match=words):
        etl_command(*arguments)


@pytest.mark.parametrize(
    "command",
    [
        ["library", "sonic"],
        ["library", "sonic", "--dry-run"],
        ["library", "run"],
        ["library", "run", "--stats"],
        ["library", "artifacts"],
        ["library", "stats"],
    ],
)
def test_a_mistyped_store_is_not_made(tmp_path, command):
    """Without anything to scan, a store that is not there is an error."""
    missing = tmp_path / "typo.duckdb"
    result = CliRunner().invoke(app, [*command, "--db", str(missing)])
    assert isinstance(result.exception, EtlError)
    assert f"there is no store at {missing}" in str(result.exception)
    assert [*tmp_path.iterdir()] == []


def test_statistics_of_a_run_are_all_that_it_prints(etl_command, tmp_path):
    """With `--stats` nothing is scanned or described."""
    soundfile.write(tmp_path / "a.wav", np.zeros(22050, dtype=np.int16), 22050)
    code, output = etl_command("library", "run", str(tmp_path), "--stats")
    assert (code, output) == etl_command("library", "stats")
    assert output.splitlines()[0].split() == ["Total", "tracks:", "0"]


def test_beat_synchronous_is_the_default_and_can_be_said(etl_command):
    """Both are the same."""
    assert etl_command("library", "sonic", "--beat-sync")[0] == 0
    assert etl_command("library", "stats", "--beat-sync") == etl_command("library", "stats")


def test_more_workers_than_memory_is_told(etl_command):
    """How much they may need, how much is free, and what to do."""
    code, output = etl_command("library", "sonic", "--workers", "5000")
    assert code == 0
    assert "5,000 workers may need 2000.0 GB" in output
    assert "--workers" in output


def test_links_and_patterns_of_a_scan(etl_command, tmp_path):
    """Links to folders are counted, or followed; patterns leave files out."""
    for name in ("in/a.wav", "in/b.wav", "far/c.wav"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        soundfile.write(tmp_path / name, np.zeros(22050, dtype=np.int16), 22050)
    (tmp_path / "in" / "link").symlink_to("../far")
    command = ("library", "scan", str(tmp_path / "in"))
    output = etl_command(*command, "--exclude", "b.*")[1]
    assert "1 new" in output
    assert f"1 link to folders not followed, such as {tmp_path / 'in' / 'link'}; see --follow-links" in output
    output = etl_command(*command, "--follow-links")[1]
    assert "1 unchanged, 2 new" in output
    assert "links" not in output


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
