"""Fit the weights that find the key of a recording, and measure them on sounds that had no part in it.

    python -m benchmarks.training.fit_audio_key [--check]

The weights of the triads are those of a conditional logit on the bundled Billboard songs, written as major
and minor triads: no sound is needed. How much these count against the key profile, by the number of chords,
is fitted to sounds: Billboard songs played in one of the composer's styles, each by weights from the other
half of the songs, and composed pieces, whole and cut. With --check it says whether the weights that ship come
out, and fails if not; the sounds are left alone then.

Measured are RS200's songs, played; pieces of the other composer and synthesiser; POP909's performances.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import polars as pl
from scipy import sparse
from scipy.optimize import minimize
from scipy.special import logsumexp

import etl.audio
from benchmarks.audio_accuracy import relation
from benchmarks.key_accuracy import read_rs200, show as show_table
from benchmarks.training.key_training import MINOR_WEIGHT, Examples, fit_weights
from benchmarks.training.train_keys import read_examples
from benchmarks.training.validation import is_check
from etl.audio.chords import TRIADS, Chords, find_chords
from etl.audio.frames import analyse
from etl.audio.key import (
    GROUP_SIZES,
    PROFILE_WEIGHT,
    SHORTNESS,
    TEMPERATURE,
    WEIGHT_UNIT,
    WEIGHTS_FILE,
    key_weights,
    profile_correlation,
    triad_features,
    triad_scores,
)
from etl.audio.periodicity import FRAME_RATE
from etl.chords.key_scores import calibration_error
from etl.chords.symbols import Kind
from etl.music.qualities import QUALITIES
from tests.support import audio_composer, audio_pieces, audio_synthesiser
from tests.support.audio_composer import Song
from tests.support.audio_midi import midi_notes
from tests.support.figures import show
from tests.support.midi_songs import Songs, midi_files

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    Doubles = NDArray[np.float64]

PRIOR_SD: Final = {"triads": 2.0, "moves": 2.0, "first": 0.25, "last": 0.25}
"""As of the key finder for chord songs."""

PLAYED: Final = 240
COMPOSED: Final = 140
SECONDS: Final = 60.0
CUTS: Final = (2, 4, 8, 16, 32)
"""Seconds of the pieces that are cut out of each sound."""

_MINOR: Final = np.array([quality.semitones.get("3") == 3 for quality in QUALITIES])


class Sound(NamedTuple):
    """A key that is known and the chromas that are heard."""

    key: int
    chromas: tuple[NDArray[np.float32], ...]


class Heard(NamedTuple):
    """What the key is found by, for N sounds."""

    triads: Doubles
    """Scores of the triads, (N, 24)."""
    profiles: Doubles
    """Correlations, (N, 24)."""
    chords: NDArray[np.int64]
    """How many, (N,)."""
    keys: NDArray[np.int64]


def written_triads(examples: Examples) -> list[Chords]:
    """Read songs as triads; lengths are times that a chord is written in a row."""
    plain, words = examples.untagged().tokens, examples.vocabulary
    triad_of = words.roots.astype(np.int64) + TRIADS // 2 * _MINOR[words.qualities]
    songs = []
    for start, stop in zip(plain.offsets[:-1], plain.offsets[1:], strict=True):
        tokens = plain.values[start:stop]
        path = triad_of[tokens[words.kinds[tokens] == Kind.CHORD]]
        starts = np.flatnonzero(np.diff(path, prepend=-1))
        songs.append(Chords(path[starts], np.diff(starts, append=len(path))))
    return songs


def fit(songs: Sequence[Chords], keys: NDArray[np.int64]) -> Doubles:
    """Fit the weights of the triads, (F, 2), to whole units."""
    features = np.array([triad_features(song) for song in songs])
    seen = sparse.csr_array(features.transpose(1, 0, 2).reshape(-1, features.shape[2]))
    weights = np.where(keys >= TRIADS // 2, MINOR_WEIGHT, 1.0)
    return np.round(fit_weights(seen, _parts(), keys, weights) / WEIGHT_UNIT) * WEIGHT_UNIT


def _parts() -> sparse.csr_array[Any]:
    """Each feature by itself, and the roots of each move whatever the modes, (F, parts)."""
    alone = sparse.block_diag(
        [PRIOR_SD[group] * sparse.eye_array(size) for group, size in GROUP_SIZES.items()]
    )
    move = np.arange(GROUP_SIZES["moves"])
    roots = 12 * (move // TRIADS % 12) + move % TRIADS % 12
    shared = sparse.csr_array(
        (np.full(len(move), PRIOR_SD["moves"]), (GROUP_SIZES["triads"] + move, roots)),
        shape=(sum(GROUP_SIZES.values()), 144),
    )
    return sparse.csr_array(sparse.hstack([alone, shared]))


def played(songs: Examples, numbers: Iterable[int], *, seed: int) -> Iterator[Sound]:
    """Play songs in the composer's styles in turn, a minute from the beginning."""
    styles, words = tuple(audio_composer.STYLES), songs.vocabulary
    tones = [(0, *sorted(quality.semitones.values())) for quality in QUALITIES]
    for number in numbers:
        start, stop = songs.tokens.offsets[number : number + 2]
        tokens = songs.tokens.values[start:stop]
        chords = tokens[words.kinds[tokens] == Kind.CHORD]
        pitches = tuple(
            tuple(int(words.roots[chord]) + step for step in tones[words.qualities[chord]])
            for chord in chords
        )
        song = Song(int(songs.keys[number]), pitches)
        style = styles[7 * number % len(styles)]
        piece = audio_composer.compose(style, seconds=SECONDS, seed=seed + number, song=song)
        signal = audio_synthesiser.render(piece.notes, seconds=SECONDS, seed=piece.seed)
        yield heard(piece.key, signal)


