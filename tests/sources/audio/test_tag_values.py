"""What tags say in each format: all values, numbers in any form, and what codecs know better."""

from __future__ import annotations

import re
import struct
import sys
from typing import TYPE_CHECKING, Any

import av
import mutagen
import numpy as np
import polars as pl
import pytest
import soundfile as sf
from mutagen import id3
from mutagen.apev2 import APEv2
from mutagen.mp4 import MP4

from etl.sources.audio.foreign_tags import _genre_names
from etl.sources.audio.id3_frames import synchsafe
from etl.sources.audio.tag_frames import RAW_SCHEMA, tag_values, tags_frame
from etl.sources.audio.tags import MAX_TEXT, read_tags
from tests.support.audio_files import write_audio

if TYPE_CHECKING:
    from pathlib import Path


def tagged(path: Path, **tags: str) -> Path:
    """Write a second of silence with tags."""
    sf.write(path, np.zeros(44_100, dtype=np.float32), 44_100)
    file: Any = mutagen.File(path)
    for name, value in tags.items():
        file[name] = value
    file.save()
    return path


def id3_file(path: Path, *frames: Any, version: int = 4) -> Path:
    """Write a second of sound as MP3 with ID3 frames."""
    write_audio(path, "mp3")
    tags = id3.ID3()
    for frame in frames:
        tags.add(frame)
    tags.save(path, v2_version=version)
    return path


def with_id3(path: Path, *frames: Any) -> Path:
    """Add ID3 frames where the format of a file has them."""
    file: Any = mutagen.File(path)
    file.add_tags()
    for frame in frames:
        file.tags.add(frame)
    file.save()
    return path


def write_dsf(path: Path) -> Path:
    """Write a moment of DSD in two channels, without tags."""
    samples = bytes([0x69]) * 8192
    form = struct.pack("<4sQIIIIIIQII", b"fmt ", 52, 1, 0, 2, 2, 2_822_400, 1, 32_768, 4096, 0)
    data = struct.pack("<4sQ", b"data", 12 + len(samples)) + samples
    size = 28 + len(form) + len(data)
    path.write_bytes(struct.pack("<4sQQQ", b"DSD ", 28, size, 0) + form + data)
    return path


def tags_of(path: Path) -> dict[str, Any]:
    """Read the row of a file."""
    return tags_frame([read_tags(path)]).row(0, named=True)


def values_of(path: Path, field: str) -> list[str]:
    """Read all values of a field."""
    values = tag_values([read_tags(path)], pl.Series(["x"]))
    assert values.filter(pl.col("field") == field)["position"].to_list() == list(
        range(1, values.filter(pl.col("field") == field).height + 1)
    )
    return values.filter(pl.col("field") == field)["value"].to_list()


def test_all_values_are_kept_in_order_in_every_format(tmp_path):
    """Artists and genres of Vorbis comments, MP4, WMA, and of ID3 and APEv2 in whatever has them.

    The first is the track's.
    """
    artists, genres = ["One", "Two", "Three"], ["Trip Hop", "Dub"]
    paths = [tmp_path / f"a.{ending}" for ending in ("flac", "ogg", "opus", "m4a", "wma")]
    for path in paths:
        write_audio(path, path.suffix[1:])
        file: Any = mutagen.File(path)
        if file.tags is None:
            file.add_tags()
        names = {".m4a": ("\xa9ART", "\xa9gen"), ".wma": ("Author", "WM/Genre")}
        artist, genre = names.get(path.suffix, ("artist", "genre"))
        file[artist], file[genre] = artists, genres
        file.save()
    frames = (id3.TPE1(encoding=3, text=artists), id3.TCON(encoding=3, text=genres))
    tags: Any = id3.ID3()
    for frame in frames:
        tags.add(frame)
    for ending in ("mp3", "aac", "ac3", "tta"):
        path = write_audio(tmp_path / f"id3.{ending}", ending)
        tags.save(path)
        paths.append(path)
    chunked = [write_audio(tmp_path / f"id3.{ending}", ending) for ending in ("wav", "aiff")]
    paths += [with_id3(path, *frames) for path in (*chunked, write_dsf(tmp_path / "id3.dsf"))]
    tags = APEv2()
    tags["Artist"], tags["Genre"] = artists, genres
    for ending in ("mp3", "wv", "tta"):
        path = write_audio(tmp_path / f"ape.{ending}", ending)
        tags.save(path)
        paths.append(path)
    for path in paths:
        assert values_of(path, "artist") == artists, path
        assert values_of(path, "genre") == genres, path
        row = tags_of(path)
        assert (row["artist"], row["genre"], row["problem"]) == ("One", "Trip Hop", None), path


