"""What a file's name says: tempo, key, bars and metre, as expressions over a column of names.

Names lie, so each figure comes with how far to trust it. Tempos lie between 40 and 220; a chord such as
``Bbmaj7`` is no key.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from etl.pitch import KEY_INDEX, KEY_NAMES, LETTER_PITCH_CLASS

SLOWEST_BPM: Final = 40
FASTEST_BPM: Final = 220

_GAP: Final = r"[^A-Za-z0-9#♯♭]"
_SHARP: Final = r"#|♯|[ _-]?[Ss]harp"
_FLAT: Final = r"b|♭|[ _-]?[Ff]lat"
# A letter with a mode next to it: Cm, C#m, Bbmin, F_minor, c#maj, D sharp minor.
_KEY_WITH_WORD: Final = (
    rf"(?:^|{_GAP})([A-G])({_SHARP}|{_FLAT})?[ _-]?"
    rf"([Mm]ajor|[Mm]aj|MAJ|MAJOR|[Mm]inor|[Mm]in|MIN|MINOR)(?:{_GAP}|$)"
)
_KEY_LOWER: Final = rf"(?:^|{_GAP})([a-g])(#|♯|♭|b)?(major|maj|minor|min)(?:{_GAP}|$)"
_KEY_M: Final = rf"(?:^|{_GAP})([A-G])(#|♯|♭|b)?(m)(?:{_GAP}|$)"
_KEY_BARE: Final = rf"(?:^|{_GAP})([A-G])(#|♯|♭|b)(?:{_GAP}|$)"
_BPM_AFTER: Final = r"(?i)(?:^|[^0-9.])([0-9]{2,3}(?:\.[0-9]{1,2})?)[ _-]?bpm"
_BPM_BEFORE: Final = r"(?i)bpm[ _-]?([0-9]{2,3}(?:\.[0-9]{1,2})?)(?:[^0-9]|$)"
_NUMBER: Final = r"(?:^|[ _\-.()\[\]])[0-9]{2,3}(?:$|[ _\-.()\[\]])"
_BARS: Final = r"(?i)(?:^|[^0-9])([0-9]{1,3})[ _-]?bars?(?:[^a-z]|$)"
_METRE: Final = r"(?:^|[ _.()\[\]])([1-9][0-9]?)-(2|4|8|16)(?:$|[ _.()\[\]])"


def with_name_figures(frame: pl.LazyFrame) -> pl.LazyFrame:
    """Add what the names say.

    Parameters
    ----------
    frame
        Needs ``stem: str``, the file name without its ending.

    Returns
    -------
    LazyFrame
        ``frame`` with ``name_bpm: f64`` (40-220) and ``name_bpm_confidence`` (0.95 where the name says bpm,
        0.5 for a lone number), ``name_key: str`` (as in `etl.pitch.KEY_NAMES`) and ``name_key_confidence``,
        ``name_bars: i16``, ``name_metre: str`` (``4/4``); null where the name is silent.
    """
    return _with_key(_with_bpm(frame)).with_columns(
        name_bars=pl.col("stem").str.extract(_BARS).cast(pl.Int16),
        name_metre=pl.col("stem").str.extract(_METRE, 1) + "/" + pl.col("stem").str.extract(_METRE, 2),
    )


def _with_bpm(frame: pl.LazyFrame) -> pl.LazyFrame:
    said = pl.coalesce(pl.col("stem").str.extract(_BPM_AFTER), pl.col("stem").str.extract(_BPM_BEFORE)).cast(
        pl.Float64
    )
    # Lone numbers: the last that may be a tempo, since an index comes first (1_rock_120_beat).
    # Doubled separators let neighbouring words both match.
    lone = (
        pl.col("stem")
        .str.replace_all(r"[ _\-.()\[\]]", "$0$0")
        .str.extract_all(_NUMBER)
        .list.eval(pl.element().str.extract(r"([0-9]+)").cast(pl.Float64))
    )
    inside = pl.element().is_between(SLOWEST_BPM, FASTEST_BPM)
    candidates = lone.list.eval(pl.element().filter(inside)).list.last()
    trusted = said.is_between(SLOWEST_BPM, FASTEST_BPM)
    return frame.with_columns(
        name_bpm=pl.when(trusted).then(said).otherwise(candidates),
        name_bpm_confidence=pl.when(trusted).then(0.95).when(candidates.is_not_null()).then(0.5),
    )


def _key_of(pattern: str, *, mode: bool) -> pl.Expr:
    """Key number from a pattern's letter, accidental and (with ``mode``) mode."""
    letter = pl.col("stem").str.extract(pattern, 1).str.to_uppercase()
    accidental = pl.col("stem").str.extract(pattern, 2).str.to_lowercase().fill_null("")
    shift = (
        pl.when(accidental.str.contains("#|♯|sharp"))
        .then(1)
        .when(accidental.str.contains("b|♭|flat"))
        .then(-1)
        .otherwise(0)
    )
    pitch_class = (
        letter.replace_strict(LETTER_PITCH_CLASS, default=None, return_dtype=pl.Int16) + shift
    ) % 12
    if not mode:
        return pitch_class
    word = pl.col("stem").str.extract(pattern, 3).str.to_lowercase()
    return pitch_class + pl.when(word.str.starts_with("maj")).then(0).otherwise(12)


def _with_key(frame: pl.LazyFrame) -> pl.LazyFrame:
    worded = pl.coalesce(_key_of(_KEY_WITH_WORD, mode=True), _key_of(_KEY_LOWER, mode=True))
    short = _key_of(_KEY_M, mode=True)
    # "I Am" is English.
    short = (
        pl.when(pl.col("stem").str.contains(r"(?:^|[^A-Za-z])I[ _-]Am(?:[^A-Za-z]|$)"))
        .then(None)
        .otherwise(short)
    )
    bare = _key_of(_KEY_BARE, mode=False)
    number = pl.coalesce(worded, short, bare)
    return frame.with_columns(
        name_key=number.replace_strict(dict(enumerate(KEY_NAMES)), default=None, return_dtype=pl.String),
        name_key_confidence=pl.when(worded.is_not_null())
        .then(0.9)
        .when(short.is_not_null())
        .then(0.8)
        .when(bare.is_not_null())
        .then(0.5),
    )


def parse_key(text: str) -> str | None:
    """Read one key as a person types it: ``Am``, ``F# minor``, ``Bb``, ``C Major``; None if it is none.

    Examples
    --------
    >>> parse_key("Am"), parse_key("Bb"), parse_key("C"), parse_key("Bbmaj7")
    ('A Minor', 'Bb Major', 'C Major', None)
    """
    if text in KEY_INDEX:
        return text
    if text in LETTER_PITCH_CLASS:
        return KEY_NAMES[LETTER_PITCH_CLASS[text]]
    name: str | None = _with_key(pl.LazyFrame({"stem": [text]})).collect()["name_key"][0]
    return name
