"""Whether a library is sound: what the store says of itself, of its numbers, and of the disk."""

from __future__ import annotations

import os
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from etl.exports.sonic import MATRICES
from etl.store import library
from etl.store.database import read_store
from etl.store.sonic_features import all_features, done_without_features

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Fault(StrEnum):
    """What can be wrong."""

    FILE_WITHOUT_TRACK = "file without track"
    TRACK_WITHOUT_FILE = "track without file"
    PATH_TWICE = "two files of one path"
    NO_FEATURES = "marked done but without features"
    NOT_FINITE = "a vector is not finite"
    TEMPO = "tempo out of range"
    KEY = "key out of range"
    LEVEL = "level out of range"
    DURATION = "no duration"
    BEATS = "beats out of order"
    GONE = "gone since the last scan"


@dataclass(frozen=True)
class Finding:
    """Something that is wrong.

    Attributes
    ----------
    item
        What it is about: a path, a track id or a content hash.
    fault
        What is wrong.
    column
        Where it is, if that is one of several.
    """

    item: str
    fault: Fault
    column: str | None = None


_RULES = {
    Fault.TEMPO: pl.col("bpm").is_between(30, 300),
    Fault.KEY: pl.col("key").is_between(-1, 23),
    Fault.LEVEL: pl.col("rms_db").is_between(-100.1, 120.1),
    Fault.DURATION: pl.col("duration_s") > 0,
    Fault.BEATS: pl.col("beat_times_s").list.diff(null_behavior="drop").list.min() > 0,
}


def check_library(database: Path) -> list[Finding]:
    """Verify a library.

    Looked at: vectors finite, tempo, key and level in range, beats ascending, tracks and features without
    their file or the other way round, and files that are gone from the disk since the last scan. Features of
    content that no file has any more are no fault: they are the cache.
    """
    with read_store(database) as connection:
        lists = {
            Fault.FILE_WITHOUT_TRACK: library.files_without_track(connection),
            Fault.TRACK_WITHOUT_FILE: library.tracks_without_file(connection),
            Fault.PATH_TWICE: library.repeated_paths(connection),
            Fault.NO_FEATURES: done_without_features(connection),
        }
        features = all_features(connection)
        paths = library.present_paths(connection)
    findings = [Finding(item, fault) for fault, items in lists.items() for item in items]
    findings += _unsound(features)
    findings += [Finding(path, Fault.GONE) for path in paths if not os.access(path, os.F_OK)]
    return findings


def _unsound(features: pl.DataFrame) -> Iterator[Finding]:
    """Name the descriptions that cannot be right."""
    for column in MATRICES.values():
        finite = np.isfinite(features[column].to_numpy()).all(axis=1)
        for item in features["content_hash"].filter(~finite):
            yield Finding(item, Fault.NOT_FINITE, column)
    for fault, rule in _RULES.items():
        broken = features.filter(rule.not_().fill_null(value=False))
        for item in broken["content_hash"]:
            yield Finding(item, fault)
