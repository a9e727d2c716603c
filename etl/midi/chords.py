"""Chords by beat, in Chordonomicon spelling."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import polars as pl

from etl.midi.arrays import NOTE
from etl.midi.beat_kernel import MAX_BEATS, beat_grid, beat_profiles, chord_path, segment_basses
from etl.midi.chord_notes import QUALITY_KINDS, QUALITY_NOTES
from etl.midi.stats_kernel import notes_of_parts
from etl.music.pitch_classes import CHORDONOMICON_SHARP_NAMES, FLAT_NAMES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from etl.midi.arrays import MidiBatch

SUFFIXES: Final = tuple(QUALITY_KINDS)
NO_CHORD: Final = len(SUFFIXES) * 12
INTERVALS: Final = np.array([[*notes, 0][:4] for notes in QUALITY_NOTES.values()], np.int64)
SIZES: Final = np.array([len(notes) for notes in QUALITY_NOTES.values()], np.int64)
KINDS: Final = np.array(list(QUALITY_KINDS.values()), np.int64)

# Both fitted by ``benchmarks.training.midi_fit_chords``.
KIND_SCORES: Final = np.array([0.0, -0.4, -0.6])
"""Score that a chord of each kind starts with."""
CHORD_WEIGHTS: Final = np.array([0.8, 1.0, 0.6, 1.2, 0.45, 0.0, 0.0, 0.05, 0.4])
"""Of root, third and fifth, fourth note, foreign notes; bass on the root, on another chord note, foreign;
sounding time that counts as silence (beats); cost of a change."""

# Keys (major tonic, or relative major of a minor key) written with flats.
_FLAT_MAJORS: Final = np.array([1, 3, 5, 8, 10])


class Beats(NamedTuple):
    """Beats of a batch: ``offsets`` (files + 1,), ``origins`` in ticks; the rest is (beats, 12)."""

    offsets: NDArray[np.int64]
    origins: NDArray[np.float64]
    profiles: NDArray[np.float64]
    basses: NDArray[np.float64]


def find_beats(batch: MidiBatch) -> Beats:
    """Lay a grid of quarter notes over each file and add up what sounds in each beat, drums left out."""
    origins = np.zeros(len(batch.files))
    ends = np.zeros(len(batch.files), np.int64)
    total = beat_grid(batch.files, batch.notes, batch.note_offsets, origins, ends)
    offsets = np.concatenate([np.zeros(1, np.int64), ends])
    profiles, basses = np.zeros((total, 12)), np.zeros((total, 12))
    beat_profiles(batch.files, batch.notes, batch.note_offsets, origins, offsets, profiles, basses)
    return Beats(offsets, origins, profiles, basses)


def find_beats_of_parts(
    batch: MidiBatch, parts: NDArray[Any], wanted: NDArray[np.bool_], origins: NDArray[np.float64]
) -> Beats:
    """Do the same for parts, each from the beat of its file in which it begins to the one in which it ends.

    Parameters
    ----------
    batch
        Parsed files.
    parts
        Their `etl.midi.stats_kernel.PART` records.
    wanted
        Which of them, (parts,); no drums.
    origins
        Tick of the first beat of each file.

    Returns
    -------
    Beats
        Of each wanted part.
    """
    records = parts[wanted]
    owner, counts = records["file"], records["notes"]
    notes = np.empty(int(counts.sum()), NOTE)
    notes_of_parts(batch.notes, batch.note_offsets, parts, wanted, notes)
    files = batch.files[owner]
    division = files["division"].astype(np.float64)
    first = np.floor((records["start_tick"] - origins[owner]) / division)
    starts = origins[owner] + np.maximum(first, 0.0) * division
    lengths = np.clip(np.ceil((records["end_tick"] - starts) / division), 1, MAX_BEATS).astype(np.int64)
    offsets, note_offsets = (np.concatenate([[0], np.cumsum(sizes)]) for sizes in (lengths, counts))
    profiles, basses = np.zeros((offsets[-1], 12)), np.zeros((offsets[-1], 12))
    beat_profiles(files, notes, note_offsets, starts, offsets, profiles, basses)
    return Beats(offsets, starts, profiles, basses)


def chord_labels(beats: Beats) -> NDArray[np.int16]:
    """Chord of each beat: index of its suffix in `SUFFIXES` * 12 + root, or `NO_CHORD`.

    References
    ----------
    .. [1] Pardo and Birmingham, "Algorithms for chordal analysis", Computer Music Journal 26(2), 2002:
       template scores; the bass terms and the Viterbi smoothing are added here.
    """
    labels = np.empty(len(beats.profiles), np.int16)
    chord_path(
        beats.offsets,
        beats.profiles,
        beats.basses,
        INTERVALS,
        SIZES,
        KIND_SCORES[KINDS],
        CHORD_WEIGHTS,
        labels,
    )
    return labels


def chord_segments(beats: Beats, labels: NDArray[np.int16], first: int = 0) -> pl.DataFrame:
    """Join equal neighbours.

    Parameters
    ----------
    beats, labels
        Of some files.
    first
        Number of the first of them.

    Returns
    -------
    DataFrame
        One row per chord: ``file: i32``, ``label: i16``, ``beat: i32`` (first beat), ``beats: i32`` (length),
        ``bass: i8`` (pitch class that is lowest most of the time, -1 in silence).
    """
    if not len(labels):
        schema = {"file": pl.Int32, "label": pl.Int16, "beat": pl.Int32, "beats": pl.Int32, "bass": pl.Int8}
        return pl.DataFrame(schema=schema)
    files = np.repeat(np.arange(len(beats.offsets) - 1, dtype=np.int32), np.diff(beats.offsets))
    opens = np.flatnonzero(np.r_[True, (labels[1:] != labels[:-1]) | (files[1:] != files[:-1])])
    lengths = np.diff(np.r_[opens, len(labels)])
    basses = np.empty(len(opens), np.int8)
    segment_basses(opens, beats.basses, basses)
    return pl.DataFrame(
        {
            "file": files[opens] + np.int32(first),
            "label": labels[opens],
            "beat": (opens - beats.offsets[files[opens]]).astype(np.int32),
            "beats": lengths.astype(np.int32),
            "bass": basses,
        }
    )


def spell_chords(segments: pl.DataFrame, keys: NDArray[np.int8]) -> pl.DataFrame:
    """Write chords as Chordonomicon symbols.

    Parameters
    ----------
    segments
        From `chord_segments`.
    keys
        Key of each file, -1 to 23: flats are written in flat keys, sharps elsewhere.

    Returns
    -------
    DataFrame
        ``segments`` without silence, with ``symbol: str`` (``Fsmin7``, ``C/E``; the bass where it is another
        note of the chord).
    """
    rows = segments.filter(pl.col("label") < NO_CHORD)
    majors = np.where(keys >= 12, (keys - 12 + 3) % 12, keys)
    flat = np.isin(majors, _FLAT_MAJORS)[rows["file"].to_numpy()]
    codes = (flat * NO_CHORD + rows["label"].to_numpy()) * 13 + rows["bass"].to_numpy() + 1
    return rows.with_columns(symbol=_SYMBOLS.gather(codes))


def chord_lists(segments: pl.DataFrame) -> pl.DataFrame:
    """Collect the chords of each file; equal neighbours (after silence) become one, as in Chordonomicon.

    Returns
    -------
    DataFrame
        One row per file that has any: ``file``, ``chords: list[str]``, ``chord_beats: list[i32]`` and
        ``distinct_chords``.
    """
    opens = (pl.col("symbol") != pl.col("symbol").shift(1)) | (pl.col("file") != pl.col("file").shift(1))
    return (
        segments.with_columns(run=opens.fill_null(value=True).cum_sum())
        .group_by("file", "run", maintain_order=True)
        .agg(pl.col("symbol").first(), pl.col("beats").sum())
        .group_by("file", maintain_order=True)
        .agg(
            chords=pl.col("symbol"),
            chord_beats=pl.col("beats"),
            distinct_chords=pl.col("symbol").n_unique(),
        )
    )


def _symbols() -> pl.Series:
    """Spell every chord over no bass (0) and the twelve basses (1-12), with sharps, then with flats."""
    return pl.Series(
        [
            f"{roots[root]}{suffix}"
            + (f"/{roots[bass]}" if (bass - root) % 12 in notes[1:] and bass >= 0 else "")
            for roots in (CHORDONOMICON_SHARP_NAMES, FLAT_NAMES)
            for suffix, notes in QUALITY_NOTES.items()
            for root in range(12)
            for bass in range(-1, 12)
        ],
        dtype=pl.String,
    )


_SYMBOLS: Final = _symbols()
