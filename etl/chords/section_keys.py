"""The key of each section of a song: the key finder's view of the section alone, smoothed over the song.

A hidden Markov model [1]_: each section has a key; the section's own posterior is the evidence for it; the
first section's key has the song's posterior as its prior; and from one section to the next the key stays, but
for a small chance of any other key.

References
----------
.. [1] Rabiner, "A tutorial on hidden Markov models and selected applications in speech recognition",
   Proceedings of the IEEE 77(2), 1989: the forward-backward procedure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from etl.chords.key_model import softmax, trained_model
from etl.chords.ragged import Ragged
from etl.chords.symbols import Kind

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from etl.chords.vocabulary import Vocabulary

SECTION_KEYS_VERSION: Final = 1
"""Raised whenever sections may get another key than before."""

CHANGE: Final = 0.0129
"""Chance that the key changes at a section boundary: 68 changes at 5,286 boundaries of Billboard songs."""


def with_section_keys(songs: pl.LazyFrame, vocabulary: Vocabulary) -> pl.LazyFrame:
    """Add the key of each section.

    Parameters
    ----------
    songs
        Needs ``tokens: list[i32]``, ids into ``vocabulary``, and ``key_posterior: array[f32, 24]``.
    vocabulary
        The distinct tokens of the batch.

    Returns
    -------
    LazyFrame
        ``songs`` with ``section_keys: list[i8]`` (0-23), ``section_key_confidences: list[f32]`` (0-1) and
        ``section_key_starts: list[i32]`` (how many known or unknown chords come before), one for each section
        that has a known chord. What stands before the first section tag is a section too.
    """
    dtypes = {
        "section_keys": pl.List(pl.Int8),
        "section_key_confidences": pl.List(pl.Float32),
        "section_key_starts": pl.List(pl.Int32),
    }

    def find(song: pl.Series) -> pl.Series:
        tokens = Ragged.from_series(song.struct.field("tokens"))
        spans, of_song, starts = sections(tokens, vocabulary)
        of_whole = song.struct.field("key_posterior").to_numpy()
        posterior = smoothed(section_evidence(spans, vocabulary), of_song, of_whole)
        key = posterior.argmax(axis=1)
        columns = {
            "section_keys": key.astype(np.int8),
            "section_key_confidences": posterior[np.arange(len(key)), key].astype(np.float32),
            "section_key_starts": starts,
        }
        series = {name: Ragged(values, of_song).to_series() for name, values in columns.items()}
        return pl.DataFrame(series, schema=dtypes).to_struct()

    found = pl.struct("tokens", "key_posterior").map_batches(find, return_dtype=pl.Struct(dtypes))
    return songs.with_columns(found.alias("found_sections")).unnest("found_sections")


def sections(tokens: Ragged, vocabulary: Vocabulary) -> tuple[Ragged, NDArray[np.int64], NDArray[np.int32]]:
    """Cut songs into sections that have a known chord.

    Parameters
    ----------
    tokens
        Token ids, N songs.
    vocabulary
        What the ids stand for.

    Returns
    -------
    spans
        Token ids of S sections, tags left out.
    of_song
        Shape (N + 1,): the sections of song i are ``of_song[i]:of_song[i + 1]``.
    starts
        Shape (S,): how many chords or unknown tokens of the song come before.
    """
    kinds = vocabulary.kinds[tokens.values]
    plain_at = np.flatnonzero(kinds != Kind.SECTION)
    offsets = np.searchsorted(plain_at, tokens.offsets)
    opens = np.zeros(len(plain_at) + 1, np.bool_)
    opens[offsets] = True
    opens[np.searchsorted(plain_at, np.flatnonzero(kinds == Kind.SECTION))] = True
    first = np.flatnonzero(opens[:-1])
    spans = Ragged(tokens.values[plain_at], np.append(first, len(plain_at)))
    chord_at = np.flatnonzero(kinds[plain_at] == Kind.CHORD)
    filled = np.diff(np.searchsorted(chord_at, spans.offsets)) > 0
    song = np.searchsorted(offsets, first, side="right") - 1
    kept = np.repeat(filled, spans.lengths)
    ends = np.concatenate(([0], np.cumsum(spans.lengths[filled])))
    of_song = np.searchsorted(song[filled], np.arange(tokens.rows + 1))
    starts = (first - offsets[song])[filled].astype(np.int32)
    return Ragged(spans.values[kept], ends), of_song, starts


def section_evidence(spans: Ragged, vocabulary: Vocabulary) -> NDArray[np.float64]:
    """Posterior of each section's key from the section alone, (S, 24), by the trained key finder."""
    model = trained_model()
    logits = model.logits(spans, vocabulary)
    return softmax(logits * (model.temperature / model.section_temperature))


def smoothed(
    evidence: NDArray[np.float64], of_song: NDArray[np.int64], prior: NDArray[np.floating]
) -> NDArray[np.float64]:
    """Smooth the sections' posteriors over each song by the forward-backward procedure.

    Parameters
    ----------
    evidence
        Shape (S, 24), from each section alone.
    of_song
        Shape (N + 1,), as :func:`sections` gives it.
    prior
        Shape (N, 24), of the first section's key.

    Returns
    -------
    ndarray
        Shape (S, 24).
    """
    counts = np.diff(of_song)
    longest_first = np.argsort(-counts, kind="stable")
    first, counts = of_song[:-1][longest_first], counts[longest_first]
    forward, backward = np.empty_like(evidence), np.ones_like(evidence)
    longest = int(counts.max(initial=0))
    for step in range(longest):  # the songs that have such a section are the leading ones
        songs = int(np.searchsorted(-counts, -step))
        at = first[:songs] + step
        before = _moved_on(forward[at - 1]) if step else prior[longest_first[:songs]]
        forward[at] = _normalised(before * evidence[at])
    for step in range(longest - 2, -1, -1):
        songs = int(np.searchsorted(-counts, -step - 1))
        at = first[:songs] + step
        backward[at] = _moved_on(_normalised(backward[at + 1] * evidence[at + 1]))
    return _normalised(forward * backward)


def _moved_on(posterior: NDArray[np.float64]) -> NDArray[np.float64]:
    """Chance of each key one section on."""
    other = CHANGE / 23
    result: NDArray[np.float64] = (1 - CHANGE - other) * posterior
    return result + other  # rows of posterior sum to 1


def _normalised(weights: NDArray[np.float64]) -> NDArray[np.float64]:
    result: NDArray[np.float64] = weights / weights.sum(axis=1, keepdims=True)
    return result
