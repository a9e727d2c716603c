"""What a file's name says: tempo, key, bars and metre, as expressions over a column of names.

Names lie, so each figure comes with how far to trust it. Tempos lie between 40 and 220; a chord such as
``Bbmaj7`` is no key.
"""

from __future__ import annotations

import re
from typing import Final

import polars as pl

from etl.music.keys import KEY_INDEX, KEY_NAMES
from etl.music.pitch_classes import LETTER_PITCH_CLASS

SLOWEST_BPM: Final = 40
FASTEST_BPM: Final = 220

_NAME: Final = pl.col("stem")
_SPACED: Final = "stem_spaced"

# Patterns see names with blanks for underscores.
_GAP: Final = r"[^A-Za-z0-9#♯♭]"
_SIGN: Final = r"#|♯|♭|b"
_MODE: Final = r"[Mm]ajor|[Mm]aj|MAJ|MAJOR|[Mm]inor|[Mm]in|MIN|MINOR"
# A letter with a mode next to it: Cm, C#m, Bbmin, F_minor, c#maj, D sharp minor; Fsmin as safe names have it.
_KEY_WITH_WORD: Final = (
    rf"(?:^|{_GAP})([A-G])({_SIGN}|[ -]?[Ss]harp|[ -]?[Ff]lat|s)?[ -]?({_MODE})(?:{_GAP}|$)"
)
_KEY_LOWER: Final = rf"(?:^|{_GAP})([a-g])({_SIGN})?(major|maj|minor|min)(?:{_GAP}|$)"
_KEY_SAID: Final = (
    rf"(?:^|{_GAP})(?:[Kk]ey|KEY)(?:[ :=-]+(?:of|in|is))?[ :=-]+([A-G])({_SIGN})?(m|{_MODE})?(?:{_GAP}|$)"
)
_KEY_M: Final = rf"(?:^|{_GAP})([A-G])({_SIGN}|s)?(m)(?:{_GAP}|$)"
_KEY_SHARP_M: Final = rf"(?:^|{_GAP})([a-g])(#|♯)(m)(?:{_GAP}|$)"
_KEY_BARE: Final = rf"(?:^|{_GAP})([A-G])({_SIGN})(?:{_GAP}|$)"
# "Here I Am", "Am I Wrong"; a chord with more to it than a triad; three chords in a row: none is a key.
_ENGLISH: Final = r"\b(?:I[ -]Am|Am[ -]I)\b"
_RICH_CHORD: Final = (
    r"\b[A-G](?:#|♯|♭|b)?[ -]?"
    r"(?:(?:[Mm]aj|[Mm]in|m|M|[Dd]om)?(?:6|7|9|11|13)|(?:[Dd]im|[Ss]us|[Aa]ug|[Aa]dd)[0-9]*)\b"
)
_CHORD: Final = r"[A-G](?:#|♯|♭|b)?(?:maj|min|m|dim|sus|aug)?[0-9]*"
_CHORD_RUN: Final = rf"\b{_CHORD}(?:[ ,>-]+{_CHORD}){{2,}}(?:{_GAP}|$)"
_BPM_AFTER: Final = r"(?i)(?:^|[^0-9.])([0-9]{2,3}(?:\.[0-9]{1,2})?)[ -]?bpm"
_BPM_BEFORE: Final = r"(?i)(?:bpm|\btempo)[ :=-]*([0-9]{2,3}(?:\.[0-9]{1,2})?)(?:[^0-9]|$)"
_NUMBER: Final = r"(?:^|[ \-.()\[\]])[0-9]{2,3}(?:$|[ \-.()\[\]])"
# Numbers that count or number something else.
_COUNTED: Final = (
    r"(?i)\b[0-9]+[ -]?bars?\b"
    r"|\b(?:track|trk|take|no|nr|vol|volume|part|pt|kit|op|opus|bwv|kv?|page|vel|velocity|ch|channel|bank|program"
    r"|preset|bars?|v)[ .#-]*[0-9]+\b"
)
_BARS: Final = r"(?i)(?:^|[^0-9])([1-9][0-9]{0,2})[ -]?bars?(?:[^a-z]|$)"
_METRE: Final = (
    r"(?:^|[ .()\[\]])(2-2|3-2|[2-9]-4|(?:3|5|6|7|9|10|11|12)-8|(?:5|6|7|9|11|12|13|15)-16)(?:$|[ .()\[\]])"
)


