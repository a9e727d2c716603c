"""Compare tempo and key in the tags of files with what was found in their sound."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from etl.audio.features import Mode, version_of
from etl.music.keys import CAMELOT, KEY_INDEX
from etl.pipelines.audio.write_tags import SkippedFile
from etl.runtime.watch.progress import Stage, Watch
from etl.sources.audio.tags import read_tags, text_of
from etl.store.database import read_store
from etl.store.tag_writes import measured_tracks

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from etl.runtime.watch.progress import Renderer

TOLERANCE: Final = 0.02
"""Relative difference up to which two tempi are the same: a tag in whole numbers is off by up to a half."""

_RATIOS: Final = {
    "half": 0.5, "double": 2.0, "two thirds": 2 / 3, "three halves": 1.5, "third": 1 / 3, "triple": 3.0,
}  # fmt: skip
_TEMPO: Final = re.compile(r"\s*\+?([0-9]{1,6}(?:[.,][0-9]+)?)")
_KEY: Final = re.compile(r"([A-Ga-g])([#b♯♭]?)\s*(m|min|minor|maj|major|dur|moll)?", re.IGNORECASE)
_OPEN_KEY: Final = re.compile(r"(1[0-2]|0?[1-9])([ABdm])", re.IGNORECASE)
_SEMITONES: Final = {"c": 0, "d": 2, "e": 4, "f": 5, "g": 7, "a": 9, "b": 11}


class Relation(StrEnum):
    """What a tag says of what was found."""

    SAME = "same"
    HALF = "half"
    DOUBLE = "double"
    TWO_THIRDS = "two thirds"
    THREE_HALVES = "three halves"
    THIRD = "third"
    TRIPLE = "triple"
    RELATIVE = "relative"
    PARALLEL = "parallel"
    FIFTH = "fifth"
    OTHER = "other"
    UNREADABLE = "unreadable"
    NO_TAG = "without tag"
    NOT_FOUND = "not found in the sound"


@dataclass(frozen=True)
class DifferingTag:
    """A tag that says something else than the sound."""

    path: str
    field: str
    tag: str
    found: str
    relation: Relation


@dataclass(frozen=True)
class ComparedTags:
    """How tags and sound agree.

    Attributes
    ----------
    bpm, key
        Files by what the tag says of what was found.
    differing
        Tags that say something else, by path.
    skipped
        Files whose tags cannot be read.
    """

    bpm: dict[Relation, int]
    key: dict[Relation, int]
    differing: list[DifferingTag]
    skipped: list[SkippedFile]


def compare_tags(database: Path, where: str | None, renderers: Sequence[Renderer] = ()) -> ComparedTags:
    """Compare the tags of all described tracks, or of those that a condition chooses."""
    with read_store(database) as connection:
        tracks = measured_tracks(connection, version_of(Mode.BEAT), where)
    counts = {name: dict.fromkeys(Relation, 0) for name in ("bpm", "key")}
    differing, skipped = [], []
    with Watch("etl library compare-tags", [Stage("read", "files")], renderers) as watch:
        watch.total("read", tracks.height)
        for path, bpm, key, key_name in tracks.select("path", "bpm", "key", "key_name").iter_rows():
            watch.advance("read", done=1)
            read = read_tags(path)
            if problem := text_of(read, "problem"):
                skipped.append(SkippedFile(path, problem))
                continue
            tagged = {field: text_of(read, field) for field in counts}
            for field, relation, found in (
                ("bpm", tempo_relation(tagged["bpm"], bpm), f"{bpm or 0:.1f}"),
                ("key", key_relation(tagged["key"], key), key_name or ""),
            ):
                counts[field][relation] += 1
                if relation not in {Relation.SAME, Relation.NO_TAG, Relation.NOT_FOUND}:
                    differing.append(DifferingTag(path, field, tagged[field] or "", found, relation))
    return ComparedTags(counts["bpm"], counts["key"], differing, skipped)


def tempo_relation(tag: str | None, bpm: float | None) -> Relation:
    """Say how the tagged tempo, if any, relates to ours; None means that no tempo was found."""
    if not tag:
        return Relation.NO_TAG
    number = _TEMPO.match(tag)
    if number is None:
        return Relation.UNREADABLE
    tagged = float(number[1].replace(",", "."))
    if tagged <= 0:
        return Relation.NO_TAG
    if bpm is None:
        return Relation.NOT_FOUND
    for name, ratio in {"same": 1.0, **_RATIOS}.items():
        if abs(tagged / (bpm * ratio) - 1) <= TOLERANCE:
            return Relation(name)
    return Relation.OTHER


def key_relation(tag: str | None, key: int) -> Relation:
    """Say how the tagged key, if any, relates to ours; -1 means that no key was found."""
    if not tag or not tag.strip():
        return Relation.NO_TAG
    tagged = read_key(tag)
    if tagged is None:
        return Relation.UNREADABLE
    if key < 0:
        return Relation.NOT_FOUND
    tonic, is_minor = tagged % 12, tagged >= 12
    ours, ours_minor = key % 12, key >= 12
    if is_minor == ours_minor:
        distance = (tonic - ours) % 12
        return {0: Relation.SAME, 5: Relation.FIFTH, 7: Relation.FIFTH}.get(distance, Relation.OTHER)
    if tonic == ours:
        return Relation.PARALLEL
    relative = (ours + 3) % 12 if ours_minor else (ours + 9) % 12
    return Relation.RELATIVE if tonic == relative else Relation.OTHER


def read_key(text: str) -> int | None:
    """Read a key as people tag it.

    Parameters
    ----------
    text
        ``Am``, ``F# minor``, ``Db``, ``8A`` (Camelot) or ``1m`` (Open Key).

    Returns
    -------
    int or None
        0-11 major, 12-23 minor; None for anything else.

    Examples
    --------
    >>> [read_key(text) for text in ("Am", "F# minor", "Db", "8A", "1d", "?")]
    [21, 18, 1, 21, 0, None]
    """
    text = text.strip()
    if text in KEY_INDEX:
        return KEY_INDEX[text]
    if wheel := _OPEN_KEY.fullmatch(text):
        number, letter = int(wheel[1]), wheel[2]
        if letter in "dm":  # Open Key counts from C major, Camelot from A flat minor
            number, letter = (number + 6) % 12 + 1, "B" if letter == "d" else "A"
        return CAMELOT.index(f"{number}{letter.upper()}")
    if not (named := _KEY.fullmatch(text)):
        return None
    sign = {"": 0, "#": 1, "♯": 1, "b": -1, "♭": -1}[named[2].lower()]
    mode = named[3] or ""
    is_minor = mode == "m" or mode.lower() in {"min", "minor", "moll"}
    return (_SEMITONES[named[1].lower()] + sign) % 12 + 12 * is_minor
