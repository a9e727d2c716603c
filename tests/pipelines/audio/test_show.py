"""One file, its tags and its sound, without a store."""

from __future__ import annotations

import pytest
import soundfile as sf

from etl.audio.features import Mode
from etl.pipelines.audio.show import show_file
from etl.runtime.errors import EtlError
from tests.support.ffmpeg_loudness import ffmpeg_loudness
from tests.support.tracks import write_track


def test_a_file_is_shown_with_its_tags_and_its_sound(tmp_path):
    """Title and rate are those of the file, loudness is FFmpeg's; nothing is written beside it."""
    path = write_track(tmp_path / "1.flac", 1, seconds=6.0)
    shown = show_file(path, Mode.BEAT)
    assert shown.tags["title"] == "Song 1"
    assert shown.tags["sample_rate_hz"] == 22_050
    samples, rate = sf.read(path, dtype="float32", always_2d=True)
    expected = ffmpeg_loudness(samples, rate)
    assert shown.sound["loudness_lufs"] == pytest.approx(expected.integrated_lufs, abs=0.1)
    assert shown.sound["replaygain_proposed_db"] == pytest.approx(-18 - expected.integrated_lufs, abs=0.1)
    assert shown.sound["duration_s"] == pytest.approx(6.0)
    assert "album" not in shown.tags
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("content", [None, b"no audio at all" * 100])
def test_what_is_no_audio_is_told(tmp_path, content):
    """A missing file and a broken one are errors in words."""
    path = tmp_path / "x.mp3"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(EtlError, match=r"does not exist|cannot be decoded"):
        show_file(path, Mode.BEAT)
