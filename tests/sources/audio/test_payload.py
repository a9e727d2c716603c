"""The payload of a file: its sound, whatever a tagger does to the rest."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import mutagen
import pytest
from mutagen import id3
from mutagen.apev2 import APEv2

from etl.runtime.disk.hashing import content_hash
from etl.sources.audio.payload import audio_payload, audio_size
from etl.sources.audio.sound_spans import chunks
from etl.sources.audio.spans import Span
from tests.support.audio_files import CODECS, write_audio

if TYPE_CHECKING:
    from pathlib import Path

TAGGED = ["mp3", "mp2", "flac", "m4a", "alac.m4a", "ogg", "opus", "wav", "aiff", "wma", "aac", "wv", "tta"]


def retag(path: Path, title: str) -> None:
    """Write a long title, and a picture where the format has a place for one, with mutagen."""
    tags = id3.ID3()
    tags.add(id3.TIT2(encoding=3, text=title))
    tags.add(id3.APIC(encoding=3, mime="image/png", type=3, desc="", data=title.encode()))
    if path.suffix in {".mp3", ".mp2", ".aac", ".tta"}:
        tags.save(path)
        return
    file: Any = mutagen.File(path)
    if file.tags is None:
        file.add_tags()
    if path.suffix in {".wav", ".aiff"}:
        file.tags.clear()
        for frame in tags.values():
            file.tags.add(frame)
    else:
        file["\xa9nam" if path.suffix == ".m4a" else "Title" if path.suffix == ".wma" else "title"] = title
    file.save()


@pytest.mark.parametrize("ending", TAGGED)
def test_a_new_tag_leaves_the_payload_as_it_is(tmp_path, ending):
    """Short and very long tags change the file and its length, not the payload, its length or its hash."""
    path = write_audio(tmp_path / f"a.{ending}", ending)
    before, whole = audio_payload(path), content_hash(path)
    for title in ("short", "a longer one " * 20_000, "x"):
        retag(path, title)
        assert content_hash(path) != whole
        assert audio_payload(path) == before
        assert audio_size(path) in {before.size, None}


@pytest.mark.parametrize("ending", CODECS)
def test_other_sound_is_another_payload(tmp_path, ending):
    """Recordings differ, and so does one of which a single byte in the middle is changed."""
    path = write_audio(tmp_path / f"a.{ending}", ending)
    first = audio_payload(path)
    other = audio_payload(write_audio(tmp_path / f"b.{ending}", ending, seed=1))
    assert first.hash != other.hash
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    assert audio_payload(path).hash != first.hash
    assert first.size > 0.7 * path.stat().st_size


@pytest.mark.parametrize("ending", CODECS)
def test_a_file_that_is_cut_is_another_payload(tmp_path, ending):
    """A third of a recording is not that recording; what has no sound left is known by its bytes."""
    path = write_audio(tmp_path / f"a.{ending}", ending)
    whole = audio_payload(path)
    found = {whole.hash}
    for length in (path.stat().st_size // 3, 60, 20, 3):
        os.truncate(path, length)
        found.add(audio_payload(path).hash)
    assert len(found) == 5


def test_tags_of_every_kind_around_an_mp3(tmp_path):
    """ID3v2 twice, zeros behind it, and Lyrics3, APEv2, ID3v1 and its extension at the end are left out."""
    path = write_audio(tmp_path / "a.mp3", "mp3")
    with path.open("rb") as file:
        file.seek(45)
        sound = file.read()
    assert audio_payload(path).size == len(sound)
    path.write_bytes(sound)
    plain = audio_payload(path)
    tags = APEv2()
    tags["Title"] = "ape"
    tags.save(path)
    ape = path.read_bytes()[len(sound) :]
    id3v2 = b"ID3\x04\0\0" + bytes([0, 0, 1, 0]) + bytes(128)
    footer = b"ID3\x04\0\x10" + bytes([0, 0, 0, 5]) + bytes(5) + b"3DI\x04\0\x10" + bytes([0, 0, 0, 5])
    lyrics = b"LYRICSBEGININD0000200"
    lyrics += b"%06dLYRICS200" % len(lyrics)
    old_lyrics = b"LYRICSBEGINla la la LYRICSEND"
    id3v1 = b"TAG" + bytes(125)
    extended = b"TAG+" + bytes(223)
    for front in (b"", id3v2, id3v2 + id3v2 + bytes(3000), footer, ape):
        for end in (
            b"", id3v1, extended + id3v1, ape, ape + id3v1, lyrics + id3v1, ape + lyrics + id3v1,
            old_lyrics + id3v1, footer, lyrics,
        ):  # fmt: skip
            path.write_bytes(front + sound + end)
            assert audio_payload(path) == plain, (front[:4], end[:4])
            assert audio_size(path) == plain.size


def test_chunks_of_wav_in_any_order(tmp_path):
    """Other chunks are left out, also those of odd length; a size that a pipe leaves open means the end."""
    path = write_audio(tmp_path / "a.wav", "wav")
    plain = audio_payload(path)
    data = path.read_bytes()
    start = data.index(b"data")
    odd = b"LIST\x05\0\0\0INFOx\0"
    path.write_bytes(data[:12] + odd + data[12:start] + odd + data[start:] + odd)
    assert audio_payload(path) == plain
    path.write_bytes(b"ID3\x03\0\0\0\0\0\x04abcd" + data)
    assert audio_payload(path) == plain
    for size in (0, 0xFFFFFFFF):
        path.write_bytes(data[: start + 4] + size.to_bytes(4, "little") + data[start + 8 :])
        assert audio_payload(path) == plain
    large = b"RF64" + b"\xff" * 4 + b"WAVEds64" + (28).to_bytes(4, "little")
    large += bytes(8) + (plain.size - 16).to_bytes(8, "little") + bytes(12)
    path.write_bytes(large + data[12 : start + 4] + b"\xff" * 4 + data[start + 8 :] + odd)
    assert audio_payload(path) == plain


def test_zeros_that_were_never_filled_in_are_no_chunks(tmp_path):
    """A gigabyte of them would be a hundred million; what there is before them is found."""
    path = tmp_path / "a.wav"
    path.write_bytes(b"data\x02\0\0\0ab" + bytes(1000))
    with path.open("rb") as file:
        found = list(chunks(file, Span(0, 1010), "little", width=4, pad=2))
    assert found == [(b"data", Span(8, 10))]


def test_parts_of_an_mp4_move(tmp_path):
    """The sound may stand before or behind its index, with a size of 64 bits or an open one."""
    path = write_audio(tmp_path / "a.m4a", "m4a")
    plain = audio_payload(path)
    data = path.read_bytes()
    place = data.index(b"mdat") - 4
    size = int.from_bytes(data[place : place + 4], "big")
    before, mdat, behind = data[:place], data[place : place + size], data[place + size :]
    wide = b"\0\0\0\x01mdat" + (size + 8).to_bytes(8, "big") + mdat[8:]
    for parts in (before + behind + mdat, before + wide + behind, before + behind + b"\0\0\0\0" + mdat[4:]):
        path.write_bytes(parts)
        assert audio_payload(path) == plain


def test_chained_ogg_streams_are_hashed_to_the_end(tmp_path):
    """Each stream of a chain has headers of its own; their comments do not count, their sound does."""
    first = write_audio(tmp_path / "a.ogg", "ogg")
    second = write_audio(tmp_path / "b.ogg", "ogg", seed=1)
    chain = tmp_path / "chain.ogg"
    chain.write_bytes(first.read_bytes() + second.read_bytes())
    both = audio_payload(chain)
    assert both.size == audio_payload(first).size + audio_payload(second).size
    retag(second, "another")
    chain.write_bytes(first.read_bytes() + second.read_bytes())
    assert audio_payload(chain) == both
    chain.write_bytes(first.read_bytes() + write_audio(second, "ogg", seed=2).read_bytes())
    assert audio_payload(chain) != both


@pytest.mark.parametrize("ending", CODECS)
def test_damage_anywhere_gives_a_payload(tmp_path, ending):
    """Flipped bytes in the headers neither fail nor take long, and never give an empty payload."""
    path = write_audio(tmp_path / f"a.{ending}", ending, seconds=0.2)
    data = path.read_bytes()
    for place in range(0, 300, 3):
        damaged = bytearray(data)
        damaged[place] ^= 0xFF
        path.write_bytes(damaged)
        assert audio_payload(path).size > 0
        assert audio_size(path) != 0
