"""What a file of the library was before somebody edited it: evidence of what it is now."""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from etl.midi.analysis import analyze
from etl.midi.file_names import with_name_figures
from etl.midi.rework import transposed_key

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from etl.midi.arrays import MidiBatch
    from etl.store.midi_library import LibraryPiece

_AS_BEFORE: Final = 0.5
"""How far the key and the tempo that a piece had are trusted, as if its name had them."""
_ALIKE: Final = 0.98
"""Cosine of two pitch class profiles from which they are of the same music, moved."""
_SAME_MUSIC: Final = 0.9


def with_evidence_of_before(
    names: pl.DataFrame, batch: MidiBatch, before: Mapping[str, LibraryPiece]
) -> pl.DataFrame:
    """Put what files were before they were edited in the place of what their names in the library say.

    Those names are ours: they were made of the figures of before.

    Parameters
    ----------
    names
        A row for each file of the batch, in order: ``file``, ``path``, ``stem``, ``folder``, and what
        `etl.midi.file_names.with_name_figures` adds.
    batch
        The files as they are.
    before
        The pieces that they were, by path.

    Returns
    -------
    DataFrame
        ``names`` with ``is_part: bool``, and other figures where a piece is known.
    """
    profiles = analyze(batch).files["pitch_class_profile"].to_numpy()
    known = [
        (file, *_evidence(before[path], profiles[file]))
        for file, path in names.select("file", "path").rows()
        if path in before
    ]
    schema = {
        "file": pl.Int32, "stem": pl.String, "folder": pl.String, "key": pl.String, "bpm": pl.Float64,
        "trust": pl.Float64, "was_moved": pl.Boolean, "is_part": pl.Boolean,
    }  # fmt: skip
    evidence = pl.LazyFrame(known, schema=schema, orient="row")
    said = with_name_figures(evidence).collect(engine="in-memory")
    replaced = (
        names.drop("stem", "folder", *(name for name in names.columns if name.startswith("name_")))
        .join(_with_figures_of_before(said), on="file", how="inner", maintain_order="left")
    )  # fmt: skip
    others = names.join(said, on="file", how="anti").with_columns(is_part=False)
    return pl.concat([replaced, others], how="diagonal_relaxed").sort("file")


def without_progressions(files: pl.DataFrame, names: pl.DataFrame) -> pl.DataFrame:
    """Leave out the chords of parts, which are none of the song's: a part is no progression."""
    parts = names.filter("is_part")["file"].to_list()
    of_part = pl.col("file").is_in(parts)
    return files.with_columns(distinct_chords=pl.when(of_part).then(0).otherwise("distinct_chords"))


def _evidence(
    piece: LibraryPiece, profile: NDArray[np.float32]
) -> tuple[str, str, str | None, float | None, float, bool, bool]:
    """Say how a piece is called, what it was before, and whether it was moved; the names of parts are ours.

    ``profile`` (12) are shares of the sounding time now: where they are those of before, moved, the piece was
    transposed, and so was its key.
    """
    up, likeness = _moved(np.array(piece.pitch_class_profile), profile)
    is_same, is_part = likeness >= _ALIKE, piece.track is not None
    up = up if is_same else 0
    stem, folder = PurePath(piece.title or "").stem, PurePath(piece.path).parent.name
    if is_part:
        stem = folder = ""
    key = transposed_key(piece.key, up)
    return stem, folder, key, piece.bpm, _SAME_MUSIC if is_same else _AS_BEFORE, up != 0, is_part


def _with_figures_of_before(said: pl.DataFrame) -> pl.DataFrame:
    """Where names are silent, take key and tempo of before; names of what was transposed say no key."""
    as_before = {"name_key": "key", "name_bpm": "bpm"}
    said = said.with_columns(name_key=pl.when(~pl.col("was_moved")).then("name_key"))
    silent = {
        name: pl.col(name).is_null() & pl.col(before).is_not_null() for name, before in as_before.items()
    }
    return said.with_columns(
        *(pl.coalesce(name, before).alias(name) for name, before in as_before.items()),
        name_key_confidence=pl.when(silent["name_key"]).then("trust").otherwise("name_key_confidence"),
        name_bpm_confidence=pl.when(silent["name_bpm"]).then(_AS_BEFORE).otherwise("name_bpm_confidence"),
    ).drop("key", "bpm", "trust", "was_moved")


def _moved(before: NDArray[np.float64], after: NDArray[np.float32]) -> tuple[int, float]:
    """Say how many semitones up one profile is most like another, and the cosine of the two then."""
    scale = float(np.linalg.norm(before) * np.linalg.norm(after)) or 1.0
    alike = np.array([np.roll(before, up) @ after for up in range(12)]) / scale
    up = int(alike.argmax())
    return up, float(alike[up])
