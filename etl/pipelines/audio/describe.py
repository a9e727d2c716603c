"""Describe one file, the work of a library worker: decode, analyse, and give plain values."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from etl.audio.features import SEGMENTS, Mode
from etl.audio.integrity import Inspection
from etl.audio.loudness import LoudnessMeter, measure_loudness
from etl.audio.signal import SAMPLE_RATE
from etl.audio.sonic import beat_times, describe
from etl.music.keys import CAMELOT, KEY_NAMES, NO_KEY
from etl.sources.audio.decode import decode

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from etl.audio.loudness import Loudness
    from etl.audio.sonic import Sonic
    from etl.pipelines.audio.recording import Recording
    from etl.sources.audio.decode import Sound


def describe_file(recording: Recording) -> dict[str, Any]:
    """Decode and describe a file.

    Parameters
    ----------
    recording
        What to describe, and how.

    Returns
    -------
    dict
        A row of table ``sonic_features`` but for its version.

    Raises
    ------
    DecodeError
        If there is nothing to describe; the message says why.
    """
    sound = decode(Path(recording.path), mode=recording.mode, listeners=[Inspection, LoudnessMeter])
    sonic = describe(sound.signal, recording.mode)
    row = as_row(recording.content_hash, replace(sonic, seconds=sound.seconds))
    return row | as_integrity(sound) | as_loudness(sound)


def as_row(content_hash: str, sonic: Sonic) -> dict[str, Any]:
    """Give a description as a row; no tempo and no key are null."""
    pulse, key = sonic.rhythm, sonic.key
    has_key = key.key != NO_KEY
    has_beats = sonic.mode is Mode.BEAT and not sonic.fallback
    return {
        "content_hash": content_hash,
        "mode": str(sonic.mode),
        "fallback": sonic.fallback or None,
        "duration_s": sonic.seconds,
        "bpm": pulse.bpm or None,
        "bpm_level_confidence": pulse.level if pulse.bpm else None,
        "bpm_confidence": pulse.confidence,
        "bpm_half_confidence": pulse.half,
        "bpm_double_confidence": pulse.double,
        "tracker_bpm": pulse.tracker_bpm or None,
        "meter": pulse.meter.beats or None,
        "meter_confidence": pulse.meter.confidence if pulse.meter.beats else None,
        "beat_times_s": beat_times(pulse).astype(np.float32) if has_beats else [],
        "key": key.key,
        "key_name": KEY_NAMES[key.key] if has_key else None,
        "camelot": CAMELOT[key.key] if has_key else None,
        "key_correlation": key.correlation,
        "key_confidence": key.confidence,
        "tuning_cents": sonic.tuning_cents if has_key else None,
        "rms_db": sonic.energy.rms_db,
        "crest_db": sonic.energy.crest_db,
        "dynamic_range_db": sonic.energy.dynamic_range_db,
        **{f"vector_{name}": vector for name, vector in zip(SEGMENTS, sonic.vectors, strict=True)},
    }


def as_integrity(sound: Sound) -> dict[str, Any]:
    """Give what decoding showed of a recording as columns of a row."""
    (inspection,) = (each for each in sound.listeners if isinstance(each, Inspection))
    return {
        "declared_s": sound.declared_s,
        "is_cut": sound.is_cut,
        "damaged_packets": sound.damaged,
        "not_finite_share": sound.not_finite,
        "checksum_matches": sound.checksum_matches,
        "is_lossless": sound.is_lossless,
        **inspection.result()._asdict(),
    }


def as_loudness(sound: Sound) -> dict[str, Any]:
    """Give the loudness of a recording as columns of a row."""
    (meter,) = (each for each in sound.listeners if isinstance(each, LoudnessMeter))
    return loudness_columns(meter.result())


def loudness_columns(loudness: Loudness) -> dict[str, Any]:
    """Give the loudness as columns of a description; that of silence is null."""
    return {
        "loudness_lufs": loudness.integrated_lufs,
        "loudness_range_lu": loudness.range_lu,
        "true_peak_dbtp": loudness.true_peak_dbtp,
        "momentary_counts": loudness.momentary,
        "short_term_counts": loudness.short_term,
    }


def load(mode: Mode) -> None:
    """Load compiled code and tables, or compile them, so that the first file costs what the others do."""
    piece = clicks()
    Inspection().hear(piece[np.newaxis], SAMPLE_RATE)
    measure_loudness(piece[np.newaxis], SAMPLE_RATE)
    describe(piece, mode)


def clicks() -> NDArray[np.float32]:
    """Give six seconds of noise with a click every 0.4 s: what has a pulse runs through all there is."""
    noise = np.random.default_rng(0).normal(0, 0.05, 6 * SAMPLE_RATE)
    since_click = np.arange(len(noise)) % int(0.4 * SAMPLE_RATE)
    return np.asarray(noise * (1 + 9 * np.exp(-since_click / 500)), np.float32)
