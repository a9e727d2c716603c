"""Files that hold one song: ChordPro, and chord annotations in Harte's notation (``.lab``).

Conventions
-----------
A ChordPro file is lyrics with chords in brackets; its directives name title, artist and key, and sections,
and ``{new_song}`` begins another song. With a capo, the chords sound so many semitones higher: they are
transposed. The bars of a grid are chords without brackets; tablatures have none. A ``.lab`` file has a line
for each chord: start, end and symbol, with tabs or spaces between. Consecutive equal chords are collapsed.

References
----------
.. [1] ChordPro, file format specification, https://www.chordpro.org/chordpro/chordpro-file-format-specification/
.. [2] Harte, "Towards Automatic Extraction of Harmony Information from Music Signals", 2010: .lab files.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Final

from etl.chords.leadsheet import parse_leadsheet, spell_leadsheet
from etl.chords.notations import Notation, plain_text
from etl.chords.symbols import parse_section

if TYPE_CHECKING:
    from pathlib import Path

CHORDPRO_ENDINGS: Final = (".cho", ".crd", ".chopro", ".chord", ".pro", ".chordpro")
"""What names of ChordPro files end in."""

LAB_ENDING: Final = ".lab"
"""What names of chord annotations end in."""

_DIRECTIVE: Final = re.compile(r"\{\s*([a-z_]+)\s*(?:[:\s]\s*([^{}]*?))?\s*\}", re.IGNORECASE)
_CHORD: Final = re.compile(r"\[([^\]\s*][^\]\s]*)\]|\{([^{}]*)\}")
_NEW_SONG: Final = re.compile(r"^\s*\{\s*(?:new_song|ns)\b[^{}]*\}\s*$", re.MULTILINE | re.IGNORECASE)
_NAMES: Final = {"t": "title", "st": "subtitle"}
_SECTIONS: Final = {"soc": "chorus", "sov": "verse", "sob": "bridge"}
_ENVIRONMENT: Final = re.compile(
    r"\{\s*(?:start_of_(?:tab|abc|ly|svg|textblock|(?P<grid>grid))|sot|(?P<short>sog))\b[^{}]*\}"
    r"(?P<lines>.*?)(?:\{\s*(?:end_of_\w+|eo[tg])\s*\}|\Z)",
    re.IGNORECASE | re.DOTALL,
)
_LAB_LINE: Final = re.compile(r"\s*(\d+(?:\.\d*)?)[\s,]+(\d+(?:\.\d*)?)[\s,]+(\S+)\s*")


def is_song_file(path: Path) -> bool:
    """Whether a file holds one song, by its name."""
    return path.suffix.lower() in {*CHORDPRO_ENDINGS, LAB_ENDING}


def read_songs(path: Path) -> list[Song]:
    """Read a file of one song, or of several in ChordPro; none where it is no annotation as its name says."""
    text = path.read_text(encoding="utf-8-sig")
    if path.suffix.lower() == LAB_ENDING:
        return [song] if (song := read_lab(text)) else []
    songs = [read_chordpro(part) for part in _NEW_SONG.split(text)]
    return [song for song in songs if song.chords or song.title] or songs[:1]


@dataclass(frozen=True)
class Song:
    """One song of a file.

    Attributes
    ----------
    chords
        Chord symbols and section tags, with a space between.
    notation
        What the symbols are spelled in.
    title, artist, key
        As the file says; None where it does not.
    """

    chords: str
    notation: Notation
    title: str | None = None
    artist: str | None = None
    key: str | None = None


def read_chordpro(text: str) -> Song:
    r"""Read the chords and what a ChordPro file says of its song.

    Examples
    --------
    >>> read_chordpro("{title: Song}\n{capo: 2}\n{soc}\n[Am]la [Am]la [G/B]la\n{eoc}").chords
    '<chorus_1> Bm A/C#'
    """
    said: dict[str, str] = {}
    capo = 0
    tokens: list[str] = []
    numbers: dict[str, int] = {}
    for line in _ENVIRONMENT.sub(_bracketed, text).splitlines():
        if line.lstrip().startswith("#"):
            continue
        for match in _CHORD.finditer(line):
            if match[1] is not None:
                tokens.append(match[1])
                continue
            directive = _DIRECTIVE.fullmatch(match[0])
            if directive is None:
                continue
            name, value = directive[1].lower(), (directive[2] or "").strip()
            name = _NAMES.get(name, name)
            section = _SECTIONS.get(name) or (name.startswith("start_of_") and name.removeprefix("start_of_"))
            if section:
                numbers[section] = numbers.get(section, 0) + 1
                tokens.append(f"<{section}_{numbers[section]}>")
            elif name == "capo" and value.isdigit():
                capo = int(value)
            elif name == "meta":
                field, _, rest = value.partition(" ")
                said.setdefault(field.lower(), rest.strip())
            elif value:
                said.setdefault(name, value)
    capo = int(said["capo"]) if said.get("capo", "").isdigit() else capo
    return Song(
        " ".join(token for token, _ in groupby(_transposed(token, capo) for token in tokens)),
        Notation.LEADSHEET,
        said.get("title"),
        said.get("artist") or said.get("subtitle"),
        said.get("key"),
    )


def _bracketed(environment: re.Match[str]) -> str:
    """Write the chords of a grid, which stand between its first bar line and its last, in brackets."""
    if not (environment["grid"] or environment["short"]):
        return ""
    bars = "|".join(re.findall(r"\|.*\|", environment["lines"]))
    return "".join(f"[{token}]" for token in plain_text(bars).split()) + "\n"


def _transposed(token: str, semitones: int) -> str:
    """Move a chord up, with sharps unless it is spelled with a flat; what is none stays."""
    chord = parse_leadsheet(token) if semitones and parse_section(token) is None else None
    if chord is None:
        return token
    return spell_leadsheet(chord.transposed(semitones, flats="b" in chord.root + chord.bass))


def read_lab(text: str) -> Song | None:
    r"""Read the chords of an annotation; None where a line is not one of start, end and symbol.

    Examples
    --------
    >>> read_lab("0.0 1.5 N\n1.5 3.0 C:maj\n3.0 4.0 C:maj\n4.0 6.0 A:min/b3\n").chords
    'C:maj A:min/b3'
    """
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    matches = [_LAB_LINE.fullmatch(line) for line in lines]
    named = [match[3] for match in matches if match is not None]
    if len(named) < len(lines) or not lines:
        return None
    sounding = (name for name, _ in groupby(name for name in named if name != "N"))
    return Song(" ".join(sounding), Notation.HARTE)
