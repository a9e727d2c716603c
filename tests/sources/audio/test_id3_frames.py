"""ID3 of every version and packing, in front, behind, inside and twice: what is read is what was written."""

from __future__ import annotations

import re
import zlib
from typing import TYPE_CHECKING, Any, Final

import polars as pl
import pytest
from mutagen import id3
from mutagen.apev2 import APEv2
from mutagen.flac import FLAC

from etl.sources.audio.tag_frames import tag_values, tags_frame
from etl.sources.audio.tags import read_tags
from tests.support.audio_files import write_audio

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TEXTS: Final = {
    "TIT2": "Größe ÿĀ", "TPE1": "Anna\0Bob", "TALB": "Álbum", "TRCK": "A4", "TCON": "(17)", "TBPM": "99",
    "TKEY": "Am", "TPUB": "Label",
}  # fmt: skip
SHORT: Final = {
    "TIT2": "TT2", "TPE1": "TP1", "TALB": "TAL", "TRCK": "TRK", "TCON": "TCO", "TBPM": "TBP", "TKEY": "TKE",
    "TPUB": "TPB",
}  # fmt: skip
EXPECTED: Final = {
    "title": "Größe ÿĀ", "artist": "Anna", "album": "Álbum", "track_number": 4, "track_side": "A",
    "genre": "Rock", "tagged_bpm": 99.0, "tagged_key": "Am", "label": "Label", "problem": None,
}  # fmt: skip


def synchsafe(number: int) -> bytes:
    """Seven bits to a byte."""
    return bytes(number >> shift & 0x7F for shift in (21, 14, 7, 0))


def plain(number: int) -> bytes:
    """Eight bits to a byte."""
    return number.to_bytes(4, "big")


def unsynchronised(data: bytes) -> bytes:
    """Put a zero behind each byte of ones that might begin a frame of sound, or is followed by a zero."""
    return re.sub(rb"\xff(?=[\x00\xe0-\xff]|$)", b"\xff\0", data)


def frames(
    version: int,
    *,
    is_compressed: bool = False,
    is_grouped: bool = False,
    is_unsynchronised: bool = False,
    is_counted: bool = False,
    size: Callable[[int], bytes] | None = None,
    texts: dict[str, str] = TEXTS,
) -> bytes:
    """Write text frames of a version, in UTF-16."""
    written = b""
    for name, text in texts.items():
        body = b"\x01" + text.encode("utf-16")
        before, flags, length = b"", 0, len(body)
        body = zlib.compress(body) if is_compressed else body
        body = unsynchronised(body) if is_unsynchronised else body
        if version == 4:
            flags = (
                is_grouped << 6 | is_compressed << 3 | is_unsynchronised << 1 | (is_counted or is_compressed)
            )
            before = (b"\x05" if is_grouped else b"") + (synchsafe(length) if flags & 1 else b"")
        elif version == 3:
            flags = is_compressed << 7 | is_grouped << 5
            before = (plain(length) if is_compressed else b"") + (b"\x05" if is_grouped else b"")
        body = before + body
        if version == 2:
            written += SHORT[name].encode() + plain(len(body))[1:] + body
        else:
            measure = size or (synchsafe if version == 4 else plain)
            written += name.encode() + measure(len(body)) + bytes([0, flags]) + body
    return written


def tag(version: int, body: bytes, flags: int = 0, *, has_footer: bool = False) -> bytes:
    """Put a header before frames, and a footer behind them if wanted."""
    head = bytes([version, 0, flags | has_footer << 4]) + synchsafe(len(body))
    return b"ID3" + head + body + (b"3DI" + head if has_footer else b"")


TAGS: Final = {
    "2.4": tag(4, frames(4)),
    "2.4, frames unsynchronised": tag(4, frames(4, is_unsynchronised=True)),
    "2.4, frames unsynchronised and counted": tag(4, frames(4, is_unsynchronised=True, is_counted=True)),
    "2.4, all unsynchronised": tag(4, frames(4, is_unsynchronised=True), 0x80),
    "2.4, counted": tag(4, frames(4, is_counted=True)),
    "2.4, compressed": tag(4, frames(4, is_compressed=True)),
    "2.4, grouped": tag(4, frames(4, is_grouped=True)),
    "2.4, everything": tag(4, frames(4, is_compressed=True, is_grouped=True, is_unsynchronised=True)),
    "2.4, extended header": tag(4, synchsafe(6) + b"\x01\0" + frames(4), 0x40),
    "2.4, checksum": tag(4, synchsafe(12) + b"\x01\x20\x05" + bytes(5) + frames(4), 0x40),
    "2.4, footer": tag(4, frames(4), has_footer=True),
    "2.4, sizes as iTunes wrote them": tag(
        4, frames(4, size=plain, texts={"TIT3": "x" * 80, "TENC": "x" * 150} | TEXTS)
    ),
    "2.4, encrypted title": tag(4, b"TIT2" + synchsafe(4) + b"\0\4\x80abc" + frames(4)),
    "2.3": tag(3, frames(3)),
    "2.3, compressed": tag(3, frames(3, is_compressed=True)),
    "2.3, grouped": tag(3, frames(3, is_grouped=True)),
    "2.3, extended header": tag(3, plain(6) + bytes(6) + frames(3), 0x40),
    "2.3, checksum": tag(3, plain(10) + b"\x80" + bytes(9) + frames(3), 0x40),
    "2.3, unsynchronised": tag(3, unsynchronised(frames(3)), 0x80),
    "2.3, unsynchronised, extended": tag(3, unsynchronised(plain(6) + bytes(6) + frames(3)), 0xC0),
    "2.2": tag(2, frames(2)),
    "2.2, unsynchronised": tag(2, unsynchronised(frames(2)), 0x80),
    "two": tag(3, frames(3, texts={"TIT2": TEXTS["TIT2"]}))
    + tag(4, frames(4, texts=TEXTS | {"TIT2": "Other"})),
}  # fmt: skip


