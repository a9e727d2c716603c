"""What names of files and folders say: tempo, key, bars and metre, as expressions over a column of names.

Names lie, so each figure comes with how far to trust it. Tempos lie between 40 and 220; a chord such as
``Bbmaj7`` is no key, nor is what an English title begins with (*A Minor Incident*), and the number in a title
(*Route 66*) is no tempo.
"""

from __future__ import annotations

import re
from typing import Final

import polars as pl

from etl.midi.tag_words import WORDS
from etl.music.keys import CAMELOT, KEY_INDEX, KEY_NAMES
from etl.music.pitch_classes import LETTER_PITCH_CLASS

SLOWEST_BPM: Final = 40
FASTEST_BPM: Final = 220

_NAME: Final = pl.col("stem")
_SPACED: Final = "stem_spaced"
_IS_TITLE: Final = "may_be_title"

# Patterns see names with blanks for underscores.
_GAP: Final = r"[^A-Za-z0-9#♯♭]"
_SIGN: Final = r"#|♯|♭|b"
_MODE: Final = r"[Mm]ajor|[Mm]aj|MAJ|MAJOR|[Mm]inor|[Mm]in|MIN|MINOR"
# Each has one group, a key as it is typed: a letter with a mode next to it, as in Cm, C#m, Bbmin, F_minor,
# c#maj, D sharp minor; Fsmin as safe names have it.
_KEY_WITH_WORD: Final = (
    rf"(?:^|{_GAP})([A-G](?:{_SIGN}|[ -]?[Ss]harp|[ -]?[Ff]lat|s)?[ -]?(?:{_MODE}))(?:{_GAP}|$)"
)
_KEY_LOWER: Final = rf"(?:^|{_GAP})([a-g](?:{_SIGN})?(?:major|maj|minor|min))(?:{_GAP}|$)"
_KEY_LOWER_APART: Final = rf"(?:^|{_GAP})([b-g](?:{_SIGN})?[ -](?:major|minor))(?:{_GAP}|$)"  # a major hit
_KEY_ITSELF: Final = r"(?:(?:^|[^A-Za-z])(?:[Kk]ey|KEY)|[a-z]Key)"  # no donkey
_KEY_SAID: Final = (
    rf"{_KEY_ITSELF}(?:[ :=-]+(?:of|in|is))?[ :=-]+"
    rf"([A-G](?:{_SIGN})?(?:m|{_MODE})?)(?:{_GAP}|$)"
)
_KEY_JOINED: Final = rf"{_KEY_ITSELF}([A-G](?:{_SIGN})?(?:m|{_MODE}))(?:{_GAP}|$)"
_KEY_M: Final = rf"(?:^|{_GAP})([A-G](?:{_SIGN}|s)?m|[a-g][#♯]m)(?:{_GAP}|$)"
_KEY_BARE: Final = rf"(?:^|{_GAP})([A-G](?:{_SIGN}))(?:{_GAP}|$)"
_KEY_OF_PIECE: Final = rf"[a-z] in ([A-G](?:{_SIGN})?)(?: *[(\[,-]|$)"  # Prelude in C
# cis-Moll, B-Dur: as the Germans, and Poles and Scandinavians, write them.
_KEY_GERMAN: Final = rf"(?:^|{_GAP})([A-Ha-h](?:is|es|s)?[ -]?(?:[Dd]ur|[Mm]oll|DUR|MOLL))(?:{_GAP}|$)"
# A place on the Camelot wheel, beside a tempo only: 8A - 124. Bank 8A is none.
_WHEEL: Final = r"(?:1[0-2]|[1-9])[ABab]"
_WHEEL_FIRST: Final = rf"(?:^|[ (\[-])({_WHEEL})[ )\]-]+[0-9]{{2,3}}(?:\.[0-9]+)?(?: ?bpm)?(?:[ )\]-]|$)"
_WHEEL_LAST: Final = rf"(?:^|[ (\[-])[0-9]{{2,3}}(?:\.[0-9]+)?(?: ?(?i:bpm))?[ (\[-]+({_WHEEL})(?:[ )\]-]|$)"
# "Here I Am", "Am I Wrong"; a chord with more to it than a triad; three chords in a row: none is a key.
_ENGLISH: Final = r"\b(?:I[ -]Am|Am[ -]I)\b"
_TITLE: Final = r"^(?:A (?:[Mm]inor|[Mm]ajor)|Am) [A-Za-z]{2}[^0-9]*$"  # Am is a word of German too
_RICH_CHORD: Final = (
    r"\b[A-G](?:#|♯|♭|b)?[ -]?"
    r"(?:(?:[Mm]aj|[Mm]in|m|M|[Dd]om)?(?:6|7|9|11|13)|(?:[Dd]im|[Ss]us|[Aa]ug|[Aa]dd)[0-9]*)\b"
)
_WRITTEN_FOR: Final = (
    r"(?i:clarinet|trumpet|cornet|horn|bugle|sax(?:ophone)?)s? in [A-G]b?(?: *[(\[,-]| [0-9]|$)"
)
_ONE_OF_TWO: Final = rf"[A-G](?:{_SIGN})?[ -]?(?:{_MODE}|m)"
_TWO_KEYS: Final = rf"\b{_ONE_OF_TWO} ?(?:-|&|\+|and|und|et|or|to) ?{_ONE_OF_TWO}\b"  # C Major - A Minor
_CHORD: Final = r"[A-G](?:#|♯|♭|b)?(?:maj|min|m|dim|sus|aug)?[0-9]*"
_CHORD_RUN: Final = rf"\b{_CHORD}(?:[ ,>-]+{_CHORD}){{2,}}(?:{_GAP}|$)"
_BPM_AFTER: Final = r"(?i)(?:^|[^0-9.,])([0-9]{2,3}(?:[.,][0-9]{1,2})?)[ -]?bpm"
_BPM_RANGE: Final = (
    r"(?i)\b(?:(?:[4-9][0-9]|1[0-9]{2}) ?(?:bpm)? ?(?:-|\u2013|to|bis|a|à)|below|under|above|over|unter|über)"
    r" ?[0-9]{2,3} ?bpm"
)
_BPM_BEFORE: Final = r"(?i)(?:bpm|\btempo)[ :=-]*([0-9]{2,3}(?:\.[0-9]{1,2})?)(?:[^0-9s']|$)"  # Up-Tempo 80s
_NUMBER: Final = r"(?:^|[ \-.()\[\]])[0-9]{2,3}(?:$|[ \-.()\[\]])"
# Numbers that count or number something else.
_COUNTED: Final = (
    r"(?i)\b[0-9]+[ -]?bars?\b"
    r"|\b(?:track|trk|take|no|n[°º]|nr|num|n[uú]m(?:er|mer)o|nummer|vol|volume|part|pt|kit|op|opus|bwv|kv?|rv|hwv"
    r"|twv|page|seite|vel|velocity|ch|channel|bank|program|preset|bars?|v|route|highway|room|level|chapter"
    r"|summer of|symphony|s[iy][mn](?:f|ph)oni[ae]|sonat[ae]|concerto|psalm|hymn|lied|lesson|exercise|hanon"
    r"|czerny|mikrokosmos|hits|juno|mpc)"
    r"[ .#-]*[0-9]+\b"
    r"|\b(?:[0-9]{1,2}|[0-9]{4})[.-][0-9]{1,2}[.-](?:[0-9]{2}|[0-9]{4})\b"  # a date
)
_OF_MUSIC: Final = rf"(?i)\b(?:{'|'.join(WORDS['word'])}|groove|beat|riff|idea|mel)s?[0-9]*\b"
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
        Needs ``stem: str``, the file name without its ending; in ``folder: str``, if it is there, the nearest
        folder that says a key, or says bpm, is asked where the name is silent.

    Returns
    -------
    LazyFrame
        ``frame`` with ``name_bpm: f64`` (40-220) and ``name_bpm_confidence`` (0.95 where the name says bpm,
        0.5 for a lone number), ``name_key: str`` (as in `etl.music.keys.KEY_NAMES`) and
        ``name_key_confidence``, ``name_bars: i16``, ``name_metre: str`` (``4/4``); null where the name is
        silent. What a folder says is trusted a little less.
    """
    named = _with_bpm(_with_key(_spaced(frame, _NAME))).with_columns(
        name_bars=pl.col(_SPACED).str.extract(_BARS).cast(pl.Int16),
        name_metre=pl.col(_SPACED)
        .str.replace_all(_COUNTED, " ")
        .str.extract(_METRE)
        .str.replace("-", "/", literal=True),
    )
    if "folder" in frame.collect_schema():
        named = _with_folders(named)
    return named.drop(_SPACED, _IS_TITLE)


def _spaced(frame: pl.LazyFrame, name: pl.Expr) -> pl.LazyFrame:
    """Add names with blanks for underscores, and whether they may be titles.

    Names without a blank are none, nor are those with a word of music.
    """
    spaced = name.str.replace_all("_", " ", literal=True)
    is_title = name.str.contains(" ", literal=True) & ~spaced.str.contains(_OF_MUSIC)
    return frame.with_columns(spaced.alias(_SPACED), is_title.alias(_IS_TITLE))


_FIGURES: Final = ("name_bpm", "name_bpm_confidence", "name_key", "name_key_confidence")
_LONE: Final = 0.5  # trust in a number or a letter alone
_ASIDE: Final = 0.95  # times as much as a file's name are folders and tracks trusted
_MAY_SAY: Final = (
    rf"(?i:bpm|\btempo\b|\bkey\b|m(?:in|aj)(?:or)?\b)|(?:^|{_GAP})[A-G](?:{_SIGN})?m(?:{_GAP}|$)"
)


def with_track_figures(names: pl.DataFrame | None, parts: pl.DataFrame) -> pl.DataFrame | None:
    """Fill in what the names of tracks say where those of file and folders are silent.

    Parameters
    ----------
    names
        ``file`` and what `with_name_figures` finds, at most once per file; None: nothing.
    parts
        ``file`` and ``name`` of each part. Where the parts of a file disagree, they say nothing.

    Returns
    -------
    DataFrame or None
        ``names``; without any, ``file`` and the tempos and keys that tracks say.
    """
    found = parts.select("file", "name").filter(pl.col("name").str.contains(_MAY_SAY))
    if found.is_empty():  # as nearly always
        return names
    texts = found.lazy()
    agreed = (
        pl.when(pl.col(f"name_{figure}").drop_nulls().n_unique() == 1).then(pl.col(name).max()).alias(name)
        for figure in ("bpm", "key")
        for name in (f"name_{figure}", f"name_{figure}_confidence")
    )
    said = texts.join(_said(texts.select(pl.col("name").unique()), pl.col("name")), on="name")
    of_files = said.group_by("file", maintain_order=True).agg(agreed).collect(engine="in-memory")
    if names is None:
        return of_files
    return _filled(names.lazy(), of_files.lazy(), "file").collect(engine="in-memory")


def _with_folders(named: pl.LazyFrame) -> pl.LazyFrame:
    """Fill in what folders say, the nearest first."""
    folders = named.select(pl.col("folder").unique()).drop_nulls()
    nearest_first = pl.col("folder").str.split("/").list.reverse().list.join(" / ")
    return _filled(named, _said(folders, nearest_first), "folder")


def _said(frame: pl.LazyFrame, name: pl.Expr) -> pl.LazyFrame:
    """Add what names beside a file's own say; numbers and letters alone say nothing there."""
    found = _with_bpm(_with_key(_spaced(frame, name))).drop(_SPACED, _IS_TITLE)
    return found.with_columns(
        pl.when(pl.col(f"name_{figure}_confidence") > _LONE).then(value).name.keep()
        for figure in ("bpm", "key")
        for value in (pl.col(f"name_{figure}"), pl.col(f"name_{figure}_confidence") * _ASIDE)
    )


