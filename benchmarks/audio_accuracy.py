"""Tempo and key on pieces whose truth is known, beside plain librosa and other key profiles.

    python -m benchmarks.audio_accuracy [PIECES=105] [SEED=1]

Acc1 is within 4 %, Acc2 within 4 % of the
tempo or its double, triple, half or third; the key score is MIREX's (fifth 0.5, relative 0.3, parallel 0.2).

References
----------
.. [1] Gouyon et al., "An experimental comparison of audio tempo induction algorithms", IEEE Transactions on
   Audio, Speech and Language Processing 14(5), 2006.
.. [2] MIREX, "Audio key detection", https://www.music-ir.org/mirex/wiki/2021:Audio_Key_Detection.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from etl.audio.beats import rhythm
from etl.audio.frames import analyse
from etl.audio.key import find_key
from etl.music.key_profiles import KRUMHANSL_KESSLER, TEMPERLEY, profile_correlations
from tests.support import audio_pieces
from tests.support.figures import show, sizes

if TYPE_CHECKING:
    from collections.abc import Iterable

OCTAVES = (1.0, 2.0, 0.5, 3.0, 1 / 3)
MIREX = {"exact": 1.0, "fifth": 0.5, "relative": 0.3, "parallel": 0.2, "other": 0.0}


def is_near(tempo: float, truth: float, tolerance: float, ratios: Iterable[float]) -> bool:
    """Tell whether a tempo is within the tolerance of the truth or a multiple of it."""
    return any(abs(tempo / (truth * ratio) - 1) <= tolerance for ratio in ratios)


def relation(found: int, truth: int) -> str:
    """Name the relation of a key to the true one."""
    if found == truth:
        return "exact"
    same_mode = found // 12 == truth // 12
    steps = (found - truth) % 12
    if same_mode:
        return "fifth" if steps in {5, 7} else "other"
    if steps == 0:
        return "parallel"
    return "relative" if steps == (9 if truth < 12 else 3) else "other"


def report_tempo(name: str, tempi: list[float], truths: list[float]) -> None:
    """Print the shares of right tempi."""
    pairs = list(zip(tempi, truths, strict=True))
    acc1, acc2, fine = (
        np.mean([is_near(tempo, truth, tolerance, ratios) for tempo, truth in pairs])
        for tolerance, ratios in ((0.04, (1.0,)), (0.04, OCTAVES), (0.01, OCTAVES))
    )
    show({f"tempo, {name}": f"Acc1 {acc1:.1%}, Acc2 {acc2:.1%}, within 1 % of an octave {fine:.1%}"})


def report_key(name: str, keys: list[int], truths: list[int]) -> None:
    """Print the shares of right keys."""
    kinds = Counter(relation(key, truth) for key, truth in zip(keys, truths, strict=True))
    score = sum(MIREX[kind] * count for kind, count in kinds.items()) / len(keys)
    show({f"key, {name}": f"exact {kinds['exact'] / len(keys):.1%}, MIREX {score:.1%}, {dict(kinds)}"})


def main(count: int, seed: int) -> None:
    """Measure and print."""
    tempi, keys = [], []
    ours, tracker, found, krumhansl, temperley = [], [], [], [], []
    by_style: Counter[str] = Counter()
    for piece in audio_pieces.pieces(count, seed=seed):
        frames = analyse(audio_pieces.render(piece))
        pulse = rhythm(frames.onset_median)
        tempi.append(piece.bpm)
        keys.append(piece.key)
        ours.append(pulse.bpm)
        tracker.append(pulse.tracker_bpm)
        by_style[piece.style] += is_near(pulse.bpm, piece.bpm, 0.01, OCTAVES)
        found.append(find_key((frames.chroma_stft + frames.chroma_cqt) / np.float32(2)).key)
        mean = frames.chroma_stft.mean(axis=0, keepdims=True)
        krumhansl.append(int(profile_correlations(mean, KRUMHANSL_KESSLER).argmax()))
        temperley.append(int(profile_correlations(mean, TEMPERLEY).argmax()))
    pieces = f"{count} pieces, seed {seed}"
    report_tempo(f"{pieces}, etl", ours, tempi)
    report_tempo(f"{pieces}, librosa.beat_track", tracker, tempi)
    show({f"tempo, {pieces}, within 1 % by style": ", ".join(f"{s} {n}" for s, n in by_style.items())})
    report_key(f"{pieces}, etl", found, keys)
    report_key(f"{pieces}, Temperley on STFT", temperley, keys)
    report_key(f"{pieces}, Krumhansl on STFT", krumhansl, keys)


if __name__ == "__main__":
    main(*sizes(105, 1))
