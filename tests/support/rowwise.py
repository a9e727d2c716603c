"""The data3 analysis one row at a time in pandas, as scripts do it: a baseline and an independent check.

Nothing here uses `etl`. Symbols are read by a regular expression and a table of the 157 suffixes, keys are
found with `numpy.corrcoef`, and numerals, applied dominants and fingerprints are written chord by chord.

    python -m tests.support.rowwise songs.csv
"""

from __future__ import annotations

import csv
import re
import sys
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

MAJOR_NAMES = ["C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B"]
MINOR_NAMES = ["C", "C#", "D", "Eb", "E", "F", "F#", "G", "G#", "A", "Bb", "B"]
# Krumhansl, "Cognitive Foundations of Musical Pitch", 1990, p. 30.
MAJOR_PROFILE = [6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88]
MINOR_PROFILE = [6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17]
NOTE = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
DEGREES = ["I", "bII", "II", "bIII", "III", "IV", "#IV", "V", "bVI", "VI", "bVII", "VII"]
BASS_DEGREES = ["1", "b2", "2", "b3", "3", "4", "b5", "5", "b6", "6", "b7", "7"]
SIGN = {"s": 1, "b": -1, "": 0}

CHORD = re.compile(r"([A-G])(b|s(?!us))?(.*?)(?:/([A-G][sb]?))?")
SECTION = re.compile(r"<[A-Za-z][A-Za-z0-9_-]*_[0-9]+>")


class Quality(NamedTuple):
    """A suffix: semitones over the root by role, and how its numeral goes on after the degree."""

    suffix: str
    roles: dict[str, list[int]]
    is_minor: bool
    text: str


class Chord(NamedTuple):
    """A chord: pitch classes of root and bass, the root's letter, and its quality."""

    root: int
    bass: int
    letter: str
    quality: Quality


def seventh_of(extension: str) -> int | None:
    """Say which semitone is the seventh, or the added sixth, of a suffix without its triad."""
    if extension.startswith(("add", "sus")) or extension in {"", "no3d"}:
        return 9 if extension == "add13" else None
    if extension.startswith("maj"):
        return 11
    return 9 if extension.startswith("b7") else 10


def roles_of(suffix: str, semitones: list[int]) -> dict[str, list[int]]:
    """Say which semitone is the third, the fifth and so on, from the suffix and the pitch classes."""
    triad = next((name for name in ("min", "dim", "aug") if suffix.startswith(name)), "")
    extension = suffix.removeprefix(triad)
    roles: dict[str, list[int]] = {"root": [0], "fifth": [{"dim": 6, "aug": 8}.get(triad, 7)]}
    if "sus" in suffix:
        roles["third"] = [2 if suffix.endswith("sus2") else 5]  # suspended, and weighted alike
    elif suffix != "no3d":
        roles["third"] = [3 if triad in {"min", "dim"} else 4]
    rest = [s for s in semitones if not any(s in taken for taken in roles.values())]
    seventh = seventh_of(extension)
    for semitone in rest:
        if semitone == seventh:
            role = "seventh"
        elif semitone in {1, 2, 3}:
            role = "ninth"
        elif semitone in {4, 5, 6}:
            role = "eleventh"
        else:
            role = "thirteenth"
        roles.setdefault(role, []).append(semitone)
    return roles


def read_qualities() -> dict[str, Quality]:
    """Read the table of suffixes."""
    table = Path(__file__).parents[1] / "data" / "numerals" / "qualities.csv"
    qualities = {}
    with table.open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            suffix, numeral = row["suffix"], row["numeral"]
            semitones = [int(s) for s in row["pitch_classes"].split()]
            qualities[suffix] = Quality(
                suffix, roles_of(suffix, semitones), is_minor=numeral[0] == "i", text=numeral[1:]
            )
    return qualities


