"""A stream is decoded from first sample to last, whatever its header says and whatever stands behind."""

from __future__ import annotations

import shutil
import tempfile
from functools import cache
from pathlib import Path

import av.error
import numpy as np
import pytest
import soundfile as sf
from mutagen import id3

from etl.audio.signal import SAMPLE_RATE, DecodeError
from etl.sources.audio.containers import sniff
from etl.sources.audio.decode import decode
from etl.sources.audio.tag_frames import tags_frame
from etl.sources.audio.tags import read_tags
from tests.support.audio_files import FORMATS, GARBAGE, encode, noisy_tones

SECONDS = 2.0
HEADERLESS = {"mp3 without xing", "mp2", "raw aac", "ac3", "eac3"}
"""What of these says nothing of its length, or nothing to be relied on."""

INDEX_LAST = {"aac in m4a", "alac", "ac3 in mp4", "alac in caf"}
"""Without their end these cannot be read at all."""


@cache
def content(name: str, rate: int, channels: int, seconds: float) -> bytes | None:
    """Encode tones; None where the format knows no such rate or channels."""
    ending, codec, options = FORMATS[name]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"piece.{ending}"
        try:
            encode(path, noisy_tones(seconds, rate, channels), rate, codec, options=options)
        except av.error.FFmpegError:
            return None
        return path.read_bytes()


def written(
    folder: Path, name: str, rate: int = 48_000, channels: int = 2, *, seconds: float = SECONDS
) -> Path:
    """Write some seconds in a format; skip the test where the format knows no such rate or channels."""
    ending, codec, _ = FORMATS[name]
    encoded = content(name, rate, channels, seconds)
    if encoded is None:
        pytest.skip(f"{codec} knows no {channels} channels at {rate} Hz")
    path = folder / f"piece.{ending}"
    path.write_bytes(encoded)
    return path


def strongest_tone(signal: np.ndarray) -> float:
    """Give the strongest frequency, in Hz."""
    spectrum = np.abs(np.fft.rfft(signal))
    return float(np.argmax(spectrum) * SAMPLE_RATE / len(signal))


@pytest.mark.parametrize(
    ("rate", "channels"),
    [(48_000, 2), (48_000, 1), (48_000, 6), (44_100, 2), (32_000, 1), (22_050, 1), (11_025, 2)],
)
@pytest.mark.parametrize("name", FORMATS)
def test_every_format_is_decoded_whole(tmp_path, name, rate, channels):
    """Each container, at odd rates and with up to six channels: its length, its tone, and a kind."""
    path = written(tmp_path, name, rate, channels)
    found = decode(path)
    # Of lossy encoders, where no header says what of the first and last frames is theirs. FFmpeg itself loses
    # the end of the ALAC that it writes into CAF.
    delay = 2 * 1152 / rate if name == "alac in caf" or not found.is_lossless else 1e-3
    assert found.seconds == pytest.approx(SECONDS, abs=delay)
    assert any(abs(strongest_tone(found.signal) - 220 - 55 * row) < 2 for row in range(channels))
    assert found.is_cut is not True
    with path.open("rb") as file:
        assert sniff(file) is not None


@pytest.mark.parametrize("name", FORMATS)
def test_what_is_behind_the_stream_does_no_harm(tmp_path, name):
    """Garbage at the end neither refuses nor shortens what stands before it."""
    path = written(tmp_path, name)
    whole = decode(path).seconds
    with path.open("ab") as file:
        file.write(GARBAGE)
    # w64 and AC-3 have no end of their own.
    assert decode(path).seconds == pytest.approx(whole, abs=0.05)


@pytest.mark.parametrize("name", FORMATS)
def test_what_is_left_of_a_cut_file_is_decoded_and_known_to_be_cut(tmp_path, name):
    """Of a file cut at 30 % the rest is decoded; where a header declares the length, the cut is known."""
    seconds = 4.0  # of which some formats have pages of one
    path = written(tmp_path, name, seconds=seconds)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 3 // 10])
    if name in INDEX_LAST:
        with pytest.raises(DecodeError, match="cannot be decoded"):
            decode(path)
        return
    found = decode(path)
    assert 0.1 * seconds < found.seconds < 0.35 * seconds
    assert found.is_cut is (None if name in HEADERLESS else True)