def composed() -> Iterator[Sound]:
    """Compose pieces in each style in turn."""
    styles = tuple(audio_composer.STYLES)
    for number in range(COMPOSED):
        piece = audio_composer.compose(styles[number % len(styles)], seconds=40.0, seed=300_000 + number)
        yield heard(piece.key, audio_synthesiser.render(piece.notes, seconds=40.0, seed=piece.seed))


def performances() -> Iterator[Sound]:
    """Play POP909, 90 s of each, low notes by a bass and the others by one instrument that is drawn."""
    songs = Songs(midi_files("pop909"))
    for number, (blob, spans) in enumerate(zip(songs.blobs, songs.key_spans, strict=True)):
        rng = np.random.default_rng(number)
        high, low = int(rng.choice([0, 4, 24, 48, 88])), int(rng.choice([32, 33, 38]))
        notes = midi_notes(blob)
        moved = [
            note._replace(program=low if note.pitch < 45 else high, second=note.second - notes[0].second)
            for note in notes
        ]
        totals: dict[int, float] = {}
        for start, stop, key in spans:
            totals[key] = totals.get(key, 0.0) + stop - start
        signal = audio_synthesiser.render(moved, seconds=90.0, seed=number)
        yield heard(max(totals, key=lambda key: totals[key]), signal)


def heard(key: int, signal: NDArray[np.float32]) -> Sound:
    """Compute the chromas of a sound."""
    frames = analyse(signal)
    return Sound(key, (frames.chroma_stft, frames.chroma_cqt, frames.chroma_compressed))


def cut(sound: Sound, seconds: float, rng: np.random.Generator) -> Sound:
    """Cut a piece out of a sound, somewhere."""
    frames = int(seconds * FRAME_RATE)
    start = int(rng.integers(0, max(len(sound.chromas[0]) - frames, 0) + 1))
    return Sound(sound.key, tuple(chroma[start : start + frames] for chroma in sound.chromas))


def listen(sounds: Sequence[Sound], weights: Sequence[Doubles]) -> Heard:
    """Hear triads and profile of each sound, by weights of its own."""
    chords = [find_chords(np.sum(sound.chromas, axis=0)) for sound in sounds]
    return Heard(
        np.array([triad_scores(*each) for each in zip(chords, weights, strict=True)]),
        np.array([profile_correlation(sound.chromas) for sound in sounds]),
        np.array([len(each.triads) for each in chords]),
        np.array([sound.key for sound in sounds]),
    )


def weighed(sounds: Heard, balance: Doubles) -> Doubles:
    """Scores of the keys, (N, 24), by temperature, shortness and the weight of the profile."""
    temperature, shortness, profile = balance
    by_triads = sounds.triads / (temperature * (1 + shortness / sounds.chords))[:, None]
    scores: Doubles = by_triads + profile * sounds.profiles
    return scores