QUALITIES = read_qualities()
ROLE_WEIGHTS = {
    "root": 1.0,
    "fifth": 0.6,
    "third": 0.5,
    "seventh": 0.4,
    "ninth": 0.3,
    "eleventh": 0.25,
    "thirteenth": 0.2,
}


def parse_chord(token: str) -> Chord | None:
    """Parse a chord symbol, or give None."""
    token = token.replace("♯", "s").replace("#", "s").replace("♭", "b")
    match = CHORD.fullmatch(token)
    if match is None:
        return None
    letter, sign, suffix, bass = match[1], match[2] or "", match[3], match[4]
    if suffix not in QUALITIES and sign == "b" and "b" + suffix in QUALITIES:
        sign, suffix = "", "b" + suffix
    if suffix not in QUALITIES:
        return None
    root = (NOTE[letter] + SIGN[sign]) % 12
    bass_pc = (NOTE[bass[0]] + SIGN[bass[1:]]) % 12 if bass else root
    return Chord(root, bass_pc, letter, QUALITIES[suffix])


def find_key(chords: list[Chord]) -> tuple[int, bool]:
    """Find tonic and whether the key is minor; the lower of keys that tie."""
    histogram = np.zeros(12)
    for chord in chords:
        for pc in {(chord.root + s) % 12 for semitones in chord.quality.roles.values() for s in semitones}:
            histogram[pc] += 1
    best, best_key = -2.0, (0, False)
    for minor, profile in ((False, MAJOR_PROFILE), (True, MINOR_PROFILE)):
        for tonic in range(12):
            flat = np.ptp(histogram) == 0
            r = 0.0 if flat else round(np.corrcoef(histogram, np.roll(profile, tonic))[0, 1], 12)
            if r > best:
                best, best_key = r, (tonic, minor)
    return best_key


def leads_to(chord: Chord, tonic: int, *, minor: bool) -> tuple[str, int, str] | None:
    """Say what a chord may be applied to: whether always or if it resolves, the root, the numeral."""
    targets = (
        {3: "bIII", 5: "iv", 7: "V", 8: "bVI"} if minor else {2: "ii", 4: "iii", 5: "IV", 7: "V", 9: "vi"}
    )
    interval = (chord.root - tonic) % 12
    roles = chord.quality.roles
    third, fifth, seventh = roles.get("third"), roles["fifth"], roles.get("seventh")
    if third == [3] and fifth == [6] and seventh != [11]:
        target = (interval + 1) % 12
        own = minor and interval == 2 and seventh != [9]
        return ("leading", (target + tonic) % 12, targets[target]) if target in targets and not own else None
    target = (interval + 5) % 12
    if target not in targets or interval == 7:
        return None
    diatonic = {0, 3, 7, 8, 10} if minor else {0, 5, 7}
    if third == [4] and fifth == [7] and seventh == [10]:
        how = "always" if interval in {2, 4, 9, 11} else "resolving"
    elif not chord.quality.suffix and interval not in diatonic:
        how = "resolving"
    else:
        return None
    return how, (target + tonic) % 12, targets[target]


def applied_target(
    chord: Chord, following: list[Chord | None], tonic: int, *, minor: bool
) -> tuple[str, str] | None:
    """Say of which degree a chord is the dominant or the leading-tone chord, if any."""
    found = leads_to(chord, tonic, minor=minor)
    if found is None:
        return None
    how, root, numeral = found
    head = "vii" if how == "leading" else "V"
    first, second = [*following, None, None][:2]
    arrives = first is not None and (first.root == root or (how == "leading" and first.bass == root))
    if first is not None and second is not None and second.root == root:
        between = leads_to(first, tonic, minor=minor)
        is_cadential = first.bass == root and first.root == (root + 5) % 12
        arrives = arrives or is_cadential or (between is not None and between[1] == root)
    return (head, numeral) if how == "always" or arrives else None


