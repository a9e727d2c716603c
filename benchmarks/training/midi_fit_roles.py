"""Fit what tells drums, bass, melody and chords apart, and cross-validate the fit over songs.

    python -m benchmarks.training.midi_fit_roles [--check]

Drums: 80 Groove performances as if on channel 1; whole, eight seconds, and some of the kit; and made-up
rhythms of one to three percussion instruments. Melody: two parts of 114 songs of POP909; chords: their
piano; each as written and down by one octave (down by two to three the melody is a bass), and eight seconds
of each. With notes as written and shorter. Bass lines and accompaniments in the patterns below are made up
over the songs' annotated chords, for the songs have none. Made up beside them: chords of all qualities,
arpeggios, scales and riffs from every pitch of the drum range: songs have few of those, packs of loops
nothing else; what lies low among them is a bass, what lies high a melody. A multinomial logistic regression
at the maximum of the penalised likelihood, with the same weight on each role. With --check it says whether
the weights that ship come out, and fails if not.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy.optimize import minimize
from scipy.special import logsumexp

from benchmarks.training.validation import FOLDS, folds, is_check
from etl.midi.arrays import FILE, NOTE
from etl.midi.chord_notes import QUALITY_NOTES
from etl.midi.drum_classes import CYMBAL, HAT, KICK, SNARE
from etl.midi.reader import read_files
from etl.midi.roles import INTERCEPTS, ROLES, WEIGHTS, role_features
from etl.midi.stats_kernel import DRUM_CLASS_OF, PART, part_stats
from etl.music.pitch_classes import LETTER_PITCH_CLASS
from tests.support.figures import show
from tests.support.midi_songs import Songs, midi_files

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from etl.midi.arrays import MidiBatch

SEED = 0
CUT_SECONDS = 8.0
FEWEST_NOTES = 8
FEWEST_PLAIN_NOTES = 4
DRUM_PARTS = ((KICK, SNARE), (HAT, CYMBAL), (KICK,), (SNARE,), (HAT,))
DRUM_LENGTHS = (0.0, 0.1, 0.2, 0.4)  # seconds; 0: as written
OTHER_LENGTHS = (0.0, 0.1, 0.2)
PENALTY = 1e-3
DRUMS, BASS, MELODY, CHORDS = range(4)
DIVISION = 480
SCALES = (
    (0, 2, 4, 5, 7, 9, 11, 12), (0, 2, 3, 5, 7, 8, 11, 12), tuple(range(13)), (0, 2, 4, 6, 8, 10, 12),
    (0, 3, 5, 7, 10, 12), (0, 2, 4, 7, 9),
)  # fmt: skip
RIFF_NOTES = ((0, 3, 5, 7, 10, 12), (0, 2, 4, 7, 9, 12), (0, 2, 3, 7, 8, 12))
ROOTS = range(28, 72)
PERCUSSION = range(35, 82)
BASS_TOP, MELODY_BOTTOM = 45, 55  # made-up lines between these roots could be either
LOWEST_BASS, LOWEST_CHORD = (28, 36), 50
MOST_CHORDS = 24
SONG_PATTERNS = 4  # of each kind, for each song
THIRDS = {"min": 3, "dim": 3, "hdim": 3, "sus4": 5, "sus2": 2}

# Quarters after a bar's or chord's beginning, semitones above the root, length. Walks go to the third too.
BASS_PATTERNS = (
    ((0, 0, 4),),
    ((0, 0, 1), (1, 0, 1), (2, 0, 1), (3, 0, 1)),
    tuple((step / 2, 0, 0.5) for step in range(8)),
    ((0, 0, 1), (2, 7, 1)),
    ((0, 0, 1), (1, 7, 1), (2, 0, 1), (3, 7, 1)),
    tuple((step / 2, 12 * (step % 2), 0.4) for step in range(8)),
    ((0, 0, 1), (1, 3.5, 1), (2, 7, 1), (3, 9, 1)),
    ((0, 0, 1.5), (1.5, 0, 0.5), (2.5, 7, 0.5), (3, 12, 1)),
    ((0, 0, 0.75), (0.75, 0, 0.25), (1.5, 0, 0.5), (2, 10, 0.5), (2.75, 12, 0.25), (3.5, 7, 0.5)),
    ((0.5, 0, 0.4), (1.5, 0, 0.4), (2.5, 0, 0.4), (3.5, 7, 0.4)),
)
CHORD_PATTERNS = (
    ((0, 4),),
    ((0, 2), (2, 2)),
    tuple((beat, 1) for beat in range(4)),
    tuple((beat, 0.4) for beat in range(4)),
    tuple((beat + 0.5, 0.4) for beat in range(4)),
    ((1, 0.8), (3, 0.8)),
    tuple((step / 2, 0.5) for step in range(8)),
    ((0, 1.5), (1.5, 1), (3, 0.5)),
)


class Examples(NamedTuple):
    """Features of parts, the fold that each is held out in, its role and, once joined, its weight."""

    features: NDArray[np.float64]
    folds: NDArray[np.int64]
    roles: NDArray[np.int64]
    weights: NDArray[np.float64] = np.empty(0)


def parts_of(notes: NDArray[Any], files: NDArray[Any], fewest: int) -> NDArray[Any]:
    """Sum up the parts of notes in order of their files."""
    offsets = np.searchsorted(notes["file"], np.arange(len(files) + 1))
    parts = np.empty(len(notes), PART)
    parts = parts[: part_stats(files, notes, offsets, parts)]
    kept: NDArray[Any] = parts[parts["notes"] >= fewest]
    return kept


def variants(batch: MidiBatch, *, drums: bool) -> Iterator[tuple[int, NDArray[Any]]]:
    """Give the notes of a batch as they are and as they might be, and by how many octaves they are down."""
    notes = batch.notes.copy()
    notes["drum"] = 0
    if drums:
        notes["channel"] = 0
    opening = np.full(len(batch.files), np.inf)
    np.minimum.at(opening, notes["file"], notes["start_s"])
    cut = notes["start_s"] < opening[notes["file"]] + CUT_SECONDS
    whole = np.ones_like(cut)
    kinds = DRUM_CLASS_OF[notes["pitch"]]
    if drums:
        kept = [whole, cut, *(np.isin(kinds, some) for some in DRUM_PARTS)]
        cases = [(mask, 0, length) for mask in kept for length in DRUM_LENGTHS]
    else:
        cases = [
            (mask, octaves, length)
            for mask in (whole, cut)
            for octaves in range(4)
            for length in OTHER_LENGTHS
        ]
    per_second = batch.files["division"][notes["file"]] * 2
    for mask, octaves, length in cases:
        chosen = mask & (notes["pitch"] >= 12 * octaves)
        found = notes[chosen].copy()
        found["pitch"] -= 12 * octaves
        if length > 0:
            found["end_s"] = found["start_s"] + length
            found["end_tick"] = found["start_tick"] + (length * per_second[chosen]).astype(np.int64)
        yield octaves, found


def performed(batch: MidiBatch, dealt: NDArray[np.int64], *, drums: bool) -> list[Examples]:
    """Drum performances, or the parts of songs: melody, bridge and piano are the first to the third."""
    found = []
    for octaves, notes in variants(batch, drums=drums):
        parts = parts_of(notes, batch.files, FEWEST_NOTES)
        order = np.zeros(len(parts), np.int64)
        for place in range(1, len(parts)):
            order[place] = order[place - 1] + 1 if parts["file"][place] == parts["file"][place - 1] else 0
        if drums:
            roles = np.full(len(parts), DRUMS)
        else:
            roles = np.where(order == 2, CHORDS, BASS if octaves > 1 else MELODY)
        found.append(Examples(role_features(parts), dealt[parts["file"]], roles))
    return found


def made(patterns: Sequence[Sequence[tuple[float, float, int]]]) -> NDArray[Any]:
    """Write files of (start, length, pitch), in quarters, at 120 bpm, and sum them up."""
    rows = [
        (round(DIVISION * start), round(DIVISION * (start + length)), start / 2, (start + length) / 2,
         file, 0, 0, 0, pitch, 90, 0)
        for file, pattern in enumerate(patterns)
        for start, length, pitch in sorted(pattern)
    ]  # fmt: skip
    files = np.zeros(len(patterns), FILE)
    files["tracks"], files["division"] = 1, DIVISION
    return parts_of(np.array(rows, NOTE), files, FEWEST_PLAIN_NOTES)


def song_chords(songs: Songs, song: int) -> list[tuple[float, float, int, tuple[int, int, int]]]:
    """Give the chords of a song: start and length in quarters, root and notes above it."""
    tempo = np.median(np.diff(songs.beat_times(song)))
    found, now = [], 0.0
    for start, end, name in songs.chord_rows[song]:
        length = max(1.0, round((float(end) - float(start)) / tempo))
        if name != "N":
            root, _, quality = name.partition(":")
            quality = quality.partition("/")[0]
            shift = root.count("#") - root.count("b")
            third = next((up for kind, up in THIRDS.items() if quality.startswith(kind)), 4)
            fifth = 6 if quality.startswith(("dim", "hdim")) else 8 if quality.startswith("aug") else 7
            found.append((now, length, (LETTER_PITCH_CLASS[root[0]] + shift) % 12, (0, third, fifth)))
        now += length
    return found[:MOST_CHORDS]


def up_by(step: float, above: tuple[int, int, int]) -> int:
    """Semitones above the root; a step of 3.5 is the chord's third."""
    return int(step) if step == int(step) else above[1]