@pytest.mark.parametrize(
    ("text", "genres"),
    [
        (["(17)(79)"], ["Rock", "Hard Rock"]),
        (["(17)Refined"], ["Rock", "Refined"]),
        (["17", "Own"], ["Rock", "Own"]),
        (["Rock; Pop/Funk, Soul"], ["Rock", "Pop/Funk, Soul"]),
        (["AC/DC"], ["AC/DC"]),
        (["((Odd)"], ["(Odd)"]),
    ],
)
def test_genres_by_number_and_in_one_text(tmp_path, text, genres):
    """Numbers are names, also several; semicolons part, slashes and commas do not."""
    frame = id3.TCON(encoding=3)
    frame.text = text
    assert values_of(id3_file(tmp_path / "a.mp3", frame), "genre") == genres


def test_further_fields_are_read_from_each_format(tmp_path):
    """Composer, label, comment, compilation, tempo, key, totals and dates."""
    flac = tagged(
        tmp_path / "a.flac", composer="C", label="L", comment="Well", compilation="1", bpm="128",
        initialkey="Am", tracknumber="3/12", discnumber="1", totaldiscs="2", date="1999-05-21",
        originaldate="1987-03",
    )  # fmt: skip
    mp3 = id3_file(
        tmp_path / "a.mp3", id3.TCOM(3, "C"), id3.TPUB(3, "L"), id3.COMM(3, "eng", "", "Well"),
        id3.TCMP(3, "1"), id3.TBPM(3, "128"), id3.TKEY(3, "Am"), id3.TRCK(3, "3/12"), id3.TPOS(3, "1/2"),
        id3.TDRC(3, "1999-05-21"), id3.TDOR(3, "1987-03"),
    )  # fmt: skip
    m4a = write_audio(tmp_path / "a.m4a", "m4a")
    file = MP4(m4a)
    file["\xa9wrt"], file["\xa9cmt"], file["cpil"], file["tmpo"] = ["C"], ["Well"], True, [128]
    file["trkn"], file["disk"], file["\xa9day"] = [(3, 12)], [(1, 2)], ["1999-05-21"]
    for name, value in (("LABEL", b"L"), ("initialkey", b"Am"), ("ORIGINALDATE", b"1987-03")):
        file[f"----:com.apple.iTunes:{name}"] = [value]
    file.save()
    expected = {
        "composer": "C", "label": "L", "comment": "Well", "is_compilation": True, "tagged_bpm": 128.0,
        "tagged_key": "Am", "track_number": 3, "track_total": 12, "disc_number": 1, "disc_total": 2,
        "release_date": "1999-05-21", "original_date": "1987-03", "year": 1999, "track_side": None,
    }  # fmt: skip
    for path in (flac, mp3, m4a):
        row = tags_of(path)
        assert {name: row[name] for name in expected} == expected, path
    assert [(tags_of(path)["bit_depth"], tags_of(path)["is_lossless"]) for path in (flac, mp3)] == [
        (16, True),
        (None, False),
    ]


