"""The parts of MIDI files as arrays, beside those of the files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl

from etl.midi.categories import CATEGORIES
from etl.midi.roles import ROLES
from etl.music.keys import KEY_INDEX, NO_KEY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_FIGURES: Final = (
    "bars", "notes", "pitch_min", "pitch_max", "pitch_mean", "velocity_mean", "polyphony", "mean_polyphony",
    "drum_score", "key_confidence", "role_confidence",
)  # fmt: skip

PART_ARRAYS: Final = {
    "part_file": "index into ids of the file that each part is from",
    "part_track": "its track, from 0",
    "part_channel": "its channel, from 0",
    "part_program": "its General MIDI program, 0-127",
    "part_key": "as key",
    "part_category": "as category",
    "part_role": "index into role_names",
    "part_pitch_class_profile": "as pitch_class_profile, of the part",
    "part_figures": "named by part_figure_names; NaN none",
    "part_token_ids": "as token_ids, chords that part i plays by itself, by part_token_offsets",
    "part_token_beats": "as token_beats",
}


def chord_tokens(rows: pl.DataFrame, vocabulary: pl.Series) -> dict[str, NDArray[Any]]:
    """Give the chords of rows, end to end: ``token_ids``, ``token_beats`` and ``token_offsets``.

    Parameters
    ----------
    rows
        ``chords`` and ``chord_beats``, lists of one length.
    vocabulary
        All chord symbols, each once.
    """
    lengths = rows["chords"].list.len().fill_null(0).to_numpy()
    index = pl.DataFrame({"chords": vocabulary, "id": np.arange(len(vocabulary), dtype=np.int32)})
    chords = rows.select(pl.col("chords", "chord_beats").explode()).drop_nulls()
    tokens = chords.join(index, on="chords", maintain_order="left")
    return {
        "token_ids": tokens["id"].to_numpy(),
        "token_beats": tokens["chord_beats"].to_numpy(),
        "token_offsets": np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
    }


def part_arrays(parts: pl.DataFrame, ids: Sequence[str], vocabulary: pl.Series) -> dict[str, NDArray[Any]]:
    """Give the arrays that `PART_ARRAYS` describes, and the names they point into.

    Parameters
    ----------
    parts
        Rows of the view ``midi_parts``.
    ids
        Content hashes of the files, in the order of their arrays; parts of others are left out.
    vocabulary
        All chord symbols, each once.
    """
    numbers = pl.DataFrame({"sha256": ids, "file": np.arange(len(ids), dtype=np.int32)})
    rows = parts.join(numbers, on="sha256", maintain_order="left")
    categories = {name: number for number, name in enumerate(CATEGORIES)}
    roles = {name: number for number, name in enumerate(ROLES)}
    return {
        "part_file": rows["file"].to_numpy(),
        "part_track": rows["track"].to_numpy(),
        "part_channel": rows["channel"].cast(pl.Int8).to_numpy(),
        "part_program": rows["program"].cast(pl.Int16).to_numpy(),
        "part_key": rows["key"].replace_strict(KEY_INDEX, default=NO_KEY, return_dtype=pl.Int8).to_numpy(),
        "part_category": rows["category"]
        .replace_strict(categories, default=-1, return_dtype=pl.Int8)
        .to_numpy(),
        "part_role": rows["role"].replace_strict(roles, default=-1, return_dtype=pl.Int8).to_numpy(),
        "part_pitch_class_profile": rows["pitch_class_profile"]
        .explode()
        .to_numpy()
        .astype(np.float32)
        .reshape(-1, 12),
        "part_figures": rows.select(
            pl.col(name).cast(pl.Float32).fill_null(float("nan")) for name in _FIGURES
        ).to_numpy(),
        "part_figure_names": np.array(_FIGURES),
        "role_names": np.array(ROLES),
        **{f"part_{name}": array for name, array in chord_tokens(rows, vocabulary).items()},
    }
