"""Fit the weights of the tempo level and of the meter.

    python -m benchmarks.training.fit_tempo [--check]

Three sources, played by the synthesiser of the tests: two hundred and eighty pieces composed in 35 styles,
the drum performances of the Groove MIDI Dataset (CC BY 4.0), and half a minute of each song of POP909 (MIT).
The two others are of one kind each and weigh less (`SHARES`): with equal shares what was held out came out
worse.
The level is a conditional logit over the candidates of each piece, the meter a logistic regression over the
composed pieces, both at the maximum of their penalised likelihood. With --check it says whether the weights
that ship come out, and fails if not. ``benchmarks.audio_accuracy`` measures on pieces and sounds that had no
part in this.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, logsumexp

from benchmarks.training.validation import is_check
from etl.audio import meter, tempo_level
from etl.audio.beats import strongest_comb
from etl.audio.frames import onset_strength
from etl.audio.meter import meter_features
from etl.audio.periodicity import autocorrelation, self_similarity
from etl.audio.spectral import spectra
from etl.audio.tempo_level import Heard, candidates, level_features
from tests.support import audio_composer, audio_synthesiser
from tests.support.audio_midi import midi_notes
from tests.support.figures import show
from tests.support.midi_songs import midi_files

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    Doubles = NDArray[np.float64]

PIECES: Final = 280
SECONDS: Final = 36.0
FIRST_SEED: Final = 1000
SHARES: Final = {"composed": 4.0, "drums": 2.0, "songs": 1.0}
LEVEL_PENALTY: Final = 5.0
METER_PENALTY: Final = 1.0
_TOLERANCE: Final = 0.04
_NO_CANDIDATE: Final = -1e9
_INTRODUCTION: Final = 20.0


class Music(NamedTuple):
    """A piece and its truth."""

    source: str
    notes: Sequence[audio_composer.Note]
    bpm: float
    beats: int
    """To the bar."""


class Example(NamedTuple):
    """One piece as the fits see it."""

    source: str
    levels: Doubles
    """Features of each candidate, (candidates, features)."""
    right: int
    """The candidate within 4 % of the tempo."""
    meters: Doubles
    """Features of the meter at the true tempo, (10,)."""
    is_triple: bool


def composed() -> Iterator[Music]:
    """Compose the pieces that have a pulse."""
    styles = tuple(audio_composer.STYLES)
    for number in range(PIECES):
        style = styles[number % len(styles)]
        piece = audio_composer.compose(style, seconds=SECONDS, seed=FIRST_SEED + number)
        if piece.bpm:
            yield Music("composed", piece.notes, piece.bpm, piece.beats)


def drums() -> Iterator[Music]:
    """Cut the drum performances that are whole beats, not fills, into excerpts."""
    for path, content in midi_files("groove").items():
        if "_beat_" in path:
            notes = midi_notes(content)
            bpm, _, beats = path.removesuffix(".mid").split("_")[-3:]
            for start in np.arange(0.0, notes[-1].second - SECONDS / 2, SECONDS):
                yield Music("drums", excerpt(notes, float(start)), float(bpm), int(beats[0]))


def songs() -> Iterator[Music]:
    """Take each song after its introduction; the tempo is that of the median beat there."""
    files = midi_files("pop909")
    for path, content in files.items():
        if path.endswith(".mid"):
            rows = files[path.rsplit("/", 1)[0] + "/beat_midi.txt"].decode().splitlines()
            times = np.array([float(row.split()[0]) for row in rows])
            start = float(times[0]) + _INTRODUCTION
            inside = times[(times >= start) & (times <= start + SECONDS)]
            bpm = 60.0 / float(np.median(np.diff(inside)))
            yield Music("songs", excerpt(midi_notes(content), start), bpm, 4)


def excerpt(notes: Sequence[audio_composer.Note], start: float) -> list[audio_composer.Note]:
    """Take `SECONDS` of notes from a second on."""
    inside = [note for note in notes if start <= note.second < start + SECONDS]
    return [note._replace(second=note.second - start) for note in inside]


def example(music: Music, number: int) -> Example | None:
    """Play and describe one piece; None if no candidate is right."""
    seconds = min(SECONDS, music.notes[-1].second + 0.5)
    found, decibels, _ = spectra(audio_synthesiser.render(music.notes, seconds=seconds, seed=number))
    _, median, bands = onset_strength(decibels)
    envelopes = [median, *bands]
    correlations = [autocorrelation(envelope) for envelope in envelopes]
    tempi = candidates(correlations[0], strongest_comb(correlations[0]))
    right = np.flatnonzero(np.abs(tempi / music.bpm - 1.0) <= _TOLERANCE)
    if not len(right):
        return None
    heard = Heard(envelopes, correlations[0], self_similarity(found.chroma))
    return Example(
        music.source,
        level_features(heard, tempi),
        int(right[0]),
        meter_features(correlations, float(tempi[right[0]])),
        music.beats == 3,
    )


def examples() -> list[Example]:
    """Play and describe all pieces."""
    found = [
        example(music, number) for source in (composed, drums, songs) for number, music in enumerate(source())
    ]
    return [each for each in found if each is not None]


def fit_level(pieces: Sequence[Example]) -> Doubles:
    """Fit the weights of the candidates, two decimals, (features,)."""
    shape = (len(pieces), max(len(piece.levels) for piece in pieces), pieces[0].levels.shape[1])
    features, barred = np.zeros(shape), np.full(shape[:2], _NO_CANDIDATE)
    for number, piece in enumerate(pieces):
        features[number, : len(piece.levels)] = piece.levels
        barred[number, : len(piece.levels)] = 0.0
    scale = np.sqrt(np.mean([piece.levels.var(axis=0) for piece in pieces], axis=0))
    features /= scale
    sources = np.array([piece.source for piece in pieces])
    votes = np.array([SHARES[source] / (sources == source).sum() for source in sources])
    votes *= len(pieces) / votes.sum()
    chosen = features[np.arange(len(pieces)), [piece.right for piece in pieces]]

    def loss(weights: Doubles) -> tuple[float, Doubles]:
        scores = features @ weights + barred
        norms = logsumexp(scores, axis=1)
        expected = (np.exp(scores - norms[:, None])[:, :, None] * features).sum(axis=1)
        value = votes @ (norms - (chosen * weights).sum(axis=1))
        slope = votes @ (expected - chosen) + LEVEL_PENALTY * weights
        return float(value + 0.5 * LEVEL_PENALTY * weights @ weights), slope

    found = minimize(loss, np.zeros(shape[2]), jac=True, method="L-BFGS-B", tol=1e-10)
    weights: Doubles = (found.x / scale).round(2)
    return weights


def fit_meter(pieces: Sequence[Example]) -> Doubles:
    """Fit the weights of the meter and its offset, two decimals, (11,); threes count as much as others."""
    features = np.column_stack([np.stack([piece.meters for piece in pieces]), np.ones(len(pieces))])
    is_triple = np.array([piece.is_triple for piece in pieces])
    votes = np.where(is_triple, 0.5 / is_triple.mean(), 0.5 / (~is_triple).mean())
    signs = np.where(is_triple, 1.0, -1.0)

    def loss(weights: Doubles) -> tuple[float, Doubles]:
        margins = signs * (features @ weights)
        value = (votes * np.logaddexp(0.0, -margins)).sum() + 0.5 * METER_PENALTY * weights @ weights
        slope = -(votes * signs * expit(-margins)) @ features + METER_PENALTY * weights
        return float(value), slope

    found = minimize(loss, np.zeros(features.shape[1]), jac=True, method="L-BFGS-B", tol=1e-10)
    weights: Doubles = found.x.round(2)
    return weights


def main() -> int:
    """Fit and print, or compare."""
    checking = is_check(__doc__)
    pieces = examples()
    fitted = {
        "level": fit_level(pieces),
        "meter": fit_meter([piece for piece in pieces if piece.source == "composed"]),
    }
    shipped = {
        "level": tempo_level.LEVEL_WEIGHTS,
        "meter": np.append(meter.METER_WEIGHTS, meter.METER_OFFSET),
    }
    for name, weights in fitted.items():
        show({name: weights.tolist()})
    differs = [name for name in fitted if np.abs(fitted[name] - shipped[name]).max() > 0.011]
    if checking and differs:
        show({"differs from what ships": ", ".join(differs)})
    return int(checking and bool(differs))


if __name__ == "__main__":
    sys.exit(main())
