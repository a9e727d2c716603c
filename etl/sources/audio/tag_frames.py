"""Raw tags, cleaned in one vectorised pass over a frame of files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import polars as pl

from etl.sources.audio.tag_fields import TEXTS
from etl.sources.audio.tag_readers import STREAM
from etl.sources.audio.tags import MAX_TEXT, RAW_TEXTS

if TYPE_CHECKING:
    from collections.abc import Sequence

RAW_SCHEMA: Final[dict[str, Any]] = {
    "kind": pl.String,
    **dict.fromkeys(RAW_TEXTS, pl.String),
    **dict.fromkeys(STREAM, pl.Float64),
    "problem": pl.String,
}
"""What `etl.sources.audio.tags.read_tags` gives for a file, before all values of some fields."""

# Control characters, byte order marks, and the marks that turn the direction of the text around them; the
# joiners that Indic scripts, Persian and emoji need stay.
_UNWANTED: Final = r"[\p{Cc}\u{FEFF}\u{FFFE}\u{FFFF}\u{202A}-\u{202E}\u{2066}-\u{2069}]+"
_MBID: Final = r"^\s*([0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12})"
_ISRC: Final = r"^([A-Z]{2}[A-Z0-9]{3}[0-9]{7})$"
_NUMBER: Final = r"[^/;,]+"
"""One of several ISRCs or MusicBrainz ids, as ID3v2.3 joins them."""

_SIDE: Final = r"^\s*([A-Za-z]{1,2})\s*([0-9]{0,2})\s*$"
_DATE: Final = r"([0-9]{4}(?:-(?:0[1-9]|1[0-2])(?:-(?:0[1-9]|[12][0-9]|3[01]))?)?)"
_R128_TO_REPLAYGAIN_DB: Final = 5.0
"""R128 gains aim at -23 LUFS, ReplayGain 2 at -18."""

_VALUES: Final[dict[str, Any]] = {"file": pl.UInt32, "field": pl.String, "value": pl.String}


def tags_frame(rows: Sequence[tuple[Any, ...]]) -> pl.DataFrame:
    """Clean the rows of `etl.sources.audio.tags.read_tags`.

    Parameters
    ----------
    rows
        One per file.

    Returns
    -------
    DataFrame
        In the order of ``rows``: columns of table ``tracks`` but its key, ``kind`` and ``problem``; what
        makes no sense is null.
    """
    columns = zip(*(row[: len(RAW_SCHEMA)] for row in rows), strict=True) if rows else [[]] * len(RAW_SCHEMA)
    raw = pl.DataFrame(dict(zip(RAW_SCHEMA, columns, strict=True)), schema=RAW_SCHEMA)
    track, disc = pl.col("track"), pl.col("disc")
    return raw.select(
        "kind",
        *(_valid(pl.lit(name), pl.col(name)).alias(name) for name in TEXTS if name != "key"),
        _integer(track.str.replace(_SIDE, "$2"), 1, 9999).alias("track_number"),
        track.str.extract(_SIDE, 1).str.to_uppercase().alias("track_side"),
        pl.coalesce(_integer(pl.col("track_total"), 1, 9999), _total(track)).alias("track_total"),
        _integer(disc, 1, 999).alias("disc_number"),
        pl.coalesce(_integer(pl.col("disc_total"), 1, 999), _total(disc)).alias("disc_total"),
        pl.col("year").str.extract(r"([0-9]{4})").cast(pl.Int32).pipe(_within, 1000, 2999).alias("year"),
        pl.col("year").str.extract(_DATE).alias("release_date"),
        pl.col("originaldate").str.extract(_DATE).alias("original_date"),
        _decimal(pl.col("bpm")).pipe(_within, 1, 1000).alias("tagged_bpm"),
        _cleaned(pl.col("key")).alias("tagged_key"),
        _is_yes(pl.col("compilation")).alias("is_compilation"),
        _gain("track").alias("replaygain_track_db"),
        _gain("album").alias("replaygain_album_db"),
        _positive("duration", 30 * 24 * 3600.0).alias("duration_s"),
        _positive("bitrate", 1e6).alias("bitrate_kbps"),
        _positive("samplerate", 1e7).cast(pl.Int32).alias("sample_rate_hz"),
        _positive("channels", 256.0).cast(pl.Int32),
        _positive("bitdepth", 64.0).cast(pl.Int32).alias("bit_depth"),
        pl.col("is_lossless").cast(pl.Boolean),
        "problem",
    )


def tag_values(rows: Sequence[tuple[Any, ...]], track_ids: pl.Series) -> pl.DataFrame:
    """Clean all values of the fields that may have several.

    Parameters
    ----------
    rows
        As `etl.sources.audio.tags.read_tags` gives them.
    track_ids
        One for each row.

    Returns
    -------
    DataFrame
        ``track_id``, ``field``, ``position`` (from 1), ``value``; genres, ISRCs and MusicBrainz ids that a
        text joins are taken apart.
    """
    pairs = [(number, *pair) for number, row in enumerate(rows) for pair in row[len(RAW_SCHEMA)]]
    columns = zip(*pairs, strict=True) if pairs else [[]] * len(_VALUES)
    values = pl.DataFrame(dict(zip(_VALUES, columns, strict=True)), schema=_VALUES)
    field, value = pl.col("field"), pl.col("value")
    is_number = (field == "isrc") | field.str.starts_with("musicbrainz")
    return (
        values.with_columns(
            pl.when(field == "genre")
            .then(value.str.split(";"))
            .when(is_number)
            .then(value.str.extract_all(_NUMBER))
            .otherwise(pl.concat_list("value"))
        )
        .explode("value")
        .with_columns(_valid(pl.col("field"), pl.col("value")))
        .drop_nulls("value")
        .unique(["file", "field", "value"], keep="first", maintain_order=True)
        .select(
            pl.col("file")
            .replace_strict(range(len(track_ids)), track_ids, return_dtype=pl.String)
            .alias("track_id"),
            "field",
            position=pl.int_range(1, pl.len() + 1).over("file", "field"),
            value="value",
        )
    )


def _cleaned(text: pl.Expr) -> pl.Expr:
    return (
        text.str.replace_all(_UNWANTED, " ")
        .str.replace_all(r"\s+", " ")
        .str.strip_chars()
        .str.head(MAX_TEXT)
        .str.strip_chars_end()
        .str.normalize("NFC")
        .replace("", None)
    )


def _isrc(text: pl.Expr) -> pl.Expr:
    first = _cleaned(text).str.extract(f"({_NUMBER})")
    return first.str.to_uppercase().str.replace_all(r"[\s-]", "").str.extract(_ISRC)


def _valid(field: pl.Expr, value: pl.Expr) -> pl.Expr:
    return (
        pl.when(field == "isrc")
        .then(_isrc(value))
        .when(field.str.starts_with("musicbrainz"))
        .then(value.str.to_lowercase().str.extract(_MBID))
        .otherwise(_cleaned(value))
        .alias("value")
    )


def _integer(text: pl.Expr, low: int, high: int) -> pl.Expr:
    return _within(text.str.extract(r"^\s*([0-9]{1,6})").cast(pl.Int32), low, high)


def _total(text: pl.Expr) -> pl.Expr:
    return _within(text.str.extract(r"^[^/]*/\s*([0-9]{1,4})").cast(pl.Int32), 1, 9999)


def _within(number: pl.Expr, low: float, high: float) -> pl.Expr:
    return pl.when(number.is_between(low, high)).then(number)


def _decimal(text: pl.Expr) -> pl.Expr:
    """Read the number that text begins with; some write commas."""
    number = text.str.extract(r"^\s*([+-]?[0-9]{1,6}(?:[.,][0-9]+)?)").str.replace(",", ".", literal=True)
    return number.cast(pl.Float32, strict=False)


def _gain(what: str) -> pl.Expr:
    """ReplayGain in dB, else the gain of R128, which is in 1/256 dB."""
    r128 = pl.col(f"r128_{what}_gain").str.extract(r"^\s*([+-]?[0-9]{1,5})\s*$").cast(pl.Float32)
    gain = pl.coalesce(_decimal(pl.col(f"replaygain_{what}_gain")), r128 / 256 + _R128_TO_REPLAYGAIN_DB)
    return _within(gain, -100, 100)


def _is_yes(text: pl.Expr) -> pl.Expr:
    word = text.str.strip_chars().str.to_lowercase()
    return (
        word.replace_strict(
            {"1": "1", "true": "1", "yes": "1", "0": "0", "false": "0", "no": "0"}, default=None
        )
        == "1"
    )


def _positive(name: str, limit: float) -> pl.Expr:
    number = pl.col(name)
    return pl.when((number > 0) & (number <= limit)).then(number)
