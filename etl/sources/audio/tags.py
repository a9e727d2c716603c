"""Tags and stream properties of audio files, from text that anyone may have written.

tinytag reads first (50 µs a file); mutagen, slower and more patient, reads what tinytag refuses. Text is
cleaned in one vectorised pass over a frame of files.
"""

from __future__ import annotations

import math
import struct
from typing import TYPE_CHECKING, Any, Final

import mutagen
import polars as pl
import tinytag

from etl.sources.audio.containers import SUFFIXES, sniff

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from typing import BinaryIO

TAG_VERSION: Final = 1
"""Goes up with what the reader finds: files that an earlier one has read are read again."""

MAX_TEXT: Final = 1000
"""Characters of a text field that are kept."""

_TEXTS: Final = (
    "title",
    "artist",
    "album",
    "albumartist",
    "genre",
    "isrc",
    "musicbrainz_recordingid",
    "musicbrainz_albumid",
    "musicbrainz_artistid",
)
_RAW_NUMBERS: Final = ("track", "disc", "year", "replaygain_track_gain", "replaygain_album_gain")
_STREAM: Final = ("duration", "bitrate", "samplerate", "channels")

RAW_SCHEMA: Final = {
    "kind": pl.String,
    **dict.fromkeys(_TEXTS, pl.String),
    **dict.fromkeys(_RAW_NUMBERS, pl.String),
    **dict.fromkeys(_STREAM, pl.Float64),
    "problem": pl.String,
}
"""What `read_tags` gives for one file."""

# Other names for the same thing, as writers and readers spell them.
_ALIASES: Final = {
    "musicbrainz_recordingid": ("musicbrainz_trackid", "musicbrainz track id"),
    "musicbrainz_albumid": ("musicbrainz album id",),
    "musicbrainz_artistid": ("musicbrainz artist id",),
    "track": ("tracknumber",),
    "disc": ("discnumber",),
    "year": ("date", "originaldate"),
}

# Control characters, byte order marks, and the marks that turn the direction of the text around them; the
# joiners that Indic scripts, Persian and emoji need stay.
_UNWANTED: Final = r"[\p{Cc}\u{FEFF}\u{FFFE}\u{FFFF}\u{202A}-\u{202E}\u{2066}-\u{2069}]+"
_MBID: Final = r"^([0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12})"
_ISRC: Final = r"^([A-Z]{2}[A-Z0-9]{3}[0-9]{7})$"


def read_tags(path: Path | str) -> tuple[Any, ...]:
    """Read the tags of one file.

    Parameters
    ----------
    path
        Any file.

    Returns
    -------
    tuple
        Values in the order of `RAW_SCHEMA`, text as found. ``kind`` is null for what is no audio; ``problem``
        says why there is no metadata.
    """
    claimed = SUFFIXES.get("." + str(path).rpartition(".")[2].lower())
    try:
        with open(path, "rb") as file:  # noqa: PTH123 -- a third of the cost of Path.open, ten thousand times
            kind = sniff(file)
            if kind is None and claimed is None:
                return _row(None, {}, {}, "no audio")
            values, stream = _by_tinytag(path, file)
    except OSError as error:
        return _row(claimed, {}, {}, f"cannot read the file: {error.strerror or error}")
    except Exception as error:  # noqa: BLE001 -- hostile bytes raise anything, and each file must get a reason
        values, stream, problem = _by_mutagen(path, error)
        if problem and not stream:
            return _row(kind, values, stream, problem)
    if not stream.get("duration"):
        if kind is None:
            return _row(None, {}, {}, f"the name says {claimed}, the content is no audio")
        if not values:
            return _row(kind, {}, stream, f"no audio and no tags behind the {kind} header")
    return _row(kind or claimed, values, stream, None)


