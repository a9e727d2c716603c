"""Readers of tags: tinytag first, others for what it passes over, garbles or refuses.

tinytag reads by what the content is, whatever the name says. Beside it are read: ID3, of which it knows
plain frames alone, APEv2, numbers of vinyl sides, the codec of an MP4, the frames of raw AAC. mutagen reads
WMA, and what tinytag refuses; the decoders say how long a file is where no reader of tags does. Where a file
has several tags, that which other programs write into its format says most, ID3v1 least.
"""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, Any, Final

import tinytag

from etl.sources.audio.adts import adts_stream
from etl.sources.audio.foreign_tags import ape_values, id3_values, id3v1_values
from etl.sources.audio.mp4_codec import mp4_codec
from etl.sources.audio.spans import file_size, surroundings
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
_VORBIS: Final = frozenset({"flac", "ogg", "opus"})
_APE: Final = frozenset({"ape", "mpc", "tak", "wv"})
"""Kinds whose own tags, which other programs read and write, are Vorbis comments, and APEv2."""

_NEVER_BEHIND: Final = _VORBIS | {"m4a"}
"""Kinds that have no tags at the end."""

_VORBIS_TRACK: Final = re.compile(rb"([^\0].\0\0)(?i:tracknumber|track)=", re.DOTALL)


def read_fields(path: Path | str, file: BinaryIO, kind: str | None) -> tuple[Values, Stream]:
    """Read values by field, and what the stream is, of a file whose content is of a kind."""
    if kind == "wma":  # tinytag has the authors in another order
        return _by_mutagen(path)
    sound, tags = surroundings(file, behind=kind not in _NEVER_BEHIND)
    if kind in _BY_TINYTAG:
        is_seen_through = kind == "mp3" and sum(tag.end <= sound.first for tag in tags) == 1
        own, stream = _by_tinytag(file if is_seen_through else _from(file, sound.first), str(kind))
    else:
        own, stream = ({}, adts_stream(file)) if kind == "aac" else read_by_decoder(path)
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
    if kind == "m4a" and not own:  # the keys of QuickTime, perhaps
        own = read_by_decoder(path)[0]
    id3, ape = id3_values(file, kind, tags), ape_values(file, tags)
    if kind in _VORBIS:
        _add_vinyl_number(file, own)
        found = [own, id3]
    else:
        found = [ape, id3, own] if kind in _APE else [id3, ape, own]
    values = id3v1_values(file, tags)
    for each in reversed(found):
        values |= each
    return values, stream


def _from(file: BinaryIO, first: int) -> BinaryIO:
    """Give a file from a place on, for a reader that must not see what is before."""
    if not first:
        return file
    return io.BufferedReader(_Behind(file, first))


class _Behind(io.RawIOBase):
    def __init__(self, file: BinaryIO, first: int) -> None:
        self._file, self._first = file, first
        file.seek(first)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._file.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._file.seek(offset + (self._first if whence == io.SEEK_SET else 0), whence) - self._first


def _by_tinytag(file: BinaryIO, kind: str) -> tuple[Values, Stream]:
    file.seek(0)
    tag = tinytag.TinyTag.get(f"a.{kind}", file_obj=file, tags=kind != "mp3")  # the name chooses the reader
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
    return by_field((name, [text]) for name, text in values.items()), stream


def read_otherwise(path: Path | str, first: Exception) -> tuple[Values, Stream, str | None]:
    """Read what the first reader refused; the problem names the reasons of all."""
    reasons = [f"{type(first).__name__}: {first}"]
    try:
        return *_by_easy_mutagen(path), None
    except Exception as second:  # noqa: BLE001 -- as above
        reasons.append(f"{type(second).__name__}: {second}")
    values, stream = read_by_decoder(path)
    return values, stream, None if stream.get("duration") else f"tags unreadable: {'; '.join(reasons)}"
