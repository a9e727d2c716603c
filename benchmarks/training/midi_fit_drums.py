"""Fit the drum score to Groove performances against the parts of POP909, and cross-validate the fit.

    python -m benchmarks.training.midi_fit_drums [--check]

Drums: 80 performances as if on channel 1; whole, kick and snare only, cymbals and hats only, eight seconds;
with notes as written and of 0.1, 0.2 and 0.4 s. Others: the parts of 114 songs as written and down by one
to three octaves, and eight seconds of each; also with notes of 0.1 and 0.2 s. Made up beside them: chords
of all qualities, broken and not, alone and in rows, scales and bass riffs, from every pitch of the drum
range: songs have few of those, chord packs nothing else. A logistic regression, three tenths of the weight
on drums and the rest halved, at the maximum of the penalised likelihood. With --check it says whether the
weights that ship come out, and fails if not.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.optimize import minimize

from benchmarks.training.validation import FOLDS, folds, is_check
from etl.midi.arrays import FILE, NOTE
from etl.midi.chords import QUALITY_NOTES
from etl.midi.drums import CATEGORY_SCORE, INTERCEPT, TAG_SCORE, WEIGHTS, drum_features
from etl.midi.reader import read_files
from etl.midi.stats_kernel import CYMBAL, DRUM_CLASS_OF, HAT, KICK, PART, SNARE, part_stats
from tests.support.figures import show
from tests.support.midi_songs import midi_files

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from etl.midi.arrays import MidiBatch

SEED = 0
CUT_SECONDS = 8.0
FEWEST_NOTES = 8
# Seconds; 0: as written.
FEWEST_PLAIN_NOTES = 4  # below, the score is 0 anyhow
DRUM_LENGTHS = (0.0, 0.1, 0.2, 0.4)
OTHER_LENGTHS = (0.0, 0.1, 0.2)
PENALTY = 3e-5
SHARES = (0.3, 0.35, 0.35)  # of the weight: drums, songs, made up; drums off channel 10 are the exception
SCALES = (
    (0, 2, 4, 5, 7, 9, 11, 12), (0, 2, 3, 5, 7, 8, 11, 12), tuple(range(13)), (0, 2, 4, 6, 8, 10, 12),
    (0, 3, 5, 7, 10, 12), (0, 2, 4, 7, 9),
)  # fmt: skip
RIFF_NOTES = ((0, 3, 5, 7, 10, 12), (0, 2, 4, 7, 9, 12), (0, 2, 3, 7, 8, 12))
ROOTS = range(28, 72)


def variants(batch: MidiBatch, *, drums: bool) -> Iterator[NDArray[Any]]:
    """Give the notes of a batch as they are and as they might be."""
    notes = batch.notes.copy()
    notes["drum"] = 0
    if drums:
        notes["channel"] = 0
    opening = np.full(len(batch.files), np.inf)
    np.minimum.at(opening, notes["file"], notes["start_s"])
    cut = notes["start_s"] < opening[notes["file"]] + CUT_SECONDS
    kinds = DRUM_CLASS_OF[notes["pitch"]]
    if drums:
        kept = (np.ones_like(cut), np.isin(kinds, (KICK, SNARE)), np.isin(kinds, (HAT, CYMBAL)), cut)
        cases = [(mask, 0, length) for mask in kept for length in DRUM_LENGTHS]
    else:
        cases = [
            (np.ones_like(cut), 12 * octaves, length) for octaves in range(4) for length in OTHER_LENGTHS
        ]
        cases += [(cut, 0, length) for length in OTHER_LENGTHS]
    for mask, down, length in cases:
        found = notes[mask & (notes["pitch"] >= down)].copy()
        found["pitch"] -= down
        if length > 0:
            found["end_s"] = found["start_s"] + length
        yield found


def examples(batch: MidiBatch, *, drums: bool) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Features of the parts of all variants, and the file each is from."""
    features, files = [], []
    for notes in variants(batch, drums=drums):
        offsets = np.searchsorted(notes["file"], np.arange(len(batch.files) + 1))
        parts = np.empty(len(notes), PART)
        parts = parts[: part_stats(batch.files, notes, offsets, parts)]
        parts = parts[parts["notes"] >= FEWEST_NOTES]
        features.append(drum_features(parts))
        files.append(parts["file"].astype(np.int64))
    return np.concatenate(features), np.concatenate(files)