@pytest.mark.parametrize("name", ["a.webm", "a.caf", "a.mov"])
def test_all_fields_are_read_where_decoders_alone_know_the_tags(tmp_path, name):
    """Matroska, CAF and the keys of QuickTime, by whatever names FFmpeg has for them."""
    tags = {
        "title": "T", "artist": "A", "album_artist": "AA", "publisher": "L", "date": "1999-05-21",
        "track": "3/12", "disc": "1/2", "BPM": "99", "INITIALKEY": "Am", "compilation": "1",
    }  # fmt: skip
    options = {"movflags": "use_metadata_tags"} if name == "a.mov" else {}
    codec = {"a.webm": "libopus", "a.caf": "pcm_s16le", "a.mov": "aac"}[name]
    path = tmp_path / name
    samples = np.zeros((1, 960), np.float32)
    with av.open(str(path), "w", options=options) as container:
        container.metadata.update(tags)
        stream: Any = container.add_stream(codec, rate=48_000)
        stream.layout, stream.format = "mono", stream.codec_context.codec.audio_formats[0].name
        resampler = av.AudioResampler(format=stream.format.name, layout="mono", rate=48_000)
        for start in range(0, 20 * 960, 960):
            frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
            frame.sample_rate, frame.pts = 48_000, start
            for piece in resampler.resample(frame):
                container.mux(stream.encode(piece))
        container.mux(stream.encode(None))
    row = tags_of(path)
    expected = {
        "title": "T", "artist": "A", "albumartist": "AA", "label": "L", "release_date": "1999-05-21",
        "track_number": 3, "track_total": 12, "disc_number": 1, "disc_total": 2, "tagged_bpm": 99.0,
        "tagged_key": "Am", "is_compilation": True,
    }  # fmt: skip
    assert {field: row[field] for field in expected} == expected


@pytest.mark.parametrize(
    ("text", "number", "side"),
    [
        ("A1", 1, "A"),
        ("b12", 12, "B"),
        ("AA", None, "AA"),
        ("B", None, "B"),
        ("7", 7, None),
        ("x1y", None, None),
    ],
)
def test_numbers_of_records_are_a_side_and_a_number(tmp_path, text, number, side):
    """In ID3, APEv2 and Vorbis comments."""
    paths = [
        id3_file(tmp_path / "a.mp3", id3.TRCK(3, text)),
        tagged(tmp_path / "a.flac", tracknumber=text),
        tagged(tmp_path / "a.ogg", tracknumber=text),
        with_id3(write_audio(tmp_path / "a.aiff", "aiff"), id3.TRCK(3, text)),
    ]
    for path in paths:
        row = tags_of(path)
        assert (row["track_number"], row["track_side"]) == (number, side), path


def test_gains_in_any_form(tmp_path):
    """With commas, as RVA2 or XRVA of ID3, and as R128 of Opus, which aims 5 dB lower."""
    comma = tagged(tmp_path / "a.flac", replaygain_track_gain="-8,12 dB", replaygain_album_gain="+0.50 dB")
    row = tags_of(comma)
    assert (row["replaygain_track_db"], row["replaygain_album_db"]) == (
        pytest.approx(-8.12),
        pytest.approx(0.5),
    )
    rva2 = id3_file(
        tmp_path / "a.mp3", id3.RVA2(desc="track", channel=1, gain=-6.5, peak=0.9),
        id3.APIC(3, "image/png", 3, "", bytes(9000)),
    )  # fmt: skip
    assert tags_of(rva2)["replaygain_track_db"] == pytest.approx(-6.5, abs=0.01)
    opus = write_audio(tmp_path / "a.opus", "opus")
    file: Any = mutagen.File(opus)
    file["R128_TRACK_GAIN"], file["R128_ALBUM_GAIN"] = "-2560", "x"
    file.save()
    row = tags_of(opus)
    assert (row["replaygain_track_db"], row["replaygain_album_db"]) == (pytest.approx(-5.0), None)


def test_names_that_other_programs_give_to_comments(tmp_path):
    """Year, track, disc and album artist, as some write them to FLAC."""
    path = tagged(tmp_path / "a.flac", year="1987", track="4", disc="2", **{"album artist": "AA"})
    row = tags_of(path)
    expected = {"year": 1987, "track_number": 4, "disc_number": 2, "albumartist": "AA"}
    assert {name: row[name] for name in expected} == expected


