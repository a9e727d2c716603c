"""Readers of tags: tinytag first, others for what it passes over or refuses.

tinytag reads by what the content is, whatever the name says. Beside it are read: frames of ID3 that it
changes, APEv2, numbers of vinyl sides, the codec of an MP4, the frames of raw AAC. mutagen reads WMA, and
what tinytag refuses; the decoders say how long a file is where no reader of tags does.
"""

from __future__ import annotations

import re
from functools import cache
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final

import tinytag

from etl.sources.audio.adts import adts_stream
from etl.sources.audio.ape_tag import ape_texts
from etl.sources.audio.id3_frames import frame_texts, genre_texts, id3_frames, volume_gains
from etl.sources.audio.id3_place import id3_place, resynchronised
from etl.sources.audio.mp4_codec import mp4_codec
from etl.sources.audio.spans import bytes_at, file_size
from etl.sources.audio.tag_fields import by_field

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from typing import BinaryIO

    Values = dict[str, list[str]]
    Stream = Mapping[str, Any]

STREAM: Final = ("duration", "bitrate", "samplerate", "channels", "bitdepth", "is_lossless")
"""Properties of a stream: s, kbit/s, Hz, count, bits, yes or no."""

_BY_TINYTAG: Final = frozenset({"mp3", "flac", "m4a", "ogg", "opus", "wav", "aiff"})
_COMMENT_BYTES: Final = 1 << 14
_MOST_ID3: Final = 16 << 20
_VORBIS_TRACK: Final = re.compile(rb"([^\0].\0\0)(?i:tracknumber|track)=", re.DOTALL)


def read_fields(path: Path | str, file: BinaryIO, kind: str | None) -> tuple[Values, Stream]:
    """Read values by field, and what the stream is, of a file whose content is of a kind."""
    if kind == "wma":  # tinytag has the authors in another order
        return _by_mutagen(path)
    place = id3_place(file, kind)
    tag: BinaryIO | None = resynchronised(file, place)
    if kind in _BY_TINYTAG:
        values, stream = _by_tinytag(file, str(kind))
    else:
        values, stream = ({}, adts_stream(file)) if kind == "aac" else read_by_decoder(path)
        tag = tag or (BytesIO(bytes_at(file, place, _MOST_ID3)) if place else file)
    if tag is not None:
        values |= _by_tinytag(tag, "mp3", is_sound=False)[0]
    if kind == "m4a" and (codec := mp4_codec(file)):
        stream = {
            **stream,
            "channels": codec.channels or stream.get("channels"),
            "samplerate": codec.sample_rate or stream.get("samplerate"),
            "bitdepth": codec.bit_depth or stream.get("bitdepth"),
            "is_lossless": codec.is_lossless,
        }
    elif kind == "wav" and _is_longer_than_the_file(file, stream):
        stream = {**stream, "duration": None}  # which the decoder tells
    if kind in {"flac", "ogg", "opus"}:
        _add_vinyl_number(file, values)
    elif kind != "m4a":
        _add_id3_frames(tag or file, values, 0 if tag else place)
        in_ape = by_field(ape_texts(file))
        values = {**in_ape, **values} if kind in _BY_TINYTAG else {**values, **in_ape}
    return values, stream


def _by_tinytag(file: BinaryIO, kind: str, *, is_sound: bool = True) -> tuple[Values, Stream]:
    file.seek(0)
    tag = tinytag.TinyTag.get(f"a.{kind}", file_obj=file, duration=is_sound)  # the name chooses the reader
    named = [
        (name, [str(found)])
        for name in ("title", "artist", "album", "albumartist", "composer", "genre", "comment", "year")
        if (found := getattr(tag, name)) is not None
    ]
    named += [
        (name, [str(found)])
        for name in ("track", "track_total", "disc", "disc_total")
        if (found := getattr(tag, name))
    ]
    return by_field([*named, *tag.other.items()]), {name: getattr(tag, name) for name in STREAM}