def _filled(named: pl.LazyFrame, said: pl.LazyFrame, on: str) -> pl.LazyFrame:
    others = {name: f"{name}_aside" for name in _FIGURES}
    return (
        named.join(said.rename(others), on=on, how="left", maintain_order="left")
        .with_columns(pl.coalesce(name, other).alias(name) for name, other in others.items())
        .drop(others.values())
    )


def _with_bpm(frame: pl.LazyFrame) -> pl.LazyFrame:
    """Add tempos to names that `_with_key` has seen; steps have columns, since a long plan takes long."""
    bare = frame.with_columns(pl.col(_SPACED).str.replace_all(_BPM_RANGE, " ").alias("name_bare"))
    name, said = pl.col("name_bare"), pl.col("name_said")
    # Lone numbers: the last that may be a tempo, since an index comes first (1_rock_120_beat).
    # Doubled separators let neighbouring words both match.
    lone = (
        name.str.replace_all(_COUNTED, " ")
        .str.replace_all(r"[ \-.()\[\]]", "$0$0")
        .str.extract_all(_NUMBER)
        .list.eval(pl.element().str.extract(r"([0-9]+)").cast(pl.Float64))
        .list.eval(pl.element().filter(pl.element().is_between(SLOWEST_BPM, FASTEST_BPM)))
        .list.last()
    )
    is_title = pl.col(_IS_TITLE) & pl.col("name_key").is_null()  # Route 66
    return (
        bare.with_columns(
            name_said=pl.coalesce(name.str.extract(_BPM_AFTER), name.str.extract(_BPM_BEFORE))
            .str.replace(",", ".", literal=True)
            .cast(pl.Float64),
            name_lone=lone,
        )
        .with_columns(
            pl.when(said.is_between(SLOWEST_BPM, FASTEST_BPM)).then("name_said").name.keep(),
            pl.when(said.is_null() & ~is_title).then("name_lone").name.keep(),
        )
        .with_columns(
            name_bpm=pl.coalesce("name_said", "name_lone"),
            name_bpm_confidence=pl.when(said.is_not_null())
            .then(0.95)
            .when(pl.col("name_lone").is_not_null())
            .then(_LONE),
        )
        .drop("name_bare", "name_said", "name_lone")
    )


