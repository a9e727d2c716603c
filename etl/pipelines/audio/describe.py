"""Describe one file, the work of a library worker: decode, analyse, and give plain values."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from etl.audio.features import SEGMENTS, Mode
from etl.audio.signal import SAMPLE_RATE
from etl.audio.sonic import beat_times, describe
from etl.music.keys import CAMELOT, KEY_NAMES, NO_KEY
from etl.sources.audio.decode import decode

if TYPE_CHECKING:
    from etl.audio.sonic import Sonic
    from etl.pipelines.audio.recording import Recording


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
    return as_row(recording.content_hash, describe(decode(Path(recording.path)), recording.mode))


def as_row(content_hash: str, sonic: Sonic) -> dict[str, Any]:
    """Give a description as a row; no tempo and no key are null."""
    pulse, key = sonic.rhythm, sonic.key
    has_key = key.key != NO_KEY
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
        "beat_times_s": beat_times(pulse).astype(np.float32) if sonic.mode is Mode.BEAT else [],
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


def load(mode: Mode) -> None:
    """Load compiled code and tables, or compile them, so that the first file costs what the others do."""
    describe(np.random.default_rng(0).normal(0, 0.1, 4 * SAMPLE_RATE).astype(np.float32), mode)