def figure(chord: Chord, tonic: int) -> str:
    """Write the bass as a figure or as a scale degree."""
    if chord.bass == chord.root:
        return ""
    interval = (chord.bass - chord.root) % 12
    quality = chord.quality
    roles = quality.roles
    seventh = roles.get("seventh", [])
    is_seventh = seventh in ([10], [11]) or (
        seventh == [9] and quality.suffix.startswith("dim") and "add" not in quality.suffix
    )
    if "sus" not in quality.suffix and [interval] == roles.get("third"):
        return "/65" if is_seventh else "/6"
    if [interval] == roles["fifth"]:
        return "/43" if is_seventh else "/64"
    if is_seventh and [interval] == seventh:
        return "/42"
    return "/^" + BASS_DEGREES[(chord.bass - tonic) % 12]


def numeral(chord: Chord, following: list[Chord | None], tonic: int, *, minor: bool) -> str:
    """Write the numeral of a chord before the two chords that follow."""
    applied = applied_target(chord, following, tonic, minor=minor)
    if applied:
        head, target = applied
        return f"{head}{chord.quality.text}/{target}"
    interval = (chord.root - tonic) % 12
    degree = DEGREES[interval]
    if chord.quality.is_minor:
        degree = degree.lower()
    elif interval == 6:
        tonic_letter = (MINOR_NAMES if minor else MAJOR_NAMES)[tonic][0]
        if ("CDEFGAB".index(chord.letter) - "CDEFGAB".index(tonic_letter)) % 7 == 4:
            degree = "bV"
    return degree + chord.quality.text + figure(chord, tonic)


def fingerprint(chord: Chord | None) -> str:
    """Write the twelve role weights of a chord."""
    if chord is None:
        return ",".join(["0.083"] * 12)
    weights = [0.0] * 12
    for role, semitones in chord.quality.roles.items():
        for semitone in semitones:
            pc = (chord.root + semitone) % 12
            weights[pc] = max(weights[pc], ROLE_WEIGHTS[role])
    return ",".join(f"{weight / sum(weights):.3f}" for weight in weights)


def analyse_song(song: pd.Series) -> pd.Series:
    """Analyse one row."""
    names = ["key", "roman_numerals", "harmonic_fingerprint"]
    tokens = song["chords"].split() if isinstance(song["chords"], str) else []
    if not tokens:
        return pd.Series(["No Harmony", "empty", ""], index=names)
    parsed = [None if SECTION.fullmatch(token) else parse_chord(token) for token in tokens]
    chords = [chord for chord in parsed if chord]
    if not chords:
        return pd.Series(["Parse Error", "parse_error", ""], index=names)
    tonic, minor = find_key(chords)
    numerals, fingerprints = [], []
    for position, (token, chord) in enumerate(zip(tokens, parsed, strict=True)):
        if SECTION.fullmatch(token):
            numerals.append(token)
            fingerprints.append(token)
            continue
        fingerprints.append(fingerprint(chord))
        later = zip(tokens[position + 1 :], parsed[position + 1 :], strict=True)
        following = list(islice((each for text, each in later if not SECTION.fullmatch(text)), 2))
        numerals.append(numeral(chord, following, tonic, minor=minor) if chord else "?")
    key = f"{MINOR_NAMES[tonic]} Minor" if minor else f"{MAJOR_NAMES[tonic]} Major"
    return pd.Series([key, " ".join(numerals), "|".join(fingerprints)], index=names)


def analyse(songs: pd.DataFrame) -> pd.DataFrame:
    """Analyse songs row by row.

    Parameters
    ----------
    songs
        Needs ``chords``; a missing value counts as empty.

    Returns
    -------
    DataFrame
        ``key``, ``roman_numerals`` and ``harmonic_fingerprint`` of each song.
    """
    return songs.apply(analyse_song, axis=1)


if __name__ == "__main__":
    analyse(pd.read_csv(sys.argv[1], dtype=str)).to_csv(sys.stdout, index=False)