def plain_patterns() -> list[list[tuple[int, ...]]]:
    """Make up chords, arpeggios, scales and riffs: files as rows of steps, each of some pitches."""
    chance = np.random.default_rng(SEED)
    files: list[list[tuple[int, ...]]] = []
    for root in ROOTS:
        for notes in QUALITY_NOTES.values():
            for rows in ((0,), (0, 0, 0, 0), (0, 5, 7, 0), (0, 3, 6, 9)):
                files.append([tuple(root + up + note for note in notes) for up in rows])  # noqa: PERF401
            files.append(_steps(root, notes) * 4)
        files.append(
            [
                tuple(root + up + note for note in QUALITY_NOTES[suffix])
                for up, suffix in ((0, ""), (-3, "min"), (2, "min7"), (7, "7"))
            ]
        )
        for scale in SCALES:
            files += [_steps(root, scale), _steps(root, scale) * 3]
        for riff in RIFF_NOTES:
            for tonic in (0.3, 0.5):
                weights = [tonic, *[(1 - tonic) / (len(riff) - 1)] * (len(riff) - 1)]
                files.append(_steps(root, chance.choice(riff, 8, p=weights).tolist()) * 4)
    return files


def _steps(root: int, notes: Sequence[int]) -> list[tuple[int, ...]]:
    return [(root + note,) for note in notes]


def plain_examples() -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Features of the made-up files of four notes and more, and the root each is on."""
    patterns = plain_patterns()
    rows = [
        (480 * step, 480 * (step + 1), 0.5 * step, 0.5 * (step + 1), file, 0, 0, 0, pitch, 90, 0)
        for file, pattern in enumerate(patterns)
        for step, pitches in enumerate(pattern)
        for pitch in pitches
    ]
    notes = np.array(rows, NOTE)
    files = np.zeros(len(patterns), FILE)
    files["tracks"] = 1
    parts = np.empty(len(notes), PART)
    offsets = np.searchsorted(notes["file"], np.arange(len(patterns) + 1))
    parts = parts[: part_stats(files, notes, offsets, parts)]
    per_root = len(patterns) // len(ROOTS)
    parts = parts[parts["notes"] >= FEWEST_PLAIN_NOTES]
    return drum_features(parts), parts["file"].astype(np.int64) // per_root


def fit(*sets: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
    """Give the intercept and the weights, to two decimals, for drums and two sets that are none."""
    features = np.vstack(sets)
    features = np.column_stack([features, np.ones(len(features))])
    sizes = [len(found) for found in sets]
    sign = np.repeat([1.0, -1.0, -1.0], sizes)
    share = np.repeat(np.array(SHARES) / sizes, sizes)

    def loss(weights: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        margins = sign * (features @ weights)
        slope = -share * sign / (1.0 + np.exp(margins))
        value = (share * np.logaddexp(0.0, -margins)).sum() + PENALTY / 2 * (weights @ weights)
        return float(value), features.T @ slope + PENALTY * weights

    start = np.zeros(features.shape[1])
    found = minimize(loss, start, jac=True, method="L-BFGS-B", tol=1e-12, options={"maxiter": 5000})
    weights = found.x.round(2)
    return float(weights[-1]), weights[:-1]


def score(features: NDArray[np.float64], model: tuple[float, NDArray[np.float64]]) -> NDArray[np.float64]:
    """Score examples from 0 to 1."""
    scores: NDArray[np.float64] = 1.0 / (1.0 + np.exp(-(features @ model[1] + model[0])))
    return scores


def main() -> None:
    """Print what comes out."""
    check = is_check(__doc__)
    sets = []
    for folder, drums in (("groove", True), ("pop909", False)):
        blobs = [content for path, content in midi_files(folder).items() if path.endswith(".mid")]
        features, files = examples(read_files(blobs), drums=drums)
        sets.append((features, folds(len(blobs), SEED)[files]))
    features, roots = plain_examples()
    sets.append((features, folds(len(ROOTS), SEED)[roots]))
    model = fit(*(found for found, _ in sets))
    same = bool(np.allclose(model[0], INTERCEPT) and np.allclose(model[1], WEIGHTS))
    report: dict[str, Any] = {"INTERCEPT": model[0], "WEIGHTS": model[1].tolist(), "as_shipped": same}
    if check:
        show(report)
        sys.exit(not same)
    scores = [np.zeros(len(found)) for found, _ in sets]
    for fold in range(FOLDS):
        model = fit(*(found[dealt != fold] for found, dealt in sets))
        for (found, dealt), into in zip(sets, scores, strict=True):
            into[dealt == fold] = score(found[dealt == fold], model)
    report["cross_validated"] = {
        name: {"examples": len(found)}
        | {f"above_{bound}": round(float((found > bound).mean()), 4) for bound in (TAG_SCORE, CATEGORY_SCORE)}
        for name, found in zip(("drums", "songs", "made_up"), scores, strict=True)
    }
    show(report)


if __name__ == "__main__":
    main()