def accompanied(songs: Songs, dealt: NDArray[np.int64]) -> list[Examples]:
    """Make up basses and accompaniments over the chords of songs."""
    chance = np.random.default_rng(SEED)
    basses: list[list[tuple[float, float, int]]] = []
    blocks: list[list[tuple[float, float, int]]] = []
    for song in range(len(songs.names)):
        chords = song_chords(songs, song)
        for number in chance.choice(len(BASS_PATTERNS), SONG_PATTERNS, replace=False):
            lowest, short = int(chance.integers(*LOWEST_BASS)), chance.choice([1.0, 0.5])
            basses.append([
                (at + bar + offset, length * short, lowest + (root - lowest) % 12 + up_by(up, above))
                for at, held, root, above in chords
                for bar in range(0, int(held), 4)
                for offset, up, length in BASS_PATTERNS[number]
                if bar + offset < held
            ])  # fmt: skip
        for number in chance.choice(len(CHORD_PATTERNS), SONG_PATTERNS, replace=False):
            lowest = int(chance.integers(LOWEST_CHORD - 6, LOWEST_CHORD + 10))
            blocks.append([
                (at + bar + offset, length, lowest + (root + up - lowest) % 12)
                for at, held, root, above in chords
                for bar in range(0, int(held), 4)
                for offset, length in CHORD_PATTERNS[number]
                if bar + offset < held
                for up in above
            ])  # fmt: skip
    found = []
    for patterns, role in ((basses, BASS), (blocks, CHORDS)):
        parts = made(patterns)
        songs_of = dealt[parts["file"] // SONG_PATTERNS]
        found.append(Examples(role_features(parts), songs_of, np.full(len(parts), role)))
    return found


def plain() -> Examples:
    """Make up chords, arpeggios, scales and riffs on every root."""
    chance = np.random.default_rng(SEED)
    patterns: list[list[tuple[float, float, int]]] = []
    labels: list[int] = []
    roots: list[int] = []

    def add(steps: Sequence[Sequence[int]], root: int, role: int | None) -> None:
        if role is not None:
            patterns.append([(float(at), 1.0, pitch) for at, step in enumerate(steps) for pitch in step])
            labels.append(role)
            roots.append(root)

    for root in ROOTS:
        line = BASS if root < BASS_TOP else MELODY if root > MELODY_BOTTOM else None
        for notes in QUALITY_NOTES.values():
            for rows in ((0,), (0, 0, 0, 0), (0, 5, 7, 0), (0, 3, 6, 9)):
                add([[root + up + note for note in notes] for up in rows], root, CHORDS)
            add([[root + note] for note in notes] * 4, root, line)
        turn = ((0, ""), (-3, "min"), (2, "min7"), (7, "7"))
        add([[root + up + note for note in QUALITY_NOTES[suffix]] for up, suffix in turn], root, CHORDS)
        for scale in SCALES:
            add([[root + note] for note in scale], root, line)
            add([[root + note] for note in scale] * 3, root, line)
        for riff in RIFF_NOTES:
            for tonic in (0.3, 0.5):
                weights = [tonic, *[(1 - tonic) / (len(riff) - 1)] * (len(riff) - 1)]
                add([[root + int(note)] for note in chance.choice(riff, 8, p=weights)] * 4, root, line)
    parts = made(patterns)
    place = parts["file"]
    dealt = folds(len(ROOTS), SEED)[np.array(roots)[place] - ROOTS[0]]
    return Examples(role_features(parts), dealt, np.array(labels)[place])


def percussion() -> Examples:
    """Make up rhythms of one or two percussion instruments: the performances are of whole kits."""
    chance = np.random.default_rng(SEED)
    patterns = []
    for pitch in PERCUSSION:
        for others in (0, 0, 1, 2):
            bar = np.flatnonzero(chance.random(16) < chance.uniform(0.2, 0.7))
            voices = [pitch, *chance.choice(PERCUSSION, others)]
            length = float(chance.choice([0.1, 0.25, 0.5, 1.0]))
            patterns.append([
                (4 * bars + step / 4, length, int(chance.choice(voices)))
                for bars in range(8)
                for step in bar
            ])  # fmt: skip
    parts = made(patterns)
    dealt = folds(len(patterns), SEED)[parts["file"]]
    return Examples(role_features(parts), dealt, np.full(len(parts), DRUMS))


def joined(*groups: tuple[float, Sequence[Examples]]) -> Examples:
    """Join groups of examples: a group's share of a role goes to its sets, and in these to parts, equally."""
    sets = [(share / len(group), found) for share, group in groups for found in group]
    roles = np.concatenate([found.roles for _, found in sets])
    weights = np.concatenate(
        [share / np.bincount(found.roles, minlength=len(ROLES))[found.roles] for share, found in sets]
    )
    weights /= np.bincount(roles, weights, len(ROLES))[roles] * len(ROLES)
    features = np.concatenate([found.features for _, found in sets])
    return Examples(features, np.concatenate([found.folds for _, found in sets]), roles, weights)


def fit(found: Examples) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give intercepts (4,) and weights (features, 4), to two decimals."""
    centre, scale = found.features.mean(axis=0), found.features.std(axis=0) + 1e-9
    features = np.column_stack([(found.features - centre) / scale, np.ones(len(found.roles))])
    truth = np.eye(len(ROLES))[found.roles]

    def loss(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        weights = flat.reshape(features.shape[1], len(ROLES))
        scores = features @ weights
        norms = logsumexp(scores, axis=1)
        likelihood = found.weights @ (norms - (scores * truth).sum(axis=1))
        slope = features.T @ (found.weights[:, None] * (np.exp(scores - norms[:, None]) - truth))
        return float(likelihood + PENALTY / 2 * (flat @ flat)), (slope + PENALTY * weights).ravel()

    start = np.zeros(features.shape[1] * len(ROLES))
    best = minimize(loss, start, jac=True, method="L-BFGS-B", tol=1e-10, options={"maxiter": 3000})
    weights = best.x.reshape(features.shape[1], len(ROLES))
    unscaled = weights[:-1] / scale[:, None]
    return (weights[-1] - centre @ unscaled).round(2), unscaled.round(2)


def examples() -> Examples:
    """All examples."""
    groove = [content for path, content in midi_files("groove").items() if path.endswith(".mid")]
    songs = Songs(midi_files("pop909"))
    dealt = folds(len(songs.names), SEED)
    return joined(
        (2, performed(read_files(groove), folds(len(groove), SEED), drums=True)),
        (2, performed(songs.batch, dealt, drums=False)),
        (2, accompanied(songs, dealt)),
        (1, [plain(), percussion()]),
    )


def main() -> None:
    """Print what comes out."""
    check = is_check(__doc__)
    found = examples()
    intercepts, weights = fit(found)
    same = bool(np.allclose(intercepts, INTERCEPTS) and np.allclose(weights, WEIGHTS))
    report: dict[str, Any] = {
        "INTERCEPTS": intercepts.tolist(),
        "WEIGHTS": weights.tolist(),
        "as_shipped": same,
    }
    if check:
        show(report)
        sys.exit(not same)
    right = np.zeros(len(found.roles), np.bool_)
    for fold in range(FOLDS):
        out = found.folds == fold
        trained = fit(Examples(*(column[~out] for column in found)))
        right[out] = (found.features[out] @ trained[1] + trained[0]).argmax(axis=1) == found.roles[out]
    report["cross_validated"] = {
        role: round(float(np.average(right[of], weights=found.weights[of])), 4)
        for role, of in ((role, found.roles == number) for number, role in enumerate(ROLES))
    }
    show(report)


if __name__ == "__main__":
    main()