def _is_longer_than_the_file(file: BinaryIO, stream: Stream) -> bool:
    """Whether a header claims more than there is, as that of a WAV does that was written to a pipe."""
    seconds, kbit_a_second = stream.get("duration") or 0, stream.get("bitrate") or 0
    return bool(seconds * kbit_a_second * 125 > file_size(file))


def _add_vinyl_number(file: BinaryIO, values: Values) -> None:
    """Read the number of a side (``A1``) from the comments, which tinytag takes for no number."""
    if "track" in values:
        return
    file.seek(0)
    head = file.read(_COMMENT_BYTES)
    if match := _VORBIS_TRACK.search(head):
        length = int.from_bytes(match[1], "little") - len(match[0]) + 4
        if 0 < length < 20:
            values["track"] = [head[match.end() : match.end() + length].decode("utf-8", "replace")]


def _add_id3_frames(file: BinaryIO, values: Values, place: int) -> None:
    """Take numbers, genres and gains as they stand in the tag."""
    frames = id3_frames(file, place)
    for name, field in ((b"TRCK", "track"), (b"TPOS", "disc")):
        if field not in values and (texts := frame_texts(frames.get(name, b""))):
            values[field] = texts[:1]
    if genres := genre_texts(frame_texts(frames.get(b"TCON", b"")), _genre_names()):
        values["genre"] = genres
    for name in (b"RVA2", b"XRVA"):
        for what, gain in volume_gains(frames.get(name, b"")).items():
            field = "replaygain_album_gain" if what == "album" else "replaygain_track_gain"
            values.setdefault(field, [f"{gain:.2f}"])


@cache
def _genre_names() -> tuple[str, ...]:
    """Genres of ID3v1 by number; none without mutagen, whose list it is."""
    try:
        from mutagen.id3 import TCON  # noqa: PLC0415 -- see _by_mutagen
    except ImportError:
        return ()
    return tuple(TCON.GENRES)


def _by_mutagen(path: Path | str) -> tuple[Values, Stream]:
    import mutagen  # noqa: PLC0415 -- a bundle may have to leave it out, and few scans need it

    found = mutagen.File(path)
    if found is None or found.info is None:
        raise ValueError("no reader of tags knows the format")
    named = []
    for name, value in (found.tags or {}).items():
        values = value if isinstance(value, list) else [value]
        named.append((str(name), [str(each) for each in values]))
    return by_field(named), _info(found.info)


def _by_easy_mutagen(path: Path | str) -> tuple[Values, Stream]:
    import mutagen  # noqa: PLC0415 -- as above

    found = mutagen.File(path, easy=True)
    if found is None or found.info is None:
        raise ValueError("no reader of tags knows the format")
    named = [
        (str(name), [str(each) for each in value] if isinstance(value, list) else [str(value)])
        for name, value in (found.tags or {}).items()
    ]
    return by_field(named), _info(found.info)


def _info(info: Any) -> Stream:
    return {
        "duration": getattr(info, "length", None),
        "bitrate": (getattr(info, "bitrate", None) or 0) / 1000 or None,
        "samplerate": getattr(info, "sample_rate", None),
        "channels": getattr(info, "channels", None),
        "bitdepth": getattr(info, "bits_per_sample", None) or None,
    }


def read_by_decoder(path: Path | str) -> tuple[Values, Stream]:
    """Read what the decoders know: whatever they can read is a track, tags or not."""
    from etl.sources.audio.probe import probe  # noqa: PLC0415 -- few files need it, and it loads FFmpeg

    values, stream = probe(path)
    return {name: [text] for name, text in values.items()}, stream


def read_otherwise(path: Path | str, first: Exception) -> tuple[Values, Stream, str | None]:
    """Read what the first reader refused; the problem names the reasons of all."""
    reasons = [f"{type(first).__name__}: {first}"]
    try:
        return *_by_easy_mutagen(path), None
    except Exception as second:  # noqa: BLE001 -- as above
        reasons.append(f"{type(second).__name__}: {second}")
    values, stream = read_by_decoder(path)
    return values, stream, None if stream.get("duration") else f"tags unreadable: {'; '.join(reasons)}"
