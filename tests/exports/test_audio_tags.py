"""Tempo, key and ReplayGain in the tags of every format, and the sound behind them."""

from __future__ import annotations

import contextlib

import mutagen
import numpy as np
import pytest
from mutagen import id3
from mutagen.apev2 import APEv2

from etl.exports.audio_tags import FIELDS, TagError, places, read_fields, write_fields
from etl.sources.audio.decode import decode
from etl.sources.audio.payload import audio_payload
from etl.sources.audio.tag_frames import tags_frame
from etl.sources.audio.tags import read_tags
from tests.support.audio_files import FORMATS, encode, noisy_tones

WRITABLE = (
    "mp3", "mp3 without xing", "aac in m4a", "aac, index first", "alac", "opus", "ogg flac", "flac", "wav",
    "aiff", "wma", "wavpack", "tta",
)  # fmt: skip
VALUES = {
    "bpm": ["126"],
    "key": ["F#m"],
    "replaygain_track_gain": ["-6.20 dB"],
    "replaygain_track_peak": ["0.988553"],
    "replaygain_album_gain": ["+1.00 dB"],
    "replaygain_album_peak": ["1.012345"],
    "r128_track_gain": ["-1280"],
    "r128_album_gain": ["256"],
}


def made(folder, name):
    """Encode two seconds of stereo."""
    ending, codec, options = FORMATS[name]
    path = folder / f"song.{ending}"
    return encode(path, noisy_tones(2.0, 48_000, 2), 48_000, codec, options=options)


@pytest.mark.parametrize("name", WRITABLE)
def test_what_is_written_is_read_and_the_sound_stays(tmp_path, name):
    """Every field comes back; hash and decoded samples of the sound are as before; then all fields go."""
    path = made(tmp_path, name)
    before, sound = audio_payload(path), decode(path).signal
    assert read_fields(path) == {field: [] for field in FIELDS}
    write_fields(path, VALUES, sound_of=audio_payload)
    assert read_fields(path) == VALUES
    assert audio_payload(path) == before
    np.testing.assert_array_equal(decode(path).signal, sound)
    write_fields(path, {field: [] for field in FIELDS}, sound_of=audio_payload)
    assert read_fields(path) == {field: [] for field in FIELDS}
    np.testing.assert_array_equal(decode(path).signal, sound)
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("name", ["ac3", "raw aac", "au"])
def test_formats_without_tags_are_refused_before_anything_is_promised(tmp_path, name):
    """They are no files whose tags are empty: a list of changes would name what cannot be written."""
    with pytest.raises(TagError, match="the format has no tags"):
        read_fields(made(tmp_path, name))


@pytest.mark.parametrize("name", ["mp3", "aac in m4a", "flac", "wma"])
def test_other_tags_stay(tmp_path, name):
    """Title, artist and what else there is are as before."""
    path = made(tmp_path, name)
    file = mutagen.File(path, easy=True)
    if file.tags is None:
        file.add_tags()
    file["title"], file["artist"] = "Blue", ["Anna", "Ben"]
    file.save()
    before = mutagen.File(path)
    write_fields(path, {"bpm": ["99"]}, sound_of=audio_payload)
    after = mutagen.File(path)
    for key, value in before.tags.items():
        assert after.tags[key] == value


@pytest.mark.parametrize("version", [3, 4])
def test_the_version_of_id3_stays(tmp_path, version):
    """Tags of ID3v2.3 are written as such, with their year."""
    path = made(tmp_path, "mp3")
    file = mutagen.File(path)
    if file.tags is None:
        file.add_tags()
    file.tags.add(mutagen.id3.TDRC(encoding=3, text=["1999-05-01"]))
    file.tags.update_to_v23()
    file.save(v2_version=version)
    write_fields(path, {"bpm": ["99"], "key": ["Am"]}, sound_of=audio_payload)
    after = mutagen.File(path).tags
    assert after.version[:2] == (2, version)
    assert str(after["TDRC"]).startswith("1999") or str(after.get("TYER")) == "1999"
    assert read_fields(path)["key"] == ["Am"]


