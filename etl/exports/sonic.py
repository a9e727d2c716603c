"""Sonic matrices for playlists and models: one NPZ or Parquet file, rows aligned by track, and its loader.

References
----------
.. [1] Huber and Ronchetti, "Robust Statistics", 2nd ed. 2009: centre by the median, scale by the
   interquartile range.
"""

from __future__ import annotations

import json
import re
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from zipfile import BadZipFile

import numpy as np
import polars as pl

from etl.audio.features import FEATURE_NAMES, FEATURE_UNITS
from etl.exports.normalization import Normalization
from etl.exports.npz_file import write_npz
from etl.runtime.disk.files import atomic_file, atomic_path
from etl.runtime.errors import EtlError, ExitCode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

MATRICES: Final = {
    "X_sonic": "vector_whole",
    "X_sonic_start": "vector_start",
    "X_sonic_mid": "vector_middle",
    "X_sonic_end": "vector_end",
}
"""Matrices of the file, and the columns they come from."""

_COLUMNS: Final = (
    "bpm", "key", "durations_ms", "artist_keys", "track_artists", "track_titles", "paths", "fallback",
)  # fmt: skip
_LENGTHS: Final = "lengths"

# What damaged files raise, in the file format, the archive, the array or the manifest.
_UNREADABLE: Final = (
    OSError,
    ValueError,
    KeyError,
    AttributeError,
    RecursionError,
    TypeError,
    EOFError,
    BadZipFile,
    zlib.error,
    pl.exceptions.PolarsError,
)

# Half of a normal distribution lies within 0.6745 standard deviations of its centre.
_IQR_OF_NORMAL: Final = 1.3489795


@dataclass(frozen=True)
class Artifacts:
    """Sonic matrices of a library.

    Attributes
    ----------
    track_ids
        Shape (N,), text, ascending.
    matrices
        ``X_sonic``, ``X_sonic_start``, ``X_sonic_mid``, ``X_sonic_end``: shape (N, D), float32.
    feature_names, feature_units
        Shape (D,), text.
    columns
        ``bpm`` (N,) float32, NaN for none; ``key`` (N,) int8, 0-11 major, 12-23 minor, -1 none;
        ``durations_ms`` (N,) int64; ``artist_keys`` (N,) the artist folded for comparison; ``track_artists``
        and ``track_titles`` (N,) text, empty for unknown; ``paths`` (N,) text; ``fallback`` (N,) text, why
        the statistics run over half seconds, empty where they run over beats. With ``l2`` also ``lengths``
        (N, 4) float32: those of the rows of each matrix before they were made 1.
    parameters
        Of the normalisation, float64: what was subtracted and divided by, and the axes of a PCA.
    manifest
        How the file was made.
    """

    track_ids: NDArray[np.str_]
    matrices: Mapping[str, NDArray[np.float32]]
    feature_names: NDArray[np.str_]
    feature_units: NDArray[np.str_]
    columns: Mapping[str, NDArray[Any]]
    parameters: Mapping[str, NDArray[np.float64]]
    manifest: Mapping[str, Any]

    def write_npz(self, path: Path) -> None:
        """Write an NPZ that loads with ``allow_pickle=False``; equal contents give equal bytes."""
        members = {
            "track_ids": self.track_ids,
            **self.matrices,
            "feature_names": self.feature_names,
            "feature_units": self.feature_units,
            **self.columns,
            **{f"normalization_{name}": values for name, values in self.parameters.items()},
            "manifest": np.array(json.dumps(self.manifest, sort_keys=True)),
        }
        with atomic_file(path) as file:
            write_npz(file, members)

    def write_parquet(self, path: Path) -> None:
        """Write the same as Parquet: a row per track, a list column per matrix, the rest as metadata."""
        frame = pl.DataFrame(
            {
                "track_ids": self.track_ids,
                **{
                    name: pl.Series(values).arr.to_list() if values.ndim > 1 else values
                    for name, values in self.columns.items()
                },
                **{name: pl.Series(values).arr.to_list() for name, values in self.matrices.items()},
            }
        )
        metadata = {
            "manifest": json.dumps(self.manifest, sort_keys=True),
            "feature_names": json.dumps(self.feature_names.tolist()),
            "feature_units": json.dumps(self.feature_units.tolist()),
            **{f"normalization_{name}": json.dumps(v.tolist()) for name, v in self.parameters.items()},
        }
        with atomic_path(path) as temporary:
            frame.write_parquet(temporary, metadata=metadata)