def tags_frame(rows: Sequence[tuple[Any, ...]]) -> pl.DataFrame:
    """Clean the rows of `read_tags`.

    Parameters
    ----------
    rows
        One per file.

    Returns
    -------
    DataFrame
        In the order of ``rows``: the texts, ``track_number``, ``disc_number``, ``year``, ``replaygain_*_db``,
        ``duration_s``, ``bitrate_kbps``, ``sample_rate_hz``, ``channels``, ``kind`` and ``problem``; what
        makes no sense is null.
    """
    raw = pl.DataFrame(rows, schema=RAW_SCHEMA, orient="row")
    return raw.select(
        "kind",
        *(_cleaned(name) for name in _TEXTS[:5]),
        _cleaned("isrc").str.to_uppercase().str.replace_all(r"[\s-]", "").str.extract(_ISRC),
        *(_cleaned(name).str.to_lowercase().str.extract(_MBID) for name in _TEXTS[6:]),
        _integer("track", 1, 9999).alias("track_number"),
        _integer("disc", 1, 999).alias("disc_number"),
        pl.col("year").str.extract(r"([0-9]{4})").cast(pl.Int32).pipe(_within, 1000, 2999).alias("year"),
        _decibels("replaygain_track_gain").alias("replaygain_track_db"),
        _decibels("replaygain_album_gain").alias("replaygain_album_db"),
        _positive("duration", 30 * 24 * 3600.0).alias("duration_s"),
        _positive("bitrate", 1e6).alias("bitrate_kbps"),
        _positive("samplerate", 1e7).cast(pl.Int32).alias("sample_rate_hz"),
        _positive("channels", 256.0).cast(pl.Int32),
        "problem",
    )


def _by_tinytag(path: Path | str, file: BinaryIO) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    file.seek(0)
    tag = tinytag.TinyTag.get(path, file_obj=file)
    values = {name: _first(value) for name, value in tag.other.items()}
    for name in ("title", "artist", "album", "albumartist", "genre", "track", "disc", "year"):
        found = getattr(tag, name)
        if found is not None:
            values[name] = str(found)
    return values, {name: getattr(tag, name) for name in _STREAM}


def _by_mutagen(
    path: Path | str, first: Exception
) -> tuple[Mapping[str, Any], Mapping[str, Any], str | None]:
    """Read with mutagen; the problem names both readers' reasons."""
    reason = f"{type(first).__name__}: {first}"
    try:
        found = mutagen.File(path, easy=True)
    except Exception as second:  # noqa: BLE001 -- as above
        return {}, {}, f"tags unreadable: {reason}; {type(second).__name__}: {second}"[:MAX_TEXT]
    if found is None or found.info is None:
        return {}, {}, f"tags unreadable: {reason}"[:MAX_TEXT]
    values = {str(name).lower(): _first(value) for name, value in (found.tags or {}).items()}
    info = found.info
    stream = {
        "duration": getattr(info, "length", None),
        "bitrate": (getattr(info, "bitrate", None) or 0) / 1000 or None,
        "samplerate": getattr(info, "sample_rate", None),
        "channels": getattr(info, "channels", None),
    }
    return values, stream, None


def _row(
    kind: str | None, values: Mapping[str, Any], stream: Mapping[str, Any], problem: str | None
) -> tuple[Any, ...]:
    texts = []
    for name in (*_TEXTS, *_RAW_NUMBERS):
        text = values.get(name)
        if text is None:
            text = next((values[alias] for alias in _ALIASES.get(name, ()) if alias in values), None)
        if text is not None and not text.isascii():
            text = text.encode("utf-8", "replace").decode("utf-8")  # half a surrogate pair is no text
        texts.append(text)
    numbers = [_finite(stream.get(name)) for name in _STREAM]
    return (kind, *texts, *numbers, None if problem is None else problem.encode("utf-8", "replace").decode())


def _first(value: Any) -> str:
    return str(value[0]) if isinstance(value, list) and value else str(value)


def _finite(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError, struct.error):
        return None
    return number if math.isfinite(number) else None


def _cleaned(name: str) -> pl.Expr:
    return (
        pl.col(name)
        .str.replace_all(_UNWANTED, " ")
        .str.replace_all(r"\s+", " ")
        .str.strip_chars()
        .str.head(MAX_TEXT)
        .str.strip_chars_end()
        .str.normalize("NFC")
        .replace("", None)
    )


def _integer(name: str, low: int, high: int) -> pl.Expr:
    number = pl.col(name).str.extract(r"^\s*([0-9]{1,6})").cast(pl.Int32)
    return _within(number, low, high)


def _within(number: pl.Expr, low: int, high: int) -> pl.Expr:
    return pl.when(number.is_between(low, high)).then(number)


def _decibels(name: str) -> pl.Expr:
    gain = pl.col(name).str.extract(r"^\s*([+-]?[0-9]{1,3}(?:\.[0-9]+)?)").cast(pl.Float32, strict=False)
    return pl.when(gain.is_between(-100, 100)).then(gain)


def _positive(name: str, limit: float) -> pl.Expr:
    number = pl.col(name)
    return pl.when((number > 0) & (number <= limit)).then(number)
