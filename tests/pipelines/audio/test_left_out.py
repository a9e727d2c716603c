"""What a run leaves out is told: files that are no audio by their endings, files that cannot be read."""

from __future__ import annotations

from etl.pipelines.audio.run import LibraryStage
from etl.sources.audio.containers import SUFFIXES
from tests.support.audio_files import FORMATS, encode, noisy_tones
from tests.support.command_line import run_here
from tests.support.tracks import run, store_of, write_track


def test_what_is_no_audio_is_counted_by_its_ending(tmp_path):
    """Pictures and notes are counted, in the first scan and in one over what is known; patterns are not."""
    folder = tmp_path / "music"
    write_track(folder / "one.flac", 1)
    for name in ("a.jpg", "b.JPG", "c.cue", "README", "log of a ripper.txt"):
        (folder / name).write_bytes("one two three four".encode("utf-16"))
    (folder / ".etlignore").write_text("*.log\n")
    (folder / "a.log").touch()
    for _ in range(2):
        scanned = run(folder, LibraryStage.SCAN).scan
        assert scanned is not None
        assert scanned.left_out == {".jpg": 2, "": 1, ".cue": 1, ".txt": 1}


def test_no_format_is_left_out(tmp_path):
    """Every format is a track, whatever it is called."""
    folder = tmp_path / "music"
    folder.mkdir()
    for number, (ending, codec, options) in enumerate(FORMATS.values()):
        path = folder / f"{number}.{ending}"
        encode(path, noisy_tones(1.5, 48_000, 2), 48_000, codec, options=options)
        path.rename(path.with_suffix(".bin"))
        assert f".{ending}" in SUFFIXES
    scanned = run(folder, LibraryStage.SCAN).scan
    assert scanned is not None
    assert (scanned.tracks, scanned.left_out, scanned.rejected) == (len(FORMATS), {}, 0)


def test_files_that_cannot_be_read_are_in_the_summary(tmp_path):
    """A file that is gone between scan and description is counted, with the reason, and fails the command."""
    folder = tmp_path / "music"
    path = write_track(folder / "one.flac", 1)
    run(folder, LibraryStage.SCAN)
    path.unlink()
    described = run(folder, LibraryStage.SONIC).sonic
    assert described is not None
    assert (described.unreadable, described.failed, described.described) == (1, 0, 0)
    assert described.reasons == {"cannot read the file: No such file or directory": 1}
    assert "0 failed, 1 unreadable" in run_here("library", "sonic", "--db", store_of(folder), expect=1)