def fit_balance(whole: Heard, pieces: Sequence[Heard]) -> Doubles:
    """Temperature, shortness and weight of the profile that make the keys most likely."""

    def loss(sounds: Heard, balance: Doubles) -> float:
        scores = weighed(sounds, balance)
        return float((logsumexp(scores, axis=1) - scores[np.arange(len(scores)), sounds.keys]).mean())

    def total(logs: Doubles) -> float:
        of_pieces = [loss(piece, np.exp(logs)) for piece in pieces]
        return loss(whole, np.exp(logs)) + sum(of_pieces) / len(of_pieces)

    found = minimize(total, np.log([1.0, 5.0, 3.0]), method="Nelder-Mead")
    balance: Doubles = np.exp(found.x).round(1).astype(np.float64)
    return balance


def views(sounds: Sequence[Sound], weights: Sequence[Doubles]) -> list[Heard]:
    """Hear the whole sounds, then pieces of each length."""
    rng = np.random.default_rng(1)
    cuts = [[cut(sound, seconds, rng) for sound in sounds] for seconds in CUTS]
    return [listen(each, weights) for each in (list(sounds), *cuts)]


def report(name: str, sounds: Heard, balance: Doubles) -> dict[str, object]:
    """Figures of one source."""
    scores = weighed(sounds, balance)
    posterior = np.exp(scores - logsumexp(scores, axis=1, keepdims=True))
    found = posterior.argmax(axis=1)
    kinds = [relation(*pair) for pair in zip(found.tolist(), sounds.keys.tolist(), strict=True)]
    return {
        "sounds": name,
        "number": len(found),
        "exact": float((found == sounds.keys).mean()),
        "profile alone": float((sounds.profiles.argmax(axis=1) == sounds.keys).mean()),
        "relative": kinds.count("relative") / len(kinds),
        "fifth": kinds.count("fifth") / len(kinds),
        "calibration error": calibration_error(posterior.max(axis=1), found == sounds.keys),
    }


def main() -> None:
    """Fit, then write and measure, or check."""
    check = is_check(__doc__)
    examples, _ = read_examples()
    songs = written_triads(examples)
    weights = fit(songs, examples.keys)
    if check:
        difference = int(np.abs(weights - key_weights()).max() / WEIGHT_UNIT + 0.5)
        show({f"largest difference of a weight, units of {WEIGHT_UNIT}": difference})
        sys.exit(int(difference > 1))
    np.save(Path(etl.audio.__file__).parent / WEIGHTS_FILE, np.round(weights / WEIGHT_UNIT).astype(np.int16))
    half = np.arange(len(songs)) % 2
    of_other_half = [
        fit(
            [song for song, part in zip(songs, half, strict=True) if part != side],
            examples.keys[half != side],
        )
        for side in (0, 1)
    ]
    drawn = np.sort(np.random.default_rng(7).permutation(len(songs))[:PLAYED])
    fitted = [*played(examples, drawn.tolist(), seed=200_000), *composed()]
    by_others = [*(of_other_half[half[number]] for number in drawn), *[weights] * COMPOSED]
    whole, *pieces = views(fitted, by_others)
    balance = fit_balance(whole, pieces)
    shipped = [TEMPERATURE, SHORTNESS, PROFILE_WEIGHT]
    show({"temperature, shortness, weight of the profile": f"{balance.tolist()}; in use {shipped}"})
    rs200 = read_rs200()
    sources = {
        "RS200": list(played(rs200, range(len(rs200.keys)), seed=400_000)),
        "other composer": [
            heard(piece.key, audio_pieces.render(piece)) for piece in audio_pieces.pieces(105, seed=5)
        ],
        "POP909": list(performances()),
    }
    rows = [report(name, listen(s, [weights] * len(s)), balance) for name, s in sources.items()]
    together = [sound for sounds in sources.values() for sound in sounds]
    whole, *pieces = views(together, [weights] * len(together))
    rows.append(report("all", whole, balance))
    rows += [
        report(f"{length} s of each", piece, balance) for length, piece in zip(CUTS, pieces, strict=True)
    ]
    show_table(pl.DataFrame(rows))


if __name__ == "__main__":
    main()