def build_artifacts(
    tracks: pl.DataFrame,
    *,
    normalization: Normalization,
    include: str | None,
    exclude: str | None,
    manifest: Mapping[str, Any],
) -> Artifacts:
    """Make matrices from described tracks.

    Parameters
    ----------
    tracks
        Rows of view ``library`` that have a description, in any order.
    normalization
        Scaling of the columns; the parameters come from ``X_sonic`` and serve the segments as well.
    include, exclude
        Regular expressions over feature names.
    manifest
        How the data were made; counts are added.

    Raises
    ------
    EtlError
        If no feature is left, or there are too few tracks for a PCA.
    """
    tracks = tracks.sort("track_id")
    kept = _selected(include, exclude)
    parameters = _parameters(_raw(tracks, "X_sonic", kept), normalization)
    matrices, norms = {}, []
    for name in MATRICES:  # one after the other, in double precision
        scaled = _scaled(_raw(tracks, name, kept), parameters)
        if normalization is Normalization.L2:
            norms.append(np.linalg.norm(scaled, axis=1))
            scaled /= np.where(norms[-1] > 0, norms[-1], 1.0)[:, None]
        matrices[name] = np.ascontiguousarray(scaled, dtype=np.float32)
    lengths = {_LENGTHS: np.stack(norms, axis=1).astype(np.float32)} if norms else {}
    names = np.array(FEATURE_NAMES)[kept]
    units = np.array(FEATURE_UNITS)[kept]
    if normalization is Normalization.PCA:
        names = np.array([f"pc_{i:03d}" for i in range(len(parameters["axes"]))])
        units = np.full(len(names), "1")
    elif normalization is not Normalization.NONE:
        units = np.full(len(names), "1")
    artist = tracks["artist"].fill_null("")
    return Artifacts(
        track_ids=np.array(tracks["track_id"].to_list(), dtype=np.str_),
        matrices=matrices,
        feature_names=names,
        feature_units=units,
        columns={
            "bpm": tracks["bpm"].cast(pl.Float32).fill_null(float("nan")).to_numpy(),
            "key": tracks["key"].cast(pl.Int8).to_numpy(),
            "durations_ms": (tracks["duration_s"].fill_null(0) * 1000).round().cast(pl.Int64).to_numpy(),
            "artist_keys": _text(artist.str.normalize("NFKC").str.to_lowercase().str.strip_chars()),
            "track_artists": _text(artist),
            "track_titles": _text(tracks["title"].fill_null("")),
            "paths": _text(tracks["path"]),
            "fallback": _text(tracks["fallback"].fill_null("")),
            **lengths,
        },
        parameters=parameters,
        manifest={**manifest, "normalization": str(normalization), "tracks": tracks.height},
    )


def _raw(tracks: pl.DataFrame, matrix: str, kept: NDArray[np.intp]) -> NDArray[np.float64]:
    """Give the features of a matrix as they were stored."""
    values = tracks[MATRICES[matrix]].to_numpy().reshape(-1, len(FEATURE_NAMES))
    return values[:, kept].astype(np.float64)


