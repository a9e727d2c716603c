"""Compare numerals with those of human analysts, given the analysts' key.

    python -m benchmarks.numeral_accuracy [--disagreements]

The analysts are those of RS200. What is compared, and what is mapped first, is in docs/accuracy.md;
``--disagreements`` adds tables of the commonest.
"""

from __future__ import annotations

import argparse
import re
from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from etl.chords.numerals import is_dominant_seventh, is_major_triad, numeral
from etl.chords.ragged import Ragged
from etl.chords.readings import token_readings
from etl.chords.symbols import ChordSymbol, parse_chord
from etl.chords.vocabulary import Vocabulary
from etl.music.pitch_classes import note_pitch_class
from tests.support.figures import show
from tests.support.reference import reference

if TYPE_CHECKING:
    from collections.abc import Iterable

HUMAN = re.compile(r"([b#]?[IViv]+)(o|ø|\+)?(maj)?(64|65|43|42|6|7)?(/.+)?")
LEADING = re.compile(r"vii[°ø]7?/.+")
SUSPENSION = re.compile(r"sus[24]")


def mapped_human(text: str) -> str:
    """Spell a human numeral as ours: ``o`` is ``°``, ``maj7`` is ``△7``, an inversion follows a slash."""
    match = HUMAN.fullmatch(text)
    if match is None:
        return text
    degree, sign, major, figure, target = match.groups(default="")
    seventh = "7" if figure in {"7", "65", "43", "42"} else ""
    inversion = f"/{figure}" if figure not in {"", "7"} and not target else ""
    return degree + sign.replace("o", "°") + ("△" if major else "") + seventh + inversion + target


def mapped_ours(text: str) -> str:
    """Reduce ours to what the human notation says: no suspension, an eleventh is written as its seventh."""
    return SUSPENSION.sub("", text).replace("11", "7")


def read() -> pl.DataFrame:
    """Read the analyzed chords with their key, 0-23, in song order; without those that have no numeral."""
    numerals = pl.read_csv(reference("rs200/rs200_numerals.csv"), infer_schema_length=None)
    songs = pl.read_csv(reference("rs200/rs200_truth.csv")).select("id", minor=(pl.col("mode") == "minor"))
    tonics = {name: note_pitch_class(name) for name in numerals["key"].unique()}
    return numerals.join(songs, on="id", maintain_order="left").with_columns(
        key=pl.col("key").replace_strict(tonics, return_dtype=pl.Int32) + 12 * pl.col("minor").cast(pl.Int32)
    )


def applied(chords: pl.DataFrame) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Our choice for each chord."""
    texts = chords["chord"].unique(maintain_order=True).to_list()
    values = chords["chord"].replace_strict(texts, range(len(texts)), return_dtype=pl.Int32).to_numpy()
    lengths = chords.group_by("id", maintain_order=True).len()["len"].to_numpy()
    tokens = Ragged(values, np.concatenate(([0], np.cumsum(lengths))).astype(np.int64))
    key = chords["key"].cast(pl.Int8).to_numpy()
    return token_readings(tokens, key, Vocabulary(texts)) >= 24 * len(texts)


def is_open(chord: ChordSymbol, key: int) -> bool:
    """Whether a chord may be read as applied or as chromatic.

    That is a dominant seventh or a major triad that lies a fifth over a diatonic degree, and is neither V nor
    a major triad of the key.
    """
    minor, tonic = divmod(key, 12)
    interval = (chord.root_pc - tonic) % 12
    targets, major_triads = ({2, 4, 5, 7, 9}, {0, 5, 7}) if not minor else ({3, 5, 7, 8}, {3, 7, 8, 10})
    is_candidate = is_dominant_seventh(chord.quality) or (
        is_major_triad(chord.quality) and interval not in major_triads
    )
    return is_candidate and interval != 7 and (interval + 5) % 12 in targets


def table(title: str, counts: Counter[tuple[str, ...]], names: Iterable[str], rows: int = 12) -> None:
    """Print the commonest disagreements as Markdown."""
    print(f"\n{title}\n\n| {' | '.join(names)} | times |\n{'|---' * (len(tuple(names)) + 1)}|")
    for row, times in counts.most_common(rows):
        print(f"| {' | '.join(row)} | {times} |")


def main() -> None:
    """Compare and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--disagreements", action="store_true", help="print the commonest")
    options = parser.parse_args()
    chords = read()
    plain = verbatim = exact = open_chords = agreed = leading = found_leading = 0
    spelling: Counter[tuple[str, ...]] = Counter()
    choices: Counter[tuple[str, ...]] = Counter()
    others: Counter[tuple[str, ...]] = Counter()
    ours = applied(chords)
    for (symbol, key, human), is_ours in zip(
        chords.select("chord", "key", "numeral_normalised").iter_rows(), ours.tolist(), strict=True
    ):
        chord = parse_chord(symbol)
        if chord is None or human is None:
            continue
        theirs = mapped_human(human)
        is_human = "/" in human
        if not is_human:
            text = numeral(chord, key)
            plain += 1
            verbatim += text == theirs
            exact += mapped_ours(text) == theirs
            if text != theirs:
                spelling[symbol_quality(chord), text, theirs] += 1
        if LEADING.fullmatch(theirs):
            leading += 1
            found_leading += is_ours
        if is_open(chord, key):
            open_chords += 1
            agreed += is_human == is_ours
            text = numeral(chord, key, applied=is_ours)
            if is_human != is_ours:
                choices["minor" if key >= 12 else "major", text, theirs] += 1
        elif is_human and not is_ours:
            others[symbol_quality(chord), numeral(chord, key), theirs] += 1
    show(
        {
            "numerals that the analysts do not apply": plain,
            "the same character for character after respelling the human one": f"{verbatim / plain:.2%}",
            "the same after the notation mapping": f"{exact / plain:.2%}",
            "chords that may be applied or chromatic": open_chords,
            "the same choice": f"{agreed / open_chords:.2%}",
            "leading-tone chords of a degree, as the analysts read them": leading,
            "read as such": f"{found_leading / leading:.2%}",
        }
    )
    if not options.disagreements:
        return
    names = ("chord", "ours", "analysts'")
    table("Spelling", spelling, names)
    table("Applied or chromatic", choices, ("mode", "ours", "analysts'"), 20)
    table("Applied chords of the analysts that we never read as applied", others, names, 20)


def symbol_quality(chord: ChordSymbol) -> str:
    """Name a chord without its root."""
    return f"x{chord.quality.suffix}" + ("/y" if chord.bass else "")


if __name__ == "__main__":
    main()