_TYPED: Final = {
    f"{letter}{sign}{mode}".lower(): KEY_NAMES[(number + shift) % 12 + 12 * (mode in {"m", "min", "minor"})]
    for letter, number in LETTER_PITCH_CLASS.items()
    for sign, shift in {"": 0, "#": 1, "♯": 1, "s": 1, "sharp": 1, "b": -1, "♭": -1, "flat": -1}.items()
    for mode in ("", "maj", "major", "m", "min", "minor")
}
"""Keys by how they are typed, in lower case and without blanks and hyphens."""
_IN_GERMAN: Final = {
    f"{letter}{sign}{mode}": KEY_NAMES[(number + shift) % 12 + 12 * (mode == "moll")]
    for letter, number in zip("cdefgahb", (0, 2, 4, 5, 7, 9, 11, 10), strict=True)
    for sign, shift in {"": 0, "is": 1, "es": -1, "s": -1}.items()
    for mode in ("dur", "moll")
    if sign != "s" or letter in "ae"
}

_KEY_STEPS: Final = (
    ("name_worded", 0.9, (_KEY_SAID, _KEY_JOINED, _KEY_WITH_WORD, _KEY_LOWER, _KEY_LOWER_APART, _KEY_GERMAN)),
    ("name_short", 0.8, (_KEY_M,)),
    ("name_bare", _LONE, (_KEY_BARE, _KEY_OF_PIECE)),
)
"""Patterns by how far they are trusted; no list of chords is a key of the last two."""
_ON_WHEEL: Final = dict(zip(CAMELOT, KEY_NAMES, strict=True))