_SIGNS: Final = {None: 0, "s": 1, "sharp": 1, "b": -1, "flat": -1}
_SAFE_KEY: Final = re.compile(
    r"(?<![A-Za-z0-9])([A-Ga-g])(s|sharp|b|flat)?(_?)(maj(?:or)?|min(?:or)?|m)(?![A-Za-z0-9])"
)


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
        0.5 for a lone number), ``name_key: str`` (as in `etl.music.keys.KEY_NAMES`) and
        ``name_key_confidence``, ``name_bars: i16``, ``name_metre: str`` (``4/4``); null where the name is
        silent.
    """
    spaced = frame.with_columns(_NAME.str.replace_all("_", " ", literal=True).alias(_SPACED))
    return (
        _with_key(_with_bpm(spaced))
        .with_columns(
            name_bars=pl.col(_SPACED).str.extract(_BARS).cast(pl.Int16),
            name_metre=pl.col(_SPACED).str.extract(_METRE).str.replace("-", "/", literal=True),
        )
        .drop(_SPACED)
    )


def _with_bpm(frame: pl.LazyFrame) -> pl.LazyFrame:
    name = pl.col(_SPACED)
    said = pl.coalesce(name.str.extract(_BPM_AFTER), name.str.extract(_BPM_BEFORE)).cast(pl.Float64)
    # Lone numbers: the last that may be a tempo, since an index comes first (1_rock_120_beat).
    # Doubled separators let neighbouring words both match.
    lone = (
        name.str.replace_all(_COUNTED, " ")
        .str.replace_all(r"[ \-.()\[\]]", "$0$0")
        .str.extract_all(_NUMBER)
        .list.eval(pl.element().str.extract(r"([0-9]+)").cast(pl.Float64))
    )
    inside = pl.element().is_between(SLOWEST_BPM, FASTEST_BPM)
    candidates = pl.when(said.is_null()).then(lone.list.eval(pl.element().filter(inside)).list.last())
    trusted = said.is_between(SLOWEST_BPM, FASTEST_BPM)
    return frame.with_columns(
        name_bpm=pl.when(trusted).then(said).otherwise(candidates),
        name_bpm_confidence=pl.when(trusted).then(0.95).when(candidates.is_not_null()).then(0.5),
    )


def _key_of(name: pl.Expr, pattern: str, *, mode: bool = True) -> pl.Expr:
    """Key number from a pattern's letter, accidental and (with ``mode``) mode; major where none is said."""
    letter = name.str.extract(pattern, 1).str.to_uppercase()
    accidental = name.str.extract(pattern, 2).str.to_lowercase().fill_null("")
    shift = (
        pl.when(accidental.str.contains("#|♯|sharp|^s$"))
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
    minor = name.str.extract(pattern, 3).str.to_lowercase().str.contains("^m($|in)").fill_null(value=False)
    return pitch_class + pl.when(minor).then(12).otherwise(0)


def _with_key(frame: pl.LazyFrame) -> pl.LazyFrame:
    whole = pl.col(_SPACED)
    name = whole.str.replace_all(_RICH_CHORD, "|")
    worded = pl.coalesce(_key_of(name, _KEY_SAID), _key_of(name, _KEY_WITH_WORD), _key_of(name, _KEY_LOWER))
    plain = ~(whole.str.contains(_ENGLISH) | whole.str.contains(_CHORD_RUN))
    short = pl.when(plain).then(pl.coalesce(_key_of(name, _KEY_M), _key_of(name, _KEY_SHARP_M)))
    bare = pl.when(plain).then(_key_of(name, _KEY_BARE, mode=False))
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


def restated(stem: str, *, key: tuple[str | None, str | None], bpm: tuple[float | None, float | None]) -> str:
    """Write another key and tempo into a name where it says what they were; other names stay.

    Parameters
    ----------
    stem
        A name as the library has them.
    key, bpm
        What they were and are; None for none.

    Examples
    --------
    >>> restated("71bpm_Fsmin_melody", key=("F# Minor", "Bb Minor"), bpm=(71.0, 120.0))
    '120bpm_Bbmin_melody'
    >>> restated("Chords_Am_128bpm", key=("A Minor", "C Minor"), bpm=(128.0, 128.0))
    'Chords_Cm_128bpm'
    """
    (old_key, new_key), (old_bpm, new_bpm) = key, bpm
    if old_key != new_key and old_key is not None and new_key is not None:
        root = new_key.split()[0].replace("#", "s")

        def in_key(match: re.Match[str]) -> str:
            letter, sign, gap, mode = match.groups()
            pitch_class = (LETTER_PITCH_CLASS[letter.upper()] + _SIGNS[sign]) % 12
            said = KEY_NAMES[pitch_class + 12 * (not mode.startswith("ma"))]
            return f"{root}{gap}{mode}" if said == old_key else match[0]

        stem = _SAFE_KEY.sub(in_key, stem)
    if old_bpm is not None and new_bpm is not None and old_bpm != new_bpm:
        for said in {f"{old_bpm:.0f}", f"{int(old_bpm)}"}:
            stem = re.sub(rf"(?i)(?<![0-9.]){said}(?=[_-]?bpm)", f"{new_bpm:.0f}", stem)
            stem = re.sub(rf"(?i)(bpm[_-]?){said}(?![0-9.])", rf"\g<1>{new_bpm:.0f}", stem)
    return stem


def parse_key(text: str) -> str | None:
    """Read one key as a person types it: ``Am``, ``f# minor``, ``Bb``, ``C Major``; None if it is not one.

    Examples
    --------
    >>> parse_key("Am"), parse_key("f# minor"), parse_key("C"), parse_key("Bbmaj7")
    ('A Minor', 'F# Minor', 'C Major', None)
    """
    text = text.strip()
    if len(text) > 1:  # a small letter alone may be either mode
        text = text[0].upper() + text[1:]
    if text in KEY_INDEX:
        return text
    if text in LETTER_PITCH_CLASS:
        return KEY_NAMES[LETTER_PITCH_CLASS[text]]
    name: str | None = with_name_figures(pl.LazyFrame({"stem": [text]})).collect()["name_key"][0]
    return name
