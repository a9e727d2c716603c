"""Tags: metadata or a reason for every file, and no trust in text."""

from __future__ import annotations

import io
import unicodedata
from typing import TYPE_CHECKING, Any

import mutagen
import numpy as np
import polars as pl
import pytest
import soundfile as sf
from hypothesis import given, strategies as st

from etl.audio.signal import DecodeError
from etl.sources.audio.containers import KINDS, sniff
from etl.sources.audio.decode import decode
from etl.sources.audio.tag_frames import RAW_SCHEMA, tags_frame
from etl.sources.audio.tags import MAX_TEXT, read_tags

if TYPE_CHECKING:
    from pathlib import Path


def tagged(path: Path, **tags: str) -> Path:
    """Write a second of silence with tags."""
    sf.write(path, np.zeros(44_100, dtype=np.float32), 44_100)
    file: Any = mutagen.File(path)
    if file.tags is None:
        file.add_tags()
    for name, value in tags.items():
        file[name] = value
    file.save()
    return path


def raw(**values: object) -> tuple[Any, ...]:
    """Give a row as the reader would, with some values."""
    return tuple(values.get(name) for name in RAW_SCHEMA)


def test_all_fields_are_read(tmp_path):
    """Every field of the inventory comes from the file."""
    path = tagged(
        tmp_path / "a.flac",
        title="Title",
        artist="Artist",
        album="Album",
        albumartist="Band",
        tracknumber="3/12",
        discnumber="2",
        date="1997-05-21",
        genre="Rock",
        isrc="us-rc1-76-07839",
        musicbrainz_trackid="E65FB332-0c1e-4172-85e0-59cd37e5669e",
        musicbrainz_albumid="359a91e9-3bb3-4b60-a823-8aaa4bad1e36",
        replaygain_track_gain="-8.08 dB",
    )
    row = tags_frame([read_tags(path)]).row(0, named=True)
    expected = {
        "kind": "flac",
        "title": "Title",
        "artist": "Artist",
        "album": "Album",
        "albumartist": "Band",
        "genre": "Rock",
        "track_number": 3,
        "disc_number": 2,
        "year": 1997,
        "isrc": "USRC17607839",
        "musicbrainz_recordingid": "e65fb332-0c1e-4172-85e0-59cd37e5669e",
        "musicbrainz_albumid": "359a91e9-3bb3-4b60-a823-8aaa4bad1e36",
        "sample_rate_hz": 44_100,
        "channels": 1,
        "duration_s": 1.0,
        "problem": None,
    }
    assert {name: row[name] for name in expected} == expected
    assert row["replaygain_track_db"] == pytest.approx(-8.08)


def test_content_decides_the_kind(tmp_path):
    """A FLAC file named mp3 is FLAC, and one without any extension too."""
    for name in ("a.mp3", "noext"):
        (tmp_path / "a.flac").unlink(missing_ok=True)
        path = tagged(tmp_path / "a.flac", title="x").rename(tmp_path / name)
        assert tags_frame([read_tags(path)]).row(0, named=True)["kind"] == "flac"


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"RIFF\0\0\0\0WAVEfmt ", "wav"),
        (b"FORM\0\0\0\0AIFC", "aiff"),
        (b"\0\0\0\x20ftypM4A ", "m4a"),
        (b"\0\0\0\x18ftypheic", None),
        (b"\0\0\0\x1cftypavif", None),
        (b"\xff\xfb\x90\x64", "mp3"),
        (b"\xff\xf1\x50\x80", "aac"),
        (b"OggS" + bytes(22) + b"\x01\x13OpusHead", "opus"),
        (b"OggS" + bytes(22) + b"\x01\x1e\x01vorbis", "ogg"),
        (b"ID3\x04\0\0\0\0\0\x02..fLaC", "flac"),
        (b"\xff\xff\xff\xff", None),
        (b"GIF89a", None),
        (b"", None),
    ],
)
def test_first_bytes_tell_the_kind(head, kind):
    """Magic numbers are told apart, and what is none of them is none."""
    assert sniff(io.BytesIO(head)) == kind


@given(st.binary(max_size=80))
def test_sniffing_never_fails(head):
    """Any bytes give a kind or none."""
    assert sniff(io.BytesIO(head)) in {*KINDS, None}


@given(st.text(), st.text(), st.text(max_size=12))
def test_hostile_text_comes_out_clean(title, artist, number):
    """No control character, no bidirectional override, no blank field, no endless text."""
    row = tags_frame([raw(title=title, artist=artist, track=number, year=number, isrc=artist)]).row(
        0, named=True
    )
    for text in (row["title"], row["artist"]):
        assert text is None or (
            text.strip() == text != ""
            and unicodedata.is_normalized("NFC", text)
            and not any(
                unicodedata.category(c) == "Cc" or c in "\u202a\u202e\u2066\u2069\ufeff" for c in text
            )
        )
    assert row["track_number"] is None or 1 <= row["track_number"] <= 9999
    assert row["year"] is None or 1000 <= row["year"] <= 2999


def test_long_and_reversed_text_is_cut_and_turned():
    """A megabyte of title is cut; an override of the reading direction goes, letters stay."""
    rows = [raw(title="x" * 1_000_000), raw(title="a\u202egnp.exe\0b\tc"), raw(title="Gra\u0301n  di\u0301a")]
    titles = tags_frame(rows)["title"].to_list()
    assert titles == ["x" * MAX_TEXT, "a gnp.exe b c", "Gr\u00e1n d\u00eda"]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1.0, 0.0, 1e300])
def test_impossible_durations_are_missing(value):
    """What no recording can last is null."""
    assert tags_frame([raw(duration=value)])["duration_s"].item() is None


def test_odd_files_give_metadata_or_a_reason(odd_files):
    """Every odd file has a kind and something known, or a problem in words."""
    frame = tags_frame([read_tags(path) for path in odd_files])
    reasons = frame["problem"].drop_nulls()
    assert len(reasons) < 60
    assert all(len(reason) > 5 for reason in reasons)
    known = frame.filter(frame["problem"].is_null())
    assert known["kind"].null_count() == 0
    some = known.select(pl.exclude("kind", "problem"))
    empty = [row for row in some.rows() if all(value is None for value in row)]
    assert len(empty) <= 5


def test_flipped_bytes_neither_crash_nor_hang(odd_files, tmp_path):
    """Two hundred damaged files give metadata or a reason, and a signal or a reason."""
    rng = np.random.default_rng(200)
    small = [path for path in odd_files if 0 < path.stat().st_size < 50_000]
    path, tags = tmp_path / "damaged.bin", []
    for _ in range(200):
        data = bytearray(small[int(rng.integers(len(small)))].read_bytes())
        for position in rng.integers(len(data), size=max(1, len(data) // 200)):
            data[position] ^= 1 << int(rng.integers(8))
        path.write_bytes(data)
        tags.append(read_tags(path))
        try:
            signal = decode(path, max_seconds=600).signal
        except DecodeError as error:
            reason = str(error)
        else:
            reason = ""
            assert np.isfinite(signal).all()
        assert reason or len(signal)
    rows = tags_frame(tags)
    assert rows.height == len(tags)
    assert rows.filter(
        (pl.col("problem").fill_null("") == "") & (pl.col("kind").fill_null("") == "")
    ).is_empty()
