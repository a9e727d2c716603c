"""The key of each file, and whether and where it changes.

A change of key is where two parts, each from one key's profile, are much likelier than the whole from one.
The key of a part scores by how well two published profiles fit its pitch classes (weighted by how long they
sound, drums left out), by whether it begins or ends on its tonic in the bass, and by how much of it is the
dominant: a major chord on the fifth degree, which tells a minor key from its relative major. What the name
and a key meta say is weighed with that; C major in a meta says nothing: programs write it unasked.

References
----------
.. [1] Krumhansl, "Cognitive Foundations of Musical Pitch", 1990, p. 30.
.. [2] Bellmann, "About the determination of key of a musical excerpt", CMMR 2005, pp. 76-91: profiles counted
   by Budge, "A study of chord frequencies", 1943.
.. [3] McFadden, "Conditional logit analysis of qualitative choice behavior", in Zarembka (ed.), Frontiers in
   Econometrics, 1974.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import polars as pl

from etl.midi.beat_kernel import edge_basses, likeliest_cuts
from etl.midi.chords import SUFFIXES
from etl.music.key_profiles import BELLMANN_BUDGE, KRUMHANSL_KESSLER, profile_correlations, rotated_profiles
from etl.music.keys import KEY_INDEX, NO_KEY

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from etl.midi.arrays import MidiBatch
    from etl.midi.chords import Beats

KEY_WEIGHTS: Final = np.array([12.9, 2.1, 0.5, 4.3])
"""Weights of `key_features` in a conditional logit [3]_; ``benchmarks.training.midi_fit_keys`` fits them."""

LOOP_WEIGHTS: Final = np.array([7.2, 0.3, 0.2, 1.5, 0.7, 5.0])
"""The same for loops, as of `with_short_features`; the same script fits them."""
PHRASE_WEIGHTS: Final = np.array([11.2, 0.7, -0.1, 4.4, 0.4, 6.7])
"""The same for phrases, which are as short but may begin anywhere; the same script fits them."""
_LONGEST_LOOP: Final = 17  # beats: four bars and a note that rings
_LONGEST_PHRASE: Final = 33
_LONGEST_REPEATS: Final = 65
_FEW_CHORDS: Final = 4
_LOOP_PERIODS: Final = (8, 16, 32)
_SAME_CHORDS: Final = 0.95
_TRIADS: Final = {"": 0, "7": 0, "maj7": 0, "add13": 0, "min": 12, "min7": 12, "minadd13": 12}

CHANGE_GAIN: Final = 30.0
"""Log likelihood ratio (nats, each beat one draw) from which a change is believed. Of 114 songs of POP909
the 15 that leave their scale reach 45 and more; of the others one reaches 32 (to the relative key), the
rest 15."""
SHORTEST_PART: Final = 16  # beats before and after a change

DOMINANT_QUALITIES: Final = (SUFFIXES.index(""), SUFFIXES.index("7"))
_LOOP_BEATS: Final = 32
_FEWEST_CLASSES: Final = 4


# Chances that the notes are in the key that is said, and in its relative.
# Of 26 metas in game music 17 agree with the notes.
_META_CHANCES: Final = (0.45, 0.1)
_RELATIVE_OF_NAME: Final = 0.5  # of the chance that the name is wrong
_KEY_META: Final = 0x59


class KeyFeatures(NamedTuple):
    """Files and their parts before and after a change of scale, as seen from the 24 keys.

    ``whole``, ``early``, ``late`` are (files, 24, 4): mean correlation with the two profiles; 1 for minor
    keys; how many of the outer basses (the first of the whole and the early part, the last of the whole and
    the late) are the tonic; the share of beats on the dominant. ``cuts`` (files,) is the beat of the change,
    -1 for none, when both parts are the whole; ``totals`` (files, 12) the beats sounded by pitch class.
    """

    whole: NDArray[np.float64]
    early: NDArray[np.float64]
    late: NDArray[np.float64]
    cuts: NDArray[np.int64]
    totals: NDArray[np.float64]


class Keys(NamedTuple):
    """Keys of the files of a batch; keys are 0-23 as in `etl.music.keys`, -1 for none.

    ``key`` is the longest, ``posterior`` (files, 24) float64 what the scores make of the part it is the key
    of, ``change_beat`` the beat at which the key changes (-1: it does not) and ``other_key`` that of the
    shorter part; ``other_first`` says that this part comes first. ``is_loop``: shorter than 8 bars or of
    fewer than four pitch classes, so that the key is a phrase's, not a piece's. ``totals`` (files, 12) are
    the beats sounded by pitch class.
    """

    key: NDArray[np.int8]
    posterior: NDArray[np.float64]
    change_beat: NDArray[np.int32]
    other_key: NDArray[np.int8]
    other_first: NDArray[np.bool_]
    is_loop: NDArray[np.bool_]
    totals: NDArray[np.float64]


def find_keys(batch: MidiBatch, beats: Beats, labels: NDArray[np.int16]) -> Keys:
    """Find the key of each file.

    Parameters
    ----------
    batch
        Parsed files.
    beats
        Their beats, from `etl.midi.chords.find_beats`.
    labels
        Their chords, from `etl.midi.chords.chord_labels`.
    """
    whole, early, late, cuts, totals = key_features(batch, beats, labels)
    lengths = np.diff(beats.offsets)
    scores = whole @ KEY_WEIGHTS
    early_scores, late_scores = early @ KEY_WEIGHTS, late @ KEY_WEIGHTS
    early_key, late_key = early_scores.argmax(axis=1), late_scores.argmax(axis=1)
    loops, phrases = find_short(beats, labels)
    of_short = with_short_features(whole, beats, labels)
    scores[loops] = of_short[loops] @ LOOP_WEIGHTS
    scores[phrases] = of_short[phrases] @ PHRASE_WEIGHTS
    # A part that only leans to the relative key has not left its scale.
    changes = (cuts >= 0) & ~loops & ~phrases & (_major(early_key) != _major(late_key))
    early_longer = cuts * 2 >= lengths
    for part, part_scores in ((early_longer, early_scores), (~early_longer, late_scores)):
        scores[changes & part] = part_scores[changes & part]
    posterior = np.exp(scores - scores.max(axis=1, keepdims=True))
    posterior /= posterior.sum(axis=1, keepdims=True)
    key = scores.argmax(axis=1).astype(np.int8)
    silent = totals.sum(axis=1) == 0
    key[silent] = NO_KEY
    posterior[silent] = 0.0
    return Keys(
        key=key,
        posterior=posterior,
        change_beat=np.where(changes, cuts, -1).astype(np.int32),
        other_key=np.where(changes, np.where(early_longer, late_key, early_key), NO_KEY).astype(np.int8),
        other_first=changes & ~early_longer,
        is_loop=(lengths < _LOOP_BEATS) | ((totals > 0).sum(axis=1) < _FEWEST_CLASSES),
        totals=totals,
    )


def find_short(beats: Beats, labels: NDArray[np.int16]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Tell which files are loops, and which are phrases, both (files,).

    A loop begins where its harmony does: what says the same twice in up to sixteen bars, up to four chords in
    up to eight, and all of up to four bars. Other files of up to eight bars are phrases, which may be cut out
    anywhere.
    """
    lengths = np.diff(beats.offsets)
    files = np.repeat(np.arange(len(lengths)), lengths)
    repeats = np.zeros(len(lengths), np.bool_)
    for period in _LOOP_PERIODS:
        inside = files[period:] == files[:-period]
        same = inside & (labels[period:] == labels[:-period])
        compared = np.bincount(files[period:][inside], minlength=len(lengths))
        agreed = np.bincount(files[period:][same], minlength=len(lengths))
        repeats |= (compared >= lengths // 2) & (compared > 0) & (agreed >= _SAME_CHORDS * compared)
    moves = np.flatnonzero((labels[1:] != labels[:-1]) & (files[1:] == files[:-1]))
    is_plain = np.bincount(files[moves], minlength=len(lengths)) < _FEW_CHORDS
    longest = np.where(repeats, _LONGEST_REPEATS, np.where(is_plain, _LONGEST_PHRASE, _LONGEST_LOOP))
    loops = lengths <= longest
    return loops, ~loops & (lengths <= _LONGEST_PHRASE)


def with_short_features(
    whole: NDArray[np.float64], beats: Beats, labels: NDArray[np.int16]
) -> NDArray[np.float64]:
    """Add what tells the keys of short files: ``whole`` (files, 24, 4) becomes (files, 24, 6).

    Whether the first chord is the key's own triad, and in minor the share of beats on the major chord of the
    seventh degree: it stands in few major songs, while the dominant, the other sign of a minor key, stands in
    few of its loops.
    """
    return np.concatenate(
        [whole, opening_triads(beats, labels)[..., None], subtonic_shares(beats, labels)[..., None]], axis=2
    )


def subtonic_shares(beats: Beats, labels: NDArray[np.int16]) -> NDArray[np.float64]:
    """Share of beats on a major chord a tone below each minor key, (files, 24); 0 for major keys."""
    lengths = np.diff(beats.offsets)
    files = np.repeat(np.arange(len(lengths)), lengths)
    major = np.isin(labels // 12, DOMINANT_QUALITIES)
    tonic = (labels[major] % 12 + 2) % 12
    counts = np.bincount(files[major] * 24 + 12 + tonic, minlength=24 * len(lengths)).reshape(-1, 24)
    shares: NDArray[np.float64] = counts / np.maximum(1, lengths)[:, None]
    return shares


def opening_triads(beats: Beats, labels: NDArray[np.int16]) -> NDArray[np.float64]:
    """1 for the key whose own triad (or seventh chord) the first chord of each file is, (files, 24)."""
    found = np.zeros((len(beats.offsets) - 1, 24))
    rows = np.flatnonzero(np.diff(beats.offsets) > 0)
    first = labels[beats.offsets[:-1][rows]]
    for suffix, shift in _TRIADS.items():
        fits = first // 12 == SUFFIXES.index(suffix)
        found[rows[fits], first[fits] % 12 + shift] = 1.0
    return found


def weigh_key_evidence(
    batch: MidiBatch, keys: Keys, names: pl.DataFrame | None
) -> tuple[Keys, list[str | None]]:
    """Weigh what names and key metas say with what the notes say.

    Parameters
    ----------
    batch
        Parsed files.
    keys
        From `find_keys`; a file without pitched notes has no key, whatever is said.
    names
        ``file``, ``name_key`` and ``name_key_confidence``, as `etl.midi.file_names` gives them, or None.

    Returns
    -------
    tuple
        The keys with their posteriors, and where each key is from: notes, name or meta, whichever has it as
        its likeliest, asked in this order, else whichever has its relative; None without a key.
    """
    count = len(keys.key)
    metas = _meta_keys(batch)
    said: dict[int, tuple[int, float]] = {}
    if names is not None:
        rows = names.filter(pl.col("name_key").is_not_null())
        rows = rows.select("file", "name_key", "name_key_confidence")
        said = {file: (KEY_INDEX[key], trust) for file, key, trust in rows.iter_rows()}
    posterior, key = keys.posterior.copy(), keys.key.copy()
    sources: list[str | None] = ["notes" if found != NO_KEY else None for found in key]
    for file in sorted(metas.keys() | said.keys()):
        if not 0 <= file < count or key[file] == NO_KEY:
            continue
        if file in said:
            named, trust = said[file]
            posterior[file] *= _chances(named, trust, (1 - trust) * _RELATIVE_OF_NAME)
        if file in metas:
            posterior[file] *= _chances(metas[file], *_META_CHANCES)
        posterior[file] /= posterior[file].sum()
        likeliest = int(posterior[file].argmax())
        if likeliest != key[file]:
            sources[file] = _source(likeliest, said.get(file, (NO_KEY,))[0], metas.get(file, NO_KEY))
            key[file] = likeliest
    return keys._replace(key=key, posterior=posterior), sources


def _source(key: int, named: int, meta: int) -> str:
    """Say whether the name or the meta, where there is one, made a key likeliest, which the notes do not."""
    others = {"name": named, "meta": meta}
    exact = [source for source, said in others.items() if said == key]
    related = [source for source, said in others.items() if said != NO_KEY and _relative(said) == key]
    return next(iter([*exact, *related]), "notes")


def _relative(key: int) -> int:
    return (key - 12 + 3) % 12 if key >= 12 else (key - 3) % 12 + 12


def _chances(key: int, exact: float, relative: float) -> NDArray[np.float64]:
    """Chance of each key where one is said: that key, its relative, the rest in equal parts, (24,)."""
    chances = np.full(24, (1 - exact - relative) / 22)
    chances[key] = exact
    chances[_relative(key)] = relative
    return chances


def _meta_keys(batch: MidiBatch) -> dict[int, int]:
    """Give the key that all key metas of a file say, but for C major."""
    metas = batch.events[(batch.events["status"] == 0xFF) & (batch.events["kind"] == _KEY_META)]
    fifths = batch.data[metas["offset"]].astype(np.int8).astype(np.int64)
    minor = batch.data[metas["offset"] + 1].astype(np.int64)
    numbers = np.where(minor == 1, (fifths * 7 + 9) % 12 + 12, fifths * 7 % 12)
    found: dict[int, set[int]] = {}
    for file, key in zip(metas["file"].tolist(), numbers.tolist(), strict=True):
        found.setdefault(file, set()).add(key)
    return {file: next(iter(said)) for file, said in found.items() if len(said) == 1 and said != {0}}


def key_features(batch: MidiBatch, beats: Beats, labels: NDArray[np.int16]) -> KeyFeatures:
    """Look for a change of scale in each file, and describe the whole and both parts."""
    count = len(batch.files)
    rotated = rotated_profiles(BELLMANN_BUDGE)
    chances = np.log(rotated / rotated.sum(axis=1, keepdims=True)).T.copy()
    cuts = np.empty(count, np.int64)
    parts = np.empty((count, 2, 12))
    likeliest_cuts(beats.offsets, beats.profiles, chances, SHORTEST_PART, CHANGE_GAIN, cuts, parts)
    totals = parts.sum(axis=1)
    basses = np.empty((count, 2), np.int8)
    edge_basses(batch.files, batch.notes, batch.note_offsets, basses)
    first, last = _tonic(basses[:, 0]), _tonic(basses[:, 1])
    dominants = _dominant_beats(beats, labels, cuts)
    features = [
        _features(weights, edges, on_dominant)
        for weights, edges, on_dominant in (
            (totals, first + last, dominants.sum(axis=1)),
            (parts[:, 0], first, dominants[:, 0]),
            (parts[:, 1], last, dominants[:, 1]),
        )
    ]
    changed = (cuts >= 0)[:, None, None]
    return KeyFeatures(
        whole=features[0],
        early=np.where(changed, features[1], features[0]),
        late=np.where(changed, features[2], features[0]),
        cuts=cuts,
        totals=totals,
    )


def _features(
    weights: NDArray[np.float64], edges: NDArray[np.float64], dominants: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Stack the features of one part of each file; ``dominants`` (files, 13) ends with the count of beats."""
    fit = profile_correlations(weights, KRUMHANSL_KESSLER) + profile_correlations(weights, BELLMANN_BUDGE)
    minor = np.broadcast_to(np.arange(24) >= 12, fit.shape)
    shares = dominants[:, :12] / np.maximum(1.0, dominants[:, 12:])
    return np.stack([fit / 2, minor, edges, np.tile(shares, 2)], axis=-1)


def _dominant_beats(beats: Beats, labels: NDArray[np.int16], cuts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Beats before and after each cut on the dominant of each tonic, and all beats, (files, 2, 13)."""
    files = np.repeat(np.arange(len(cuts)), np.diff(beats.offsets))
    place = np.arange(len(labels)) - beats.offsets[files]
    part = 2 * files + ((cuts[files] >= 0) & (place >= cuts[files]))
    size = 2 * len(cuts)
    major = np.isin(labels // 12, DOMINANT_QUALITIES)
    tonic = (labels[major] % 12 + 5) % 12
    counts = np.bincount(part[major] * 12 + tonic, minlength=size * 12).reshape(-1, 2, 12)
    beats_of_part = np.bincount(part, minlength=size).reshape(-1, 2, 1)
    return np.concatenate([counts, beats_of_part], axis=2).astype(np.float64)


def _major(keys: NDArray[np.int64]) -> NDArray[np.int64]:
    """Tonic of each key's relative major, or of the key itself."""
    majors: NDArray[np.int64] = np.where(keys >= 12, keys - 12 + 3, keys) % 12
    return majors


def _tonic(pitch_classes: NDArray[np.int8]) -> NDArray[np.float64]:
    """1 for the major and the minor key on each pitch class, (N,) to (N, 24); 0 everywhere for -1."""
    tonics = np.concatenate([np.arange(12), np.arange(12)])
    matches: NDArray[np.float64] = (pitch_classes[:, None] == tonics).astype(np.float64)
    return matches
