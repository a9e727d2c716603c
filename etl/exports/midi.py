"""The MIDI library for machine learning: matrices as NPZ, the analysis as Parquet."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl

import etl
from etl.exports.midi_parts import PART_ARRAYS, chord_tokens, part_arrays
from etl.midi.categories import CATEGORIES
from etl.midi.drum_classes import DRUM_CLASSES
from etl.music.keys import KEY_INDEX, NO_KEY
from etl.runtime.disk.files import atomic_path

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_FIGURES: Final = (
    "bpm", "bpm_confidence", "seconds", "notes", "polyphony", "mean_polyphony", "velocity_mean", "drum_score",
    *(f"{name}_share" for name in DRUM_CLASSES),
)  # fmt: skip

_ARRAYS: Final = {
    "ids": "SHA-256 of each file's content",
    "key": "0-11 major from C, 12-23 minor from C, -1 none",
    "key_posterior": "probability of each of the 24 keys",
    "pitch_class_profile": "share of each pitch class in the sounding time, from C, drums left out",
    "figures": (
        "named by figure_names: bpm in quarter notes per minute, seconds, notes, polyphony (most at once), "
        "mean_polyphony (while any sounds), velocity_mean 1-127, scores, confidences and shares 0-1; NaN none"
    ),
    "category": "index into category_names, -1 none",
    "token_ids": "chords of file i at token_offsets[i]:token_offsets[i + 1], indices into vocabulary",
    "token_beats": "length of each chord in quarter notes",
}


def write_midi_npz(
    frame: pl.DataFrame,
    target: Path,
    *,
    analysis: str,
    parts: pl.DataFrame | None = None,
    add: Callable[[Path], None] | None = None,
) -> int:
    """Write one row per different MIDI file; loads with ``allow_pickle=False``.

    The file holds ``ids`` (N,) content hashes; ``key`` (N,) int8 as in `etl.music.keys`, -1 none;
    ``key_posterior`` (N, 24) and ``pitch_class_profile`` (N, 12) float32; ``figures`` (N, F) float32 named by
    ``figure_names``, NaN where there is none; ``category`` (N,) int8, index into ``category_names``, -1
    none; the chords of file i as
    ``token_ids[token_offsets[i]:token_offsets[i + 1]]``, indices into ``vocabulary``, each for
    ``token_beats`` quarter notes; and ``manifest``, JSON, which says what made it and what the arrays are.
    A ``bpm`` whose ``bpm_confidence`` is 0 is the default of 120, not a finding.

    Parameters
    ----------
    frame
        Rows of ``midi_analysis``.
    target
        The file.
    analysis
        Version of the analysis, for the manifest.
    add
        Adds further arrays to the file before it is in its place.
    parts
        Rows of the view ``midi_parts``: the arrays of `etl.exports.midi_parts` are written too.

    Returns
    -------
    int
        Number of rows.
    """
    symbols = [rows["chords"].explode() for rows in (frame, parts) if rows is not None]
    vocabulary = pl.concat(symbols).drop_nulls().unique().sort()
    manifest = {
        "made_by": f"music-etl {etl.__version__}",
        "analysis": analysis,
        "source": "midi_analysis",
        "rows": frame.height,
        "arrays": _ARRAYS if parts is None else _ARRAYS | PART_ARRAYS,
    }
    of_chords: dict[str, Any] = chord_tokens(frame, vocabulary)
    of_parts: dict[str, Any] = {}
    if parts is not None:
        of_parts = part_arrays(parts, frame["sha256"].to_list(), vocabulary)
    with atomic_path(target) as temporary, temporary.open("wb") as file:
        np.savez_compressed(
            file,
            ids=frame["sha256"].to_numpy().astype("U64"),
            key=frame["key"].replace_strict(KEY_INDEX, default=NO_KEY, return_dtype=pl.Int8).to_numpy(),
            key_posterior=_matrix(frame["key_posterior"], 24),
            pitch_class_profile=_matrix(frame["pitch_class_profile"], 12),
            figures=frame.select(
                pl.col(name).cast(pl.Float32).fill_null(float("nan")) for name in _FIGURES
            ).to_numpy(),
            figure_names=np.array(_FIGURES),
            category=frame["category"]
            .replace_strict({name: i for i, name in enumerate(CATEGORIES)}, default=-1, return_dtype=pl.Int8)
            .to_numpy(),
            category_names=np.array(CATEGORIES),
            **of_chords,
            vocabulary=np.array(vocabulary.to_list(), dtype=np.str_),
            manifest=np.array(json.dumps(manifest)),
            **of_parts,
        )
        if add is not None:
            file.flush()
            add(temporary)
    return frame.height


def _matrix(column: pl.Series, width: int) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    return column.explode().to_numpy().astype(np.float32).reshape(-1, width)


def write_midi_parquet(frame: pl.DataFrame, target: Path) -> int:
    """Write analysed files, or parts, with their tags; give the rows."""
    with atomic_path(target) as temporary:
        frame.write_parquet(temporary)
    return frame.height