def row_of(path: Path) -> dict[str, Any]:
    """Read the row of a file, and all its artists."""
    read = read_tags(path)
    values = tag_values([read], pl.Series(["x"])).filter(pl.col("field") == "artist")["value"].to_list()
    return tags_frame([read]).row(0, named=True) | {"artists": values}


def check(path: Path) -> None:
    """Compare what is read with what was written."""
    row = row_of(path)
    assert {name: row[name] for name in EXPECTED} == EXPECTED
    assert row["artists"] == ["Anna", "Bob"]
    assert row["duration_s"] == pytest.approx(1.0, abs=0.1)


def sound(folder: Path, ending: str) -> bytes:
    """Give a second of sound without tags."""
    path = write_audio(folder / f"plain.{ending}", ending)
    if ending in {"mp3", "aac", "ac3", "tta"}:
        id3.delete(path)
    return path.read_bytes()


@pytest.mark.parametrize("packing", TAGS)
def test_every_packing_in_front_of_an_mp3(tmp_path, packing):
    """Whatever the version, and however its frames are packed."""
    path = tmp_path / "a.mp3"
    path.write_bytes(TAGS[packing] + sound(tmp_path, "mp3"))
    check(path)


@pytest.mark.parametrize("ending", ["flac", "aac", "ac3", "tta"])
@pytest.mark.parametrize("packing", ["2.4, everything", "2.3, unsynchronised", "2.4, footer", "two"])
def test_in_front_of_other_sound(tmp_path, ending, packing):
    """Which says nothing of itself."""
    path = tmp_path / f"a.{ending}"
    path.write_bytes(TAGS[packing] + sound(tmp_path, ending))
    check(path)


@pytest.mark.parametrize("packing", ["2.4, everything", "2.3, unsynchronised", "2.4, extended header"])
def test_in_a_chunk(tmp_path, packing):
    """Of a WAV."""
    chunk = TAGS[packing] + bytes(len(TAGS[packing]) % 2)
    path = tmp_path / "a.wav"
    path.write_bytes(sound(tmp_path, "wav") + b"ID3 " + len(chunk).to_bytes(4, "little") + chunk)
    check(path)


def test_at_the_end(tmp_path):
    """With a footer, before the old tag, which has less to say."""
    old = b"TAG" + b"Old title".ljust(30, b"\0") + bytes(94) + b"\xff"
    for number, last in enumerate((b"", old)):
        path = tmp_path / f"{number}.mp3"
        path.write_bytes(sound(tmp_path, "mp3") + TAGS["2.4, footer"] + last)
        check(path)


def test_the_own_tags_of_a_format_say_more_than_others(tmp_path):
    """Comments of a FLAC, APEv2 of WavPack, ID3 of MP3 and TTA; what only the other has counts too."""
    for ending, title in {"flac": "own", "mp3": "id3", "tta": "id3", "wv": "ape"}.items():
        path = tmp_path / f"a.{ending}"
        write_audio(path, ending)
        if ending == "flac":
            file = FLAC(path)
            file["title"] = "own"
            file.save()
            path.write_bytes(tag(3, frames(3, texts={"TIT2": "id3", "TKEY": "Am"})) + path.read_bytes())
        else:
            ape: Any = APEv2()
            ape["Title"], ape["initialkey"] = "ape", "Am"
            ape.save(path)
            path.write_bytes(tag(3, frames(3, texts={"TIT2": "id3"})) + path.read_bytes())
        row = row_of(path)
        assert (row["title"], row["tagged_key"]) == (title, "Am"), ending


def test_version_1_says_least(tmp_path):
    """Its texts are cut off: APEv2 beside it, which players read, has the whole."""
    path = write_audio(tmp_path / "a.mp3", "mp3")
    id3.delete(path)
    ape: Any = APEv2()
    ape["Title"] = "A title of more than thirty characters"
    ape.save(path)
    old = b"TAG" + b"A title of more than thirty ch" + b"Anna".ljust(30, b"\0") + bytes(30) + b"1987"
    path.write_bytes(path.read_bytes() + old + b"Well".ljust(28, b"\0") + b"\0\x07\x11")
    row = row_of(path)
    expected = {
        "title": "A title of more than thirty characters", "artist": "Anna", "year": 1987, "comment": "Well",
        "track_number": 7, "genre": "Rock", "album": None,
    }  # fmt: skip
    assert {name: row[name] for name in expected} == expected


def test_a_bomb_and_a_lie_cost_nothing(tmp_path):
    """What unpacks to a gigabyte is cut off, a size beyond the tag ends it; tags alone are no audio."""
    body = zlib.compress(b"\x03" + b"x" * 10_000_000)
    bomb = b"TIT2" + synchsafe(4 + len(body)) + b"\0\x09" + synchsafe(1000) + body
    path = tmp_path / "a.mp3"
    path.write_bytes(tag(4, bomb + frames(4, texts={"TPE1": "Anna"})) + sound(tmp_path, "mp3"))
    row = row_of(path)
    assert (row["title"], row["artist"]) == ("x" * 1000, "Anna")
    path.write_bytes(tag(4, b"TIT2\x7f\x7f\x7f\x7f\0\0\x03Title") + sound(tmp_path, "mp3"))
    assert row_of(path)["problem"] is None
    path.write_bytes(tag(4, b"") * 300_000)
    assert row_of(path)["problem"] is not None