def test_fields_of_other_case_are_the_same_fields(tmp_path):
    """Names in small letters, as others write them, are read, and replaced rather than doubled."""
    path = made(tmp_path, "mp3")
    file = mutagen.File(path)
    if file.tags is None:
        file.add_tags()
    frame = mutagen.id3.TXXX(encoding=3, desc="replaygain_track_gain", text=["-3.00 dB"])
    file.tags.add(frame)
    file.save()
    assert read_fields(path)["replaygain_track_gain"] == ["-3.00 dB"]
    write_fields(path, {"replaygain_track_gain": ["-4.00 dB"]}, sound_of=audio_payload)
    assert [frame.text for frame in mutagen.File(path).tags.getall("TXXX")] == [["-4.00 dB"]]


def test_a_write_that_would_touch_the_sound_leaves_the_file(tmp_path):
    """Where the sound is not the same afterwards, the file is, to the byte, and nothing lies beside it."""
    path = made(tmp_path, "flac")
    before = path.read_bytes()
    answers = iter(["before", "after"])
    with pytest.raises(TagError, match="its sound would change"):
        write_fields(path, {"bpm": ["99"]}, sound_of=lambda _: next(answers))
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("content", [b"", b"no audio at all" * 50])
def test_what_has_no_tags_is_refused(tmp_path, content):
    """Empty and foreign files say so and stay."""
    path = tmp_path / "song.mp3"
    path.write_bytes(content)
    with pytest.raises(TagError):
        write_fields(path, {"bpm": ["99"]}, sound_of=audio_payload)
    assert path.read_bytes() == content


def test_links_stay_and_permissions_too(tmp_path):
    """The file that a link leads to is written, with the mode it had."""
    path = made(tmp_path, "flac")
    path.chmod(0o640)
    link = tmp_path / "link.flac"
    link.symlink_to(path)
    write_fields(link, {"bpm": ["99"]}, sound_of=audio_payload)
    assert link.is_symlink()
    assert read_fields(path)["bpm"] == ["99"]
    assert path.stat().st_mode & 0o777 == 0o640


def with_id3(path):
    """Put ID3 in front of a file."""
    tags = id3.ID3()
    tags.add(id3.TBPM(3, "60"))
    tags.add(id3.TKEY(3, "Dm"))
    tags.add(id3.TXXX(3, "replaygain_track_gain", "+9.00 dB"))
    tags.save(path)


def with_ape(path):
    """Put APEv2 behind a file."""
    tags = APEv2()
    tags["BPM"], tags["initialkey"], tags["Replaygain_Track_Gain"] = "60", "Dm", "+9.00 dB"
    tags.save(path)


def as_scanned(path):
    """Read tempo, key and gain as a scan does."""
    row = tags_frame([read_tags(path)]).row(0, named=True)
    return row["tagged_bpm"], row["tagged_key"], row["replaygain_track_db"]


@pytest.mark.parametrize(
    ("name", "others"),
    [
        *((name, ()) for name in WRITABLE),
        *((name, (with_id3,)) for name in ("mp3", "flac", "raw aac", "ac3", "tta")),
        *((name, (with_ape,)) for name in ("mp3", "flac", "raw aac", "ac3", "wavpack", "tta")),
        *((name, (with_id3, with_ape)) for name in ("mp3", "raw aac", "tta")),
    ],
)
def test_a_scan_reads_what_was_written_and_what_was_taken_back(tmp_path, name, others):
    """Whatever tags a file has: none that players read says anything else afterwards."""
    path = made(tmp_path, name)
    for put in others:
        put(path)
    before = as_scanned(path)
    old = read_fields(path)
    wanted = {"bpm": ["123"], "key": ["F#m"], "replaygain_track_gain": ["-3.00 dB"]}
    changes = {place: values for field, values in wanted.items() for place in places(old, field)}
    write_fields(path, changes, sound_of=audio_payload)
    assert as_scanned(path) == (123.0, "F#m", -3.0)
    for tags in (id3.ID3, APEv2) if name != "flac" else ():
        with contextlib.suppress(mutagen.MutagenError):
            assert "60" not in str(tags(path))
    write_fields(path, {place: old.get(place, []) for place in changes}, sound_of=audio_payload)
    assert read_fields(path) == old
    assert as_scanned(path) == before


def test_apev2_of_an_mp3_without_id3_stays_its_tag(tmp_path):
    """Nothing is put in front of it."""
    path = made(tmp_path, "mp3")
    id3.delete(path)
    with_ape(path)
    write_fields(path, {"bpm": ["99"]}, sound_of=audio_payload)
    assert path.read_bytes()[:3] != b"ID3"
    assert APEv2(path)["bpm"] == "99"
