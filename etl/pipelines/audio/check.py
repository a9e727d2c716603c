"""Whether a library is sound: what the store says of itself, of its numbers, and of the disk."""

from __future__ import annotations

import os
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from etl.audio.features import SILENT_SHARE
from etl.audio.integrity import CLIPPED_SHARE, OPPOSITE_DB
from etl.exports.sonic import MATRICES
from etl.runtime.wording import number_of
from etl.store import library
from etl.store.database import read_store
from etl.store.sonic_features import (
    all_features,
    done_without_features,
    failed_tracks,
    integrity_of_tracks,
    tracks_to_examine,
)

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
    NOT_EXAMINED = "not examined yet; `etl library sonic` does it"
    UNDESCRIBED = "cannot be described"
    CUT = "the end is missing"
    LONGER = "longer than its header says, where players may stop"
    DAMAGED = "packets that do not decode"
    CHECKSUM = "the samples are not those that its checksum was made from"
    NOT_NUMBERS = "samples that are not numbers"
    SILENT = "mostly silence"
    OPPOSITE = "the channels cancel each other"
    CLIPPED = "clipped"
    LOSSY = "lossless, but cut off as lossy coding does"


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
    evidence
        What shows it, in words.
    """

    item: str
    fault: Fault
    column: str | None = None
    evidence: str | None = None


_RULES = {
    Fault.TEMPO: pl.col("bpm").is_between(30, 300),
    Fault.KEY: pl.col("key").is_between(-1, 23),
    Fault.LEVEL: pl.col("rms_db").is_between(-100.1, 120.1),
    Fault.DURATION: pl.col("duration_s") > 0,
    Fault.BEATS: pl.col("beat_times_s").list.diff(null_behavior="drop").list.min() > 0,
}


_SLACK = 1.02
_BOTH_LENGTHS = pl.format("{} of {} s", pl.col("duration_s").round(1), pl.col("declared_s").round(1))


def _percent(column: str) -> pl.Expr:
    return pl.format("{} %", (pl.col(column) * 100).round_sig_figs(3))


_INTEGRITY: dict[Fault, tuple[pl.Expr, pl.Expr]] = {
    Fault.CUT: (pl.col("is_cut"), pl.coalesce(_BOTH_LENGTHS, pl.lit("its last page or chunk"))),
    Fault.LONGER: (pl.col("duration_s") > _SLACK * pl.col("declared_s") + 1.0, _BOTH_LENGTHS),
    Fault.DAMAGED: (pl.col("damaged_packets") > 0, pl.format("{}", "damaged_packets")),
    Fault.CHECKSUM: (pl.col("checksum_matches").not_(), pl.lit("MD5")),
    Fault.NOT_NUMBERS: (pl.col("not_finite_share") > 0, _percent("not_finite_share")),
    Fault.SILENT: (pl.col("silent_share") >= SILENT_SHARE, _percent("silent_share")),
    Fault.OPPOSITE: (pl.col("mono_db") <= OPPOSITE_DB, pl.format("{} dB", pl.col("mono_db").round(1))),
    Fault.CLIPPED: (pl.col("clipped_share") >= CLIPPED_SHARE, _percent("clipped_share")),
    Fault.LOSSY: (
        pl.col("is_lossless") & pl.col("cutoff_hz").is_not_null(),
        pl.format("{} kHz", (pl.col("cutoff_hz") / 1000).round(1)),
    ),
}
"""What is a fault, and what shows it."""


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


def check_integrity(database: Path) -> list[Finding]:
    """Name the files whose sound is not what it should be, by what was found when they were described.

    Looked at: files that cannot be decoded, that end early or late, with packets that do not decode, with a
    FLAC checksum that does not match; silence, clipping, opposite channels, and traces of lossy coding in
    lossless files.
    """
    with read_store(database) as connection:
        tracks = integrity_of_tracks(connection)
        failed = failed_tracks(connection)
        waiting = tracks_to_examine(connection)
    findings = [Finding(path, Fault.UNDESCRIBED, evidence=reason) for path, reason in failed]
    for fault, (is_found, evidence) in _INTEGRITY.items():
        found = tracks.filter(is_found.fill_null(value=False)).select("path", evidence)
        findings += [Finding(path, fault, evidence=text) for path, text in found.iter_rows()]
    findings.sort(key=lambda each: each.item)
    if waiting:
        findings.append(Finding(number_of(waiting, "track"), Fault.NOT_EXAMINED))
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
