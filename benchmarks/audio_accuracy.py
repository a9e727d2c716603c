"""Tempo, meter and key on pieces whose truth is known, beside plain librosa and other key profiles.

    python -m benchmarks.audio_accuracy [PIECES=105] [SEED=1]

Three sources: pieces of another composer and synthesiser than those that the tempo was fitted with, at 50 to
200 beats per minute in every style (``audio_pieces``); new pieces of the styles it was fitted with
(``audio_composer``); and the drum performances of the Groove MIDI Dataset, with which it was fitted as well,
where the reference data are at hand. Acc1 is within 4 %, Acc2 within 4 % of the tempo or its double, triple,
half or third; the key score is MIREX's (fifth 0.5, relative 0.3, parallel 0.2).

References
----------
.. [1] Gouyon et al., "An experimental comparison of audio tempo induction algorithms", IEEE Transactions on
   Audio, Speech and Language Processing 14(5), 2006.
.. [2] MIREX, "Audio key detection", https://www.music-ir.org/mirex/wiki/2021:Audio_Key_Detection.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from etl.audio.beats import Rhythm, rhythm
from etl.audio.frames import Frames, analyse
from etl.audio.key import find_key, profile_correlation
from etl.music.key_profiles import KRUMHANSL_KESSLER, TEMPERLEY, profile_correlations
from tests.support import audio_composer, audio_pieces, audio_synthesiser
from tests.support.audio_midi import midi_notes
from tests.support.figures import show, sizes
from tests.support.midi_songs import midi_files
from tests.support.reference import has_reference

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

OCTAVES = (1.0, 2.0, 0.5, 3.0, 1 / 3)
MIREX = {"exact": 1.0, "fifth": 0.5, "relative": 0.3, "parallel": 0.2, "other": 0.0}
SECONDS = 36.0
NEW_SEEDS = 100_000
"""Seeds from here on had no part in fitting."""


class Truth(NamedTuple):
    """What is known of a piece."""

    style: str
    bpm: float
    """0 if there is no pulse."""
    beats: int
    """To the bar; 0 if it is not known."""
    key: int
    """-1 if there is none."""


class Heard(NamedTuple):
    """A piece and what was found in it."""

    truth: Truth
    pulse: Rhythm
    keys: dict[str, int]
    """By method."""


def other_pieces(count: int, seed: int) -> Iterator[tuple[Truth, NDArray[np.float32]]]:
    """Render pieces of the other composer."""
    for piece in audio_pieces.pieces(count, seed=seed):
        beats = 3 if piece.style == "waltz" else 4
        yield Truth(piece.style, piece.bpm, beats, piece.key), audio_pieces.render(piece)


def new_pieces(count: int, seed: int) -> Iterator[tuple[Truth, NDArray[np.float32]]]:
    """Play new pieces of the fitted styles."""
    for number in range(count):
        style = tuple(audio_composer.STYLES)[number % len(audio_composer.STYLES)]
        piece = audio_composer.compose(style, seconds=SECONDS, seed=seed * NEW_SEEDS + number)
        signal = audio_synthesiser.render(piece.notes, seconds=SECONDS, seed=piece.seed)
        yield Truth(style, piece.bpm, piece.beats, piece.key), signal


def drum_performances() -> Iterator[tuple[Truth, NDArray[np.float32]]]:
    """Play the drum performances that are whole beats, not fills."""
    for number, (path, content) in enumerate(midi_files("groove").items()):
        if "_beat_" in path:
            notes = midi_notes(content)
            _, style, bpm, _, meter = path.removesuffix(".mid").split("_")
            seconds = min(notes[-1].second + 0.3, SECONDS)
            signal = audio_synthesiser.render(notes, seconds=seconds, seed=number)
            yield Truth(style, float(bpm), int(meter[0]), -1), signal


def hear(pieces: Iterable[tuple[Truth, NDArray[np.float32]]]) -> list[Heard]:
    """Analyse pieces."""
    found = []
    for truth, signal in pieces:
        frames = analyse(signal)
        found.append(
            Heard(truth, rhythm(frames.onset_median, frames.onset_bands, frames.chroma_stft), keys_of(frames))
        )
    return found


def keys_of(frames: Frames) -> dict[str, int]:
    """Find the key by ours and by profiles on one chroma."""
    chromas = (frames.chroma_stft, frames.chroma_cqt, frames.chroma_compressed)
    mean = frames.chroma_stft.mean(axis=0, keepdims=True)
    return {
        "etl": find_key(*chromas).key,
        "Bellmann-Budge on three chromas": int(profile_correlation(chromas).argmax()),
        "Temperley on STFT": int(profile_correlations(mean, TEMPERLEY).argmax()),
        "Krumhansl on STFT": int(profile_correlations(mean, KRUMHANSL_KESSLER).argmax()),
    }


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


def report_tempo(name: str, heard: list[Heard]) -> None:
    """Print the shares of right tempi, by ours and by librosa's tracker, and of right meters."""
    steady = [each for each in heard if each.truth.bpm]
    for method, attribute in (("etl", "bpm"), ("librosa.beat_track", "tracker_bpm")):
        acc1, acc2, fine = (
            np.mean(
                [
                    is_near(getattr(each.pulse, attribute), each.truth.bpm, tolerance, ratios)
                    for each in steady
                ]
            )
            for tolerance, ratios in ((0.04, (1.0,)), (0.04, OCTAVES), (0.01, OCTAVES))
        )
        shares = f"Acc1 {acc1:.1%}, Acc2 {acc2:.1%}, within 1 % of an octave {fine:.1%}"
        show({f"tempo, {name}, {method}": shares})
    barred = [each for each in steady if each.truth.beats and each.pulse.bpm]
    known = Counter(each.truth.beats for each in barred)
    right = Counter(each.truth.beats for each in barred if each.pulse.meter.beats == each.truth.beats)
    show({f"meter, {name}": ", ".join(f"{right[n]} of {known[n]} in {n}" for n in sorted(known))})
    free = [each.pulse.bpm == 0 for each in heard if not each.truth.bpm]
    unheard = sum(each.pulse.bpm == 0 for each in steady)
    counts = f"{sum(free)} of {len(free)} without a pulse, {unheard} of {len(steady)} steady"
    show({f"no tempo, {name}": counts})


def report_keys(name: str, heard: list[Heard]) -> None:
    """Print the shares of right keys."""
    keyed = [each for each in heard if each.truth.key >= 0]
    for method in keyed[0].keys if keyed else ():
        kinds = Counter(relation(each.keys[method], each.truth.key) for each in keyed)
        score = sum(MIREX[kind] * count for kind, count in kinds.items()) / len(keyed)
        exact = kinds["exact"] / len(keyed)
        show({f"key, {name}, {method}": f"exact {exact:.1%}, MIREX {score:.1%}, {dict(kinds)}"})


def main(count: int, seed: int) -> None:
    """Measure and print."""
    sources = {"other composer": other_pieces(count, seed), "new pieces": new_pieces(count, seed)}
    if has_reference("midi/groove"):
        sources["drum performances"] = drum_performances()
    for name, pieces in sources.items():
        heard = hear(pieces)
        report_tempo(f"{len(heard)} {name}", heard)
        report_keys(f"{len(heard)} {name}", heard)


if __name__ == "__main__":
    main(*sizes(105, 1))
