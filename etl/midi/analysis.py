"""Everything there is to know about a batch of files, as two frames: files and parts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import polars as pl

from etl.midi.arrays import repair_names
from etl.midi.chords import chord_labels, chord_lists, chord_segments, find_beats, spell_chords
from etl.midi.drum_classes import CATEGORY_SCORE, DRUM_CLASSES, TAG_SCORE
from etl.midi.drums import drum_scores, mark_drums
from etl.midi.file_names import with_track_figures
from etl.midi.keys import Keys, find_keys, weigh_key_evidence
from etl.midi.names import part_names
from etl.midi.parts import hash_texts, part_chords, part_figures
from etl.midi.roles import role_chances, role_columns
from etl.midi.stats_kernel import FILE_STATS, PART, file_stats, part_stats
from etl.midi.tempo import metre_columns, tempo_columns
from etl.midi.texts import file_encodings
from etl.music.keys import KEY_NAMES, NO_KEY

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from etl.midi.arrays import MidiBatch


_FILES_AT_ONCE: Final = 64


class Analysis(NamedTuple):
    """``files`` has a row per file, in order; ``parts`` a row per track and channel with notes.

    ``records`` are the `etl.midi.stats_kernel.PART` records of the parts, in their order.
    """

    files: pl.DataFrame
    parts: pl.DataFrame
    records: NDArray[Any]


def survey(batch: MidiBatch, names: pl.DataFrame | None = None) -> Analysis:
    """Count what is cheap to count: notes, parts, drums, tempo; no keys and no chords.

    Notes of parts found to be drums are flagged in the batch.

    Parameters
    ----------
    batch
        Parsed files.
    names
        ``file`` and what `etl.midi.file_names.with_name_figures` finds in the names, at most once per file.

    Returns
    -------
    Analysis
        Some of the columns of :func:`analyze`.
    """
    records = np.empty(len(batch.notes), PART)
    records = records[: part_stats(batch.files, batch.notes, batch.note_offsets, records)]
    chances = role_chances(records)
    encodings = file_encodings(batch)
    names_of_parts = part_names(batch, records, [encoding.name for encoding in encodings])
    scores = drum_scores(records, chances, names_of_parts)
    mark_drums(batch, records, scores)
    parts = part_columns(records, names_of_parts, scores, chances)
    said = with_track_figures(names, parts)
    files = (
        _file_columns(batch)
        .join(tempo_columns(batch, said), on="file", how="left", maintain_order="left")
        .join(_part_summary(parts), on="file", how="left", maintain_order="left")
        .with_columns(
            text_encoding=pl.Series([encoding.name for encoding in encodings], dtype=pl.String),
            text_encoding_guessed=pl.Series([encoding.is_guess for encoding in encodings], dtype=pl.Boolean),
            programs=pl.col("programs").fill_null([]),
            drum_score=pl.col("drum_score").fill_null(0.0),
            parts=pl.col("parts").fill_null(0),
            is_one_pitch=pl.col("is_one_pitch").fill_null(value=False),
            **{f"{name}_share": pl.col(f"{name}_share").fill_null(0.0) for name in DRUM_CLASSES},
        )
    )
    return Analysis(files, parts, records)


def analyze(
    batch: MidiBatch, surveyed: Analysis | None = None, names: pl.DataFrame | None = None
) -> Analysis:
    """Analyse parsed files: counts, tempo, metre, key, drums and chords.

    Parameters
    ----------
    batch
        Parsed files; notes of parts found to be drums are flagged in it.
    surveyed
        From :func:`survey` of the same batch, if that is done already.
    names
        What the names say, as :func:`survey` takes it.

    Returns
    -------
    Analysis
        Columns as described in ``schemas/midi_analysis.json`` and ``schemas/midi_tracks.json``; both have
        ``file``, the index in the batch; files have ``is_one_pitch`` besides, which categories go by.
    """
    counted, parts, records = surveyed or survey(batch, names)
    found, segments, origins = _harmony(batch)
    keys, sources = weigh_key_evidence(batch, found, with_track_figures(names, parts))
    segments = spell_chords(segments, keys.key)
    files = (
        counted.join(metre_columns(batch, names), on="file", how="left", maintain_order="left")
        .join(chord_lists(segments), on="file", how="left", maintain_order="left")
        .with_columns(
            key=pl.Series([KEY_NAMES[key] if key >= 0 else None for key in keys.key], dtype=pl.String),
            key_confidence=pl.Series(keys.posterior.max(axis=1).round(4)),
            key_posterior=pl.Series(
                keys.posterior.round(6).astype(np.float32), dtype=pl.Array(pl.Float32, 24)
            ),
            key_source=pl.Series(sources, dtype=pl.String),
            key_scope=pl.Series(np.where(keys.key < 0, "none", np.where(keys.is_loop, "phrase", "piece"))),
            key_change_beat=pl.Series(keys.change_beat).replace(-1, None),
            other_key=pl.Series(
                [KEY_NAMES[key] if key >= 0 else None for key in keys.other_key], dtype=pl.String
            ),
            **_key_lists(keys),
            pitch_class_profile=pl.Series(_profiles(keys.totals), dtype=pl.Array(pl.Float32, 12)),
            chords=pl.col("chords").fill_null([]),
            chord_beats=pl.col("chord_beats").fill_null([]),
            distinct_chords=pl.col("distinct_chords").fill_null(0),
        )
    )
    figures = part_figures(records, parts, keys.posterior, files)
    parts = pl.concat([parts, figures], how="horizontal")
    chords = part_chords(batch, records, parts, files=files, origins=origins, keys=keys.key)
    return Analysis(files, pl.concat([parts, chords], how="horizontal"), records)


def _harmony(batch: MidiBatch) -> tuple[Keys, pl.DataFrame, NDArray[np.float64]]:
    """Find the keys of the files, their chords without names, and the ticks of their first beats.

    A few files at a time: their beats take more memory than their notes, and memory that is used again is
    the faster.
    """
    keys, segments, origins = [], [], []
    for first in range(0, max(1, len(batch.files)), _FILES_AT_ONCE):
        some = batch.some(first, first + _FILES_AT_ONCE)
        beats = find_beats(some)
        labels = chord_labels(beats)
        keys.append(find_keys(some, beats, labels))
        segments.append(chord_segments(beats, labels, first))
        origins.append(beats.origins)
    return Keys(*map(np.concatenate, zip(*keys, strict=True))), pl.concat(segments), np.concatenate(origins)


def _file_columns(batch: MidiBatch) -> pl.DataFrame:
    """Give counts, ranges and repairs of each file."""
    stats = np.zeros(len(batch.files), FILE_STATS)
    file_stats(batch.files, batch.notes, batch.note_offsets, stats)
    records = batch.files
    notes = np.maximum(1, stats["notes"])
    mean = stats["velocity_sum"] / notes
    deviation = np.sqrt(np.maximum(0.0, stats["velocity_squares"] / notes - mean * mean))
    warnings = {int(bits): repair_names(int(bits)) for bits in np.unique(records["warnings"])}
    frame = pl.DataFrame(
        {
            "file": np.arange(len(records), dtype=np.int32),
            "valid": records["valid"],
            "format": records["format"].astype(np.int16),
            "division": records["division"],
            "tracks": records["tracks"],
            "seconds": records["seconds"].round(6),
            "notes": stats["notes"],
            "drum_notes": stats["drum_notes"],
            "polyphony": stats["polyphony"],
            "mean_polyphony": stats["mean_polyphony"].round(4),
            "pitch_min": stats["pitch_min"].astype(np.int16),
            "pitch_max": stats["pitch_max"].astype(np.int16),
            "velocity_min": stats["velocity_min"].astype(np.int16),
            "velocity_max": stats["velocity_max"].astype(np.int16),
            "velocity_mean": mean.round(4),
            "velocity_deviation": deviation.round(4),
        }
    ).with_columns(
        repairs=pl.Series([warnings[int(bits)] for bits in records["warnings"]], dtype=pl.List(pl.String)),
        note_hash=hash_texts(stats["note_hash"]),
    )
    silent, unpitched = pl.col("notes") == 0, pl.col("notes") == pl.col("drum_notes")
    return frame.with_columns(
        pl.when(unpitched).then(None).otherwise(pl.col("pitch_min", "pitch_max")).name.keep(),
        pl.when(silent).then(None).otherwise(pl.col("^velocity_.*$", "note_hash")).name.keep(),
    )


def part_columns(
    records: NDArray[Any],
    names: list[str | None],
    scores: NDArray[np.float64],
    chances: NDArray[np.float64],
) -> pl.DataFrame:
    """Give one row per part: its place, name, instrument and what it plays."""
    notes = np.maximum(1, records["notes"])
    frame = pl.DataFrame(
        {
            "file": records["file"],
            "track": records["track"],
            "channel": records["channel"].astype(np.int16),
            "program": records["program"].astype(np.int16),
            "notes": records["notes"],
            "start_tick": records["start_tick"],
            "end_tick": records["end_tick"],
            "pitch_min": records["pitch_min"].astype(np.int16),
            "pitch_max": records["pitch_max"].astype(np.int16),
            "pitch_mean": (records["pitch_sum"] / notes).round(4),
            "velocity_mean": (records["velocity_sum"] / notes).round(4),
            "polyphony": records["polyphony"],
            "drum_score": scores,
            "name": pl.Series(names, dtype=pl.String),
            **role_columns(scores, chances),
        }
    )
    hits = pl.DataFrame({f"{name}_hits": records["hits"][:, i] for i, name in enumerate(DRUM_CLASSES)})
    return pl.concat([frame, hits], how="horizontal")


def _part_summary(parts: pl.DataFrame) -> pl.DataFrame:
    """Sum up the parts of each file: programs, drum score, shares of the drum classes in drum hits."""
    drum = pl.col("drum_score") > TAG_SCORE
    hits = [pl.col(f"{name}_hits").filter(drum).sum() for name in DRUM_CLASSES]
    return parts.group_by("file").agg(
        parts=pl.len(),
        programs=pl.col("program").filter(pl.col("drum_score") <= CATEGORY_SCORE).unique().sort(),
        drum_score=(pl.col("drum_score") * pl.col("notes")).sum() / pl.col("notes").sum(),
        is_one_pitch=pl.col("pitch_min").min() == pl.col("pitch_max").max(),
        role=pl.when(pl.len() == 1).then(pl.col("role").cast(pl.String).first()),
        role_confidence=pl.when(pl.len() == 1).then(pl.col("role_confidence").first()),
        **{
            f"{name}_share": pl.when(pl.sum_horizontal(hits) > 0)
            .then(count / pl.sum_horizontal(hits))
            .otherwise(0.0)
            .round(4)
            for name, count in zip(DRUM_CLASSES, hits, strict=True)
        },
    )


def _key_lists(keys: Keys) -> dict[str, pl.Series]:
    """List the keys of each file in the order of the music, and the beats at which they begin."""
    names, beats = [], []
    for key, other, beat, first in zip(
        keys.key.tolist(),
        keys.other_key.tolist(),
        keys.change_beat.tolist(),
        keys.other_first.tolist(),
        strict=True,
    ):
        found = [key] if other in {key, NO_KEY} else [other, key] if first else [key, other]
        names.append([KEY_NAMES[each] for each in found if each >= 0])
        beats.append([0, beat][: len(names[-1])])
    return {
        "keys": pl.Series(names, dtype=pl.List(pl.String)),
        "key_beats": pl.Series(beats, dtype=pl.List(pl.Int32)),
    }


def _profiles(totals: NDArray[np.float64]) -> NDArray[np.float32]:
    """Share of the sounding time by pitch class, (files, 12) float32; zeros in silence."""
    shares: NDArray[np.float32] = (totals / np.maximum(totals.sum(axis=1, keepdims=True), 1e-12)).astype(
        np.float32
    )
    return shares