def principal_components(
    matrix: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give the scores of the rows on the principal components of the z-scores, and the variances of these.

    Raises
    ------
    EtlError
        If there are fewer than three rows, or all are alike.
    """
    parameters = _parameters(matrix, Normalization.PCA)
    return _scaled(matrix, parameters), parameters["variance"]


def load_artifacts(path: Path | str) -> Artifacts:
    """Load sonic matrices, NPZ or Parquet, and refuse them if their rows do not belong together.

    Parameters
    ----------
    path
        Written by ``etl library artifacts``.

    Returns
    -------
    Artifacts
        The matrices.

    Raises
    ------
    EtlError
        If the file is none of those, rows are misaligned or not in order, or a track occurs twice.
    """
    try:
        members = _parquet_members(path) if str(path).endswith(".parquet") else _npz_members(path)
        manifest = json.loads(str(members.pop("manifest")))
    except _UNREADABLE as error:
        raise EtlError(
            f"{path} is not a file of sonic matrices: {error}", "Make one with `etl library artifacts`."
        ) from error
    missing = {"track_ids", "feature_names", "feature_units", *MATRICES, *_COLUMNS} - members.keys()
    if missing:
        raise EtlError(
            f"{path} lacks {', '.join(sorted(missing))}.", "Make it again with `etl library artifacts`."
        )
    parameters = {
        name.removeprefix("normalization_"): members.pop(name)
        for name in list(members)
        if name.startswith("normalization_")
    }
    loaded = Artifacts(
        track_ids=members["track_ids"],
        matrices={name: members[name] for name in MATRICES},
        feature_names=members["feature_names"],
        feature_units=members["feature_units"],
        columns={name: members[name] for name in (*_COLUMNS, _LENGTHS) if name in members},
        parameters=parameters,
        manifest=manifest,
    )
    problem = _misaligned(loaded)
    if problem:
        raise EtlError(f"{path}: {problem}.", "Make it again with `etl library artifacts`.")
    return loaded


def _npz_members(path: Path | str) -> dict[str, NDArray[Any]]:
    # Opened here, since numpy would leave a damaged archive open.
    with Path(path).open("rb") as file, np.load(file, allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}


def _parquet_members(path: Path | str) -> dict[str, NDArray[Any]]:
    metadata = pl.read_parquet_metadata(path)
    frame = pl.read_parquet(path)
    members = {"manifest": np.array(metadata["manifest"])}
    for name, text in metadata.items():
        if name.startswith(("feature_", "normalization_")):
            members[name] = np.array(json.loads(text))
    for name in frame.columns:
        if name in MATRICES:
            values = frame[name].list.to_array(len(members["feature_names"])).to_numpy()
        elif name == _LENGTHS:
            values = frame[name].list.to_array(len(MATRICES)).to_numpy()
        else:
            values = _text(frame[name]) if frame[name].dtype == pl.String else frame[name].to_numpy()
        members[name] = values
    return members


def _misaligned(artifacts: Artifacts) -> str:  # noqa: PLR0911 -- one line per fault
    rows = artifacts.track_ids.shape
    if len(rows) != 1:
        return f"track_ids has shape {rows}"
    for name, values in {**artifacts.matrices, **artifacts.columns}.items():
        if values.shape[:1] != rows:
            return f"{name} has shape {values.shape}, track_ids has {rows[0]} rows"
    for name, values in artifacts.matrices.items():
        if values.ndim != 2 or values.shape[1:] != artifacts.feature_names.shape:
            return f"{name} has shape {values.shape} for {artifacts.feature_names.size} features"
        if values.dtype.kind != "f" or not np.isfinite(values).all():
            return f"{name} holds values that are not finite numbers"
    if artifacts.feature_names.shape != artifacts.feature_units.shape:
        return "there are not as many units as features"
    if rows[0] > 1:
        order = artifacts.track_ids[:-1] < artifacts.track_ids[1:]
        if not order.all():
            at = int(np.argmin(order))
            twice = artifacts.track_ids[at] == artifacts.track_ids[at + 1]
            return f"track {artifacts.track_ids[at]} {'occurs twice' if twice else 'is out of order'}"
    return ""


def _selected(include: str | None, exclude: str | None) -> NDArray[np.intp]:
    try:
        keep = [
            bool((not include or re.search(include, name)) and not (exclude and re.search(exclude, name)))
            for name in FEATURE_NAMES
        ]
    except re.error as error:
        raise EtlError(
            f"`{error.pattern!s}` is not a regular expression: {error}.",
            "For example --include 'mfcc|chroma_cqt'.",
            exit_code=ExitCode.USAGE,
        ) from error
    if not any(keep):
        raise EtlError(
            "no feature matches --include and --exclude.",
            f"Names are like {FEATURE_NAMES[0]}, {FEATURE_NAMES[70]}.",
            exit_code=ExitCode.USAGE,
        )
    return np.flatnonzero(keep)


def _parameters(matrix: NDArray[np.float64], method: Normalization) -> dict[str, NDArray[np.float64]]:
    """Centre and scale of each column, and the axes of a PCA; constant columns keep scale 1."""
    if method is Normalization.NONE or not len(matrix):
        return {}
    if method is Normalization.ROBUST:
        lower, centre, upper = np.percentile(matrix, [25, 50, 75], axis=0)
        scale = (upper - lower) / _IQR_OF_NORMAL
    else:
        centre, scale = matrix.mean(axis=0), matrix.std(axis=0)
    scale = np.where(scale > 1e-12 * np.maximum(np.abs(centre), 1.0), scale, 1.0)
    if method is not Normalization.PCA:
        return {"centre": centre, "scale": scale}
    if len(matrix) < 3:
        raise EtlError("a PCA needs at least 3 tracks.", "Use --normalize robust.")
    _, strengths, axes = np.linalg.svd((matrix - centre) / scale, full_matrices=False)
    if not strengths[0]:
        raise EtlError("a PCA needs tracks that differ; these are all alike.", "Use --normalize robust.")
    strong = strengths > 1e-9 * strengths[0]
    # The sign of an axis is free; the largest weight is made positive so that runs agree.
    axes = axes[strong]
    axes *= np.sign(axes[np.arange(len(axes)), np.abs(axes).argmax(axis=1)])[:, np.newaxis]
    return {"centre": centre, "scale": scale, "axes": axes, "variance": strengths[strong] ** 2 / len(matrix)}


def _scaled(
    matrix: NDArray[np.float64], parameters: Mapping[str, NDArray[np.float64]]
) -> NDArray[np.float64]:
    if parameters:
        matrix = (matrix - parameters["centre"]) / parameters["scale"]
    return matrix @ parameters["axes"].T if "axes" in parameters else matrix


def _text(values: pl.Series) -> NDArray[np.str_]:
    return np.array(values.to_list(), dtype=np.str_)