def test_the_recording_that_picard_files(tmp_path):
    """The UFID of MusicBrainz is the recording; that of others is not."""
    mbid = "5b11f4ce-a62d-471e-81fc-a69a8278c7da"
    path = id3_file(
        tmp_path / "a.mp3", id3.UFID("http://www.cddb.com/id3/taginfo1.html", b"other"),
        id3.UFID("http://musicbrainz.org", mbid.encode()),
    )  # fmt: skip
    assert tags_of(path)["musicbrainz_recordingid"] == mbid


def test_unsynchronised_tags_are_read(tmp_path):
    """Text in UTF-16 whose marks were taken apart, numbers and genres, in a tag of version 2.3."""
    frames = (
        id3.TIT2(1, "Größe ÿ"), id3.TPE1(1, "Anna"), id3.TRCK(1, "A4"), id3.TCON(1, "(17)"),
        id3.TBPM(0, "99"),
    )  # fmt: skip
    path = id3_file(tmp_path / "a.mp3", *frames, version=3)
    content = path.read_bytes()
    length = 10 + synchsafe(content[6:10])
    body = re.sub(rb"\xff(?=[\x00\xe0-\xff])", b"\xff\0", content[10:length])
    size = bytes(len(body) >> shift & 0x7F for shift in (21, 14, 7, 0))
    path.write_bytes(content[:5] + b"\x80" + size + body + content[length:])
    expected = {
        "title": "Größe ÿ", "artist": "Anna", "track_number": 4, "track_side": "A", "genre": "Rock",
        "tagged_bpm": 99.0,
    }  # fmt: skip
    row = tags_of(path)
    assert {name: row[name] for name in expected} == expected
    assert row["duration_s"] == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize("joined", ["\0", "/", "; "])
def test_all_numbers_of_musicbrainz_and_recordings_are_kept(tmp_path, joined):
    """Those in one text too, as ID3 has them in fields of the user's own and in its version 2.3."""
    mbids = ["5b11f4ce-a62d-471e-81fc-a69a8278c7da", "b10bbbfc-cf9e-42e0-be17-e2c3e1d2600d"]
    path = id3_file(
        tmp_path / "a.mp3", id3.TXXX(3, "MusicBrainz Artist Id", joined.join(mbids)),
        id3.TSRC(3, joined.join(["US-RC1-76-07839", "GBAYE0601498"])),
    )  # fmt: skip
    assert values_of(path, "musicbrainz_artistid") == mbids
    assert values_of(path, "isrc") == ["USRC17607839", "GBAYE0601498"]
    assert (tags_of(path)["musicbrainz_artistid"], tags_of(path)["isrc"]) == (mbids[0], "USRC17607839")


@pytest.mark.parametrize(
    ("found", "kept"),
    [
        ("BjÃ¶rk", "Björk"),
        ("Mot\xc3\x89", "MotÉ"),
        ("Donâ€™t", "Don\u2019t"),
        ("\x93Quoted\x94 \x96 x\x85", "\u201cQuoted\u201d \u2013 x\u2026"),
        ("Ð\x9fÑ\x80Ð", "Ð\u0178Ñ\u20acÐ"),
        ("Привет".encode().decode("latin-1"), "Привет"),
        ("Björk", "Björk"),
        ("Привет", "Привет"),
        ("Ãle", "Ãle"),
        ("東京", "東京"),
        ("x\x8dy", "x\\x8dy"),
    ],
)
def test_text_in_a_wrong_encoding_is_repaired_or_kept(tmp_path, found, kept):
    """What is certain is put right; what is not keeps its bytes."""
    assert tags_of(tagged(tmp_path / "a.flac", title=found))["title"] == kept


@pytest.mark.parametrize("channels", [1, 2, 6])
@pytest.mark.parametrize("name", ["a.m4a", "a.mp3"])
def test_channels_are_those_of_the_codec(tmp_path, channels, name):
    """Whatever the entry of an MP4 and the name of the file say."""
    path = write_audio(tmp_path / "x.m4a", "m4a", channels=channels, seconds=2.0).rename(tmp_path / name)
    row = tags_of(path)
    assert row["channels"] == channels
    assert (row["kind"], row["sample_rate_hz"]) == ("m4a", 44_100)
    assert row["duration_s"] == pytest.approx(2.0, abs=0.1)


