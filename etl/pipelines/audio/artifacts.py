"""Matrices of the described tracks of a library, all of them or those that a condition chooses."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import polars as pl

import etl
from etl.audio.features import FEATURE_VERSION, SEGMENTS, Mode, version_of
from etl.exports.normalization import Normalization
from etl.runtime.errors import EtlError
from etl.store.database import read_store
from etl.store.kept_files import check_known, check_outputs
from etl.store.sonic_features import described_tracks, library_status

if TYPE_CHECKING:
    from pathlib import Path

    import duckdb

    from etl.audio.bpm_range import BpmRange

_COLUMNS: Final = (
    "track_id", "path", "artist", "title", "bpm", "key", "duration_s", "fallback",
    *(f"vector_{segment}" for segment in SEGMENTS),
)  # fmt: skip
_OTHER: Final = {Mode.BEAT: Mode.WINDOW, Mode.WINDOW: Mode.BEAT}


@dataclass(frozen=True)
class ArtifactsRequest:
    """Which matrices to write.

    Attributes
    ----------
    output
        Target: Parquet if its name ends so, else NPZ.
    normalization
        Of the columns.
    mode
        Which descriptions: vectors of both modes in one matrix could not be compared.
    include, exclude
        Regular expressions over the names of features.
    where
        SQL condition over the columns of view ``library``.
    bpm_range
        What the tempi are folded into by octaves; they are written as they are without it.
    """

    output: Path
    normalization: Normalization = Normalization.ROBUST
    mode: Mode = Mode.BEAT
    include: str | None = None
    exclude: str | None = None
    where: str | None = None
    bpm_range: BpmRange | None = None


@dataclass(frozen=True)
class ArtifactsResult:
    """What was written.

    Attributes
    ----------
    output
        The file.
    tracks, features
        Rows and columns of its matrices; no tracks, no file.
    pending
        Tracks of the library that wait for a description, and are not in it.
    """

    output: Path
    tracks: int
    features: int
    pending: int = 0


def make_artifacts(database: Path, request: ArtifactsRequest) -> ArtifactsResult:
    """Write the matrices of all tracks described in one mode.

    Raises
    ------
    EtlError
        If the condition is not one, or selects nothing.
    """
    check_outputs([request.output], database=database)
    with read_store(database) as connection:
        check_known(connection, [request.output])
        tracks = chosen_tracks(connection, request)
        pending = library_status(connection, version_of(request.mode)).pending
    return replace(write_artifacts(tracks, request), pending=pending)


def chosen_tracks(connection: duckdb.DuckDBPyConnection, request: ArtifactsRequest) -> pl.DataFrame:
    """Read the tracks that a request is about.

    Raises
    ------
    EtlError
        If there are none, or the condition is not one.
    """
    tracks = described_tracks(connection, version_of(request.mode), request.where, _COLUMNS)
    if tracks.is_empty():
        raise EtlError("no described track to export.", _hint(connection, request.mode))
    return tracks


def write_artifacts(tracks: pl.DataFrame, request: ArtifactsRequest) -> ArtifactsResult:
    """Write the matrices of tracks as :func:`chosen_tracks` gives them."""
    from etl.exports.sonic import build_artifacts  # noqa: PLC0415 -- a scan does without numpy

    manifest: dict[str, Any] = {
        "music_etl": etl.__version__,
        "feature_version": FEATURE_VERSION,
        "mode": str(request.mode),
        "include": request.include,
        "exclude": request.exclude,
        "where": request.where,
        "bpm_range": request.bpm_range,
    }
    if request.bpm_range:
        tracks = tracks.with_columns(
            bpm=pl.Series(
                request.bpm_range.fold(tracks["bpm"].cast(pl.Float64).fill_null(math.nan).to_numpy())
            )
        ).with_columns(pl.col("bpm").fill_nan(None))
    artifacts = build_artifacts(
        tracks,
        normalization=request.normalization,
        include=request.include,
        exclude=request.exclude,
        manifest=manifest,
    )
    if request.output.suffix.lower() == ".parquet":
        artifacts.write_parquet(request.output)
    else:
        artifacts.write_npz(request.output)
    return ArtifactsResult(request.output, len(artifacts.track_ids), len(artifacts.feature_names))


def _hint(connection: duckdb.DuckDBPyConnection, mode: Mode) -> str:
    other = _OTHER[mode]
    if (
        library_status(connection, version_of(other)).analyzed
        and not library_status(connection, version_of(mode)).analyzed
    ):
        option = "leave --windowed out" if mode is Mode.WINDOW else "add --windowed"
        return f"All descriptions are of {other} mode: {option}."
    return "Run `etl library run DIR` first, or loosen --where."