def _with_key(frame: pl.LazyFrame) -> pl.LazyFrame:
    """Add keys; steps have columns, since one long expression takes long to plan."""
    whole, keyed = pl.col("name_whole"), pl.col("name_keyed")
    without_title = pl.when(_IS_TITLE).then(pl.col(_SPACED).str.replace(_TITLE, "")).otherwise(_SPACED)
    is_plain = ~whole.str.contains(f"{_ENGLISH}|{_CHORD_RUN}")
    places = pl.coalesce(whole.str.extract(pattern) for pattern in (_WHEEL_FIRST, _WHEEL_LAST))
    steps = [name for name, _, _ in _KEY_STEPS]
    typed = (
        pl.coalesce(keyed.str.extract(pattern) for pattern in patterns)
        .str.replace_all(r"[ -]", "")
        .str.to_lowercase()
        .replace_strict(_TYPED | _IN_GERMAN, default=None, return_dtype=pl.String)
        .alias(name)
        for name, _, patterns in _KEY_STEPS
    )
    trust = (pl.when(pl.col(name).is_not_null()).then(by) for name, by, _ in _KEY_STEPS)
    return (
        frame.with_columns(name_whole=without_title)
        .with_columns(
            name_keyed=whole.str.replace_all(f"{_WRITTEN_FOR}|{_TWO_KEYS}|{_RICH_CHORD}", "|"),
            name_plain=is_plain,
        )
        .with_columns(
            *typed,
            name_place=places.str.to_uppercase().replace_strict(
                _ON_WHEEL, default=None, return_dtype=pl.String
            ),
        )
        .with_columns(pl.when("name_plain").then(pl.col(*steps[1:])).name.keep())
        .with_columns(name_bare=pl.coalesce("name_bare", "name_place"))
        .with_columns(name_key=pl.coalesce(steps), name_key_confidence=pl.coalesce(trust))
        .drop("name_whole", "name_keyed", "name_plain", "name_place", *steps)
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