@pytest.mark.parametrize("codec", ["ac3", "eac3", "libopus", "alac"])
def test_other_codecs_in_mp4(tmp_path, codec):
    """AC-3, E-AC-3, Opus and ALAC say how many channels they have, and at what rate."""
    channels = 6 if codec in {"ac3", "eac3"} else 2
    path = write_audio(tmp_path / "a.mp4", "mp4", codec=codec, channels=channels, seconds=2.0)
    path = path.rename(tmp_path / "a.m4a")
    row = tags_of(path)
    assert (row["channels"], row["sample_rate_hz"]) == (
        channels,
        48_000 if codec == "libopus" else 44_100,
    )
    assert row["is_lossless"] is (codec == "alac")
    assert row["duration_s"] == pytest.approx(2.0, abs=0.1)


def test_the_sound_of_a_film_is_not_taken_for_its_picture(tmp_path):
    """Rate and channels are those of the sound track, whatever codec the pictures before it have."""
    path = tmp_path / "film.mp4"
    with av.open(str(path), "w") as film:
        picture: Any = film.add_stream("mpeg4", rate=10)
        picture.width, picture.height, picture.pix_fmt = 64, 48, "yuv420p"
        sound: Any = film.add_stream("aac", rate=32_000)
        film.mux(picture.encode(av.VideoFrame(64, 48, "yuv420p")))
        samples = np.zeros((1, 1024), np.float32)
        for start in range(0, 8 * 1024, 1024):
            frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
            frame.sample_rate, frame.pts = 32_000, start
            film.mux(sound.encode(frame))
        film.mux([*picture.encode(None), *sound.encode(None)])
    row = tags_of(path)
    assert (row["kind"], row["sample_rate_hz"], row["problem"]) == ("m4a", 32_000, None)


@pytest.mark.parametrize("size", [0, 0x7FFFFFFF, 0xFFFFFFFF])
def test_a_wav_that_was_written_to_a_pipe_is_as_long_as_the_file(tmp_path, size):
    """Its header, which nobody could go back to, says nothing, or twelve hours."""
    path = tmp_path / "a.wav"
    sf.write(path, np.zeros(44_100, np.int16), 44_100)
    content = bytearray(path.read_bytes())
    place = content.index(b"data") + 4
    content[place : place + 4] = size.to_bytes(4, "little")
    path.write_bytes(content)
    assert tags_of(path)["duration_s"] == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize(("channels", "seconds"), [(1, 8.0), (2, 3.0), (6, 2.0)])
def test_raw_aac_is_as_long_as_its_frames(tmp_path, channels, seconds):
    """With and without tags around it."""
    path = write_audio(tmp_path / "a.aac", "aac", channels=channels, seconds=seconds)
    for _ in range(2):
        row = tags_of(path)
        assert row["duration_s"] == pytest.approx(seconds, abs=0.1)
        assert (row["kind"], row["sample_rate_hz"]) == ("aac", 44_100)
        assert row["channels"] == channels
        tags = id3.ID3()
        tags.add(id3.TIT2(3, "tagged"))
        tags.save(path)


def test_damaged_mp4_and_id3_give_a_row(tmp_path):
    """Flipped bytes in the headers give metadata or a reason, never an error."""
    rng = np.random.default_rng(5)
    m4a = write_audio(tmp_path / "a.m4a", "m4a", seconds=0.3).read_bytes()
    mp3 = id3_file(
        tmp_path / "a.mp3", id3.TRCK(3, "A1"), id3.TCON(3, "x"), id3.RVA2("track", 1, -3.0, 0.5)
    ).read_bytes()
    found = []
    path = tmp_path / "damaged.bin"
    for _ in range(150):
        for data in (m4a, mp3):
            damaged = bytearray(data)
            start = len(data) - 1500 if data is m4a else 0
            for place in rng.integers(start, start + 300, size=3):
                damaged[place] ^= 1 << int(rng.integers(8))
            path.write_bytes(damaged)
            found.append(read_tags(path))
    rows = tags_frame(found)
    assert rows.height == len(found)
    assert rows.filter(
        (pl.col("kind").fill_null("") == "") & (pl.col("problem").fill_null("") == "")
    ).is_empty()
    tag_values(found, pl.Series(map(str, range(len(found)))))