@pytest.mark.parametrize("name", ["mp3", "flac"])
def test_a_cut_is_seen_behind_several_tags(tmp_path, name):
    """Also where the second has a picture in which frames of an MP3 seem to begin."""
    path = written(tmp_path, name, seconds=4.0)
    sound = path.read_bytes()[: path.stat().st_size // 3]
    tags = id3.ID3()
    tags.add(id3.APIC(3, "image/jpeg", 3, "", bytes.fromhex("fffb9064") * 20_000))
    tags.save(tmp_path / "tags")
    path.write_bytes(2 * (tmp_path / "tags").read_bytes() + sound)
    assert decode(path).is_cut is True


@pytest.mark.parametrize("name", ["mp3", "mp3 without xing", "opus", "ogg flac", "flac"])
def test_joined_files_are_decoded_to_the_end(tmp_path, name):
    """Three files in one, as `cat` joins them, last three times as long."""
    path = written(tmp_path, name)
    one, content = decode(path).seconds, path.read_bytes()
    path.write_bytes(content * 3)
    assert decode(path).seconds == pytest.approx(3 * one, rel=0.02)


def test_links_of_a_chain_may_differ_in_rate(tmp_path):
    """A chained Ogg whose second link has another sample rate is resampled link by link."""
    parts = []
    for rate in (44_100, 22_050):
        path = tmp_path / f"{rate}.ogg"
        with sf.SoundFile(path, "w", rate, 1, format="OGG", subtype="VORBIS") as file:
            for part in np.array_split(noisy_tones(SECONDS, rate, 1)[0], 50):
                file.write(part)
        parts.append(path.read_bytes())
    chained = tmp_path / "chained.ogg"
    chained.write_bytes(b"".join(parts))
    found = decode(chained)
    assert found.seconds == pytest.approx(2 * SECONDS, rel=0.01)
    half = len(found.signal) // 2
    for signal in (found.signal[:half], found.signal[half:]):
        assert strongest_tone(signal) == pytest.approx(220, abs=2)


def test_variable_bit_rate_without_header_is_decoded_whole(tmp_path):
    """An MP3 of variable bit rate without Xing header, of which libsndfile reads a part, is decoded whole."""
    rng = np.random.default_rng(4)
    loud = np.repeat(10.0 ** rng.uniform(-3, -0.5, 30), 44_100)
    samples = (loud * rng.normal(0, 0.3, len(loud))).astype(np.float32)[np.newaxis]
    path = encode(
        tmp_path / "vbr.mp3", samples, 44_100, "libmp3lame",
        bit_rate=0, options={"write_xing": "0"}, settings={"q": "4", "compression_level": "7"},
    )  # fmt: skip
    assert decode(path).seconds == pytest.approx(30.0, abs=0.1)


def test_a_wrong_name_does_not_matter(tmp_path):
    """An M4A called mp3 is decoded as what it is."""
    path = written(tmp_path, "aac in m4a")
    wrong = tmp_path / "wrong.mp3"
    shutil.copy(path, wrong)
    np.testing.assert_array_equal(decode(wrong).signal, decode(path).signal)


@pytest.mark.parametrize("name", FORMATS)
def test_the_tag_readers_refuse_nothing_that_can_be_decoded(tmp_path, name):
    """Every format without tags is a track with length, rate and channels."""
    row = tags_frame([read_tags(written(tmp_path, name))]).row(0, named=True)
    assert (row["problem"], row["sample_rate_hz"], row["channels"]) == (None, 48_000, 2)
    assert row["duration_s"] == pytest.approx(SECONDS, abs=0.1)


def test_a_flac_that_does_not_know_its_length_is_a_track(tmp_path):
    """A FLAC whose encoder could not go back to its header is a track without duration, and decoded."""
    path = written(tmp_path, "flac")
    content = bytearray(path.read_bytes())
    content[21:26] = bytes([content[21] & 0xF0, 0, 0, 0, 0])
    path.write_bytes(content)
    row = tags_frame([read_tags(path)]).row(0, named=True)
    assert (row["problem"], row["duration_s"], row["sample_rate_hz"]) == (None, None, 48_000)
    assert decode(path).seconds == SECONDS


def test_a_tag_before_the_header_of_a_wav_is_no_veto(tmp_path):
    """A WAV behind an ID3 tag, which no tag reader takes, is a track and is decoded."""
    path = written(tmp_path, "wav")
    path.write_bytes(b"ID3\x03\0\0\0\0\0\x0a" + bytes(10) + path.read_bytes())
    row = tags_frame([read_tags(path)]).row(0, named=True)
    assert (row["kind"], row["problem"], row["duration_s"]) == ("wav", None, SECONDS)
    assert decode(path).seconds == SECONDS
