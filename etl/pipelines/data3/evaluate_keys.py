"""Measure both key finders on songs whose key is annotated."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from etl.chords.glossary import Glossary
from etl.chords.key_model import training_data
from etl.chords.key_scores import (
    calibration_error,
    calibration_error_by_chance,
    parse_key,
    reliability,
    scores_by_confidence,
)
from etl.chords.keys import KeyMethod, with_key
from etl.chords.notations import detect
from etl.chords.tokens import tokenize
from etl.music.keys import NO_KEY
from etl.runtime.errors import EtlError, ExitCode
from etl.sources.chords.blocks import read_blocks
from etl.sources.chords.files import open_source
from etl.sources.chords.rows import parse_block
from etl.sources.chords.streams import readable, source_name

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_SONGS: Final = 1000  # that the notation is found from
_SHOWN: Final = 5  # unreadable annotations that are named


@dataclass(frozen=True)
class KeyEvaluation:
    """How well keys were found.

    Attributes
    ----------
    songs
        How many songs were compared.
    is_training_data
        Whether they are the songs that the trained method has learnt from.
    left_out
        Rows that were not, by reason: ``broken_rows``, ``without_an_annotated_key``,
        ``with_an_annotation_that_is_not_a_key``.
    scores
        For each method: :func:`~etl.chords.key_scores.scores_by_confidence`.
    reliability
        For each method: :func:`~etl.chords.key_scores.reliability`.
    calibration_error
        For each method: the expected calibration error, 0 to 1.
    by_chance
        For each method: what that would be on average, on so many songs, if the confidence were perfect.
    """

    songs: int
    is_training_data: bool
    left_out: dict[str, int]
    scores: dict[KeyMethod, pl.DataFrame]
    reliability: dict[KeyMethod, pl.DataFrame]
    calibration_error: dict[KeyMethod, float]
    by_chance: dict[KeyMethod, float]


def evaluate_keys(
    songs: Path,
    *,
    truth: Path | None = None,
    key_column: str = "key",
    methods: Sequence[KeyMethod] = tuple(KeyMethod),
    bands: int = 4,
) -> KeyEvaluation:
    """Compare the found keys with annotated ones.

    Parameters
    ----------
    songs
        Chord songs with the columns ``id`` and ``chords``, and the annotated key unless ``truth`` has it.
    truth
        A file with ``id`` and the annotated key.
    key_column
        Name of the column with the annotated key; what a key may look like: :func:`parse_key`.
    methods
        Which methods to measure.
    bands
        Into how many equal bands of confidence to cut the songs.

    Raises
    ------
    EtlError
        If a file cannot be read, lacks a column, or no row has a key that can be read.
    """
    if truth is None:
        rows, refused = _read(songs, ["id", "chords", key_column])
    else:
        chords, refused = _read(songs, ["id", "chords"])
        annotated, refused_truth = _read(truth, ["id", key_column])
        rows = chords.join(annotated, on="id", how="left", maintain_order="left")
        refused += refused_truth
    texts = rows[key_column]
    keys = np.array([parse_key(text or "") for text in texts.to_list()], dtype=np.int64)
    unreadable = texts.filter(pl.Series(keys == NO_KEY) & texts.is_not_null() & (texts != ""))
    annotated_songs = pl.Series(keys != NO_KEY)
    if not annotated_songs.any():
        examples = ", ".join(repr(text) for text in unreadable.head(_SHOWN).to_list())
        raise EtlError(
            f"no song of {songs} has an annotated key in the column `{key_column}`"
            + (f"; it has, for example, {examples}." if examples else "."),
            "Keys look like `C Major`, `F# minor`, `Bbm` or `Eb:min`; name the column with --key-column.",
            exit_code=ExitCode.BAD_DATA,
        )
    left_out = {
        "broken_rows": refused,
        "without_an_annotated_key": int(keys.size - annotated_songs.sum() - len(unreadable)),
        "with_an_annotation_that_is_not_a_key": len(unreadable),
    }
    texts = rows["chords"].filter(annotated_songs)
    tokens, vocabulary = tokenize(texts, Glossary(detect(texts.head(_SONGS)).notation))
    known = keys[keys != NO_KEY]
    scores, reliabilities, errors, by_chance = {}, {}, {}, {}
    for method in methods:
        found = pl.LazyFrame({"tokens": tokens}).pipe(with_key, vocabulary, method=method).collect()
        key, confidence = found["key"].to_numpy().astype(np.int64), found["key_confidence"].to_numpy()
        scores[method] = scores_by_confidence(key, confidence, known, bands=bands)
        reliabilities[method] = reliability(confidence, key == known)
        errors[method] = calibration_error(confidence, key == known)
        by_chance[method] = calibration_error_by_chance(confidence)
    is_training_data = songs.is_file() and _sha256(songs) in training_data()
    return KeyEvaluation(len(known), is_training_data, left_out, scores, reliabilities, errors, by_chance)


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _read(path: Path, columns: list[str]) -> tuple[pl.DataFrame, int]:
    """Read the wanted columns as text, and count the rows that are broken."""
    parts = [pl.DataFrame(schema=dict.fromkeys(columns, pl.String))]
    refused = 0
    with readable(path) as file:
        for block in read_blocks([open_source(file, columns, name=source_name(path))]):
            rows = parse_block(block)
            parts.append(rows.songs.select(columns))
            refused += rows.rejects.height
    whole = pl.concat(parts)
    once = whole.unique("id", keep="first", maintain_order=True)
    return once, refused + whole.height - once.height