def test_without_mutagen_tags_are_read_all_the_same(tmp_path, monkeypatch, request):
    """A bundle that has to leave it out: WMA has no tags, and everything else has its own."""
    mp3 = id3_file(tmp_path / "a.mp3", id3.TIT2(3, "T"), id3.TCON(3, ["Dub"]))
    wma = write_audio(tmp_path / "a.wma", "wma")
    monkeypatch.setitem(sys.modules, "mutagen", None)
    _genre_names.cache_clear()
    request.addfinalizer(_genre_names.cache_clear)
    assert (tags_of(mp3)["title"], values_of(mp3, "genre")) == ("T", ["Dub"])
    row = tags_of(wma)
    assert (row["problem"], row["kind"], row["channels"]) == (None, "wma", 2)
    assert row["duration_s"] == pytest.approx(1.0, abs=0.2)


def cleaned(field: str, value: object, column: str) -> Any:
    """Clean one field of a row, and give a column of it."""
    row = (*(value if name == field else None for name in RAW_SCHEMA), [])
    return tags_frame([row])[column].item()


@pytest.mark.parametrize(
    ("field", "column", "kept", "dropped"),
    [
        ("year", "year", {"1000": 1000, "2999": 2999, "1969-07-20": 1969}, ("0999", "3000", "69", "")),
        ("year", "release_date", {"1969-07-20": "1969-07-20"}, ("soon",)),
        ("track", "track_number", {"1": 1, " 9999": 9999, "3/12": 3, "007": 7}, ("0", "10000", "x")),
        ("track", "track_total", {"3/12": 12, "1/9999": 9999}, ("3", "3/0")),
        ("track_total", "track_total", {"1": 1, "9999": 9999}, ("0", "10000")),
        ("disc", "disc_number", {"1": 1, "999": 999, "2/3": 2}, ("0", "1000")),
        ("disc_total", "disc_total", {"1": 1, "999": 999}, ("0", "1000")),
        (
            "bpm",
            "tagged_bpm",
            {"1": 1.0, "1000": 1000.0, "127,5": 127.5, "120 BPM": 120.0},
            ("0.5", "1000.5", "fast"),
        ),
        (
            "replaygain_track_gain",
            "replaygain_track_db",
            {"-100 dB": -100.0, "+100": 100.0, "-6,5": -6.5},
            ("-101", "+101", "x"),
        ),
        ("r128_album_gain", "replaygain_album_db", {"256": 6.0, "0": 5.0, "-2560": -5.0}, ("1.5", "30000")),
        ("bitrate", "bitrate_kbps", {320.0: 320.0, 1e6: 1e6}, (0.0, -1.0, 1.5e6)),
        ("samplerate", "sample_rate_hz", {44_100.0: 44_100, 1e7: 10_000_000}, (0.0, 1.5e7)),
        ("channels", "channels", {1.0: 1, 256.0: 256}, (0.0, 257.0)),
        ("bitdepth", "bit_depth", {1.0: 1, 64.0: 64}, (0.0, 65.0)),
        ("duration", "duration_s", {0.5: 0.5, 2_592_000.0: 2_592_000.0}, (0.0, 2_600_000.0)),
        ("title", "title", {"x" * 1000: "x" * 1000, "x" * 1001: "x" * 1000, " a\t\nb ": "a b"}, ("", "  ")),
    ],
)
def test_numbers_that_make_no_sense_are_none(field, column, kept, dropped):
    """At each bound: years of four digits, a month of sound, a thousand characters."""
    assert MAX_TEXT == 1000
    assert {value: cleaned(field, value, column) for value in kept} == kept
    assert [cleaned(field, value, column) for value in dropped] == [None] * len(dropped)
