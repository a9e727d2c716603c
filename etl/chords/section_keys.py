"""The key of each section of a song: what the section alone and the song as a whole say, weighed together.

The posterior of a section's key is the geometric mean of the section's own posterior and the song's,
normalised: both are views of the same chords, so that their product would count these twice. The song's key
is the key of at least one section: where none would have it, it takes the place of the key that most chords
of the sections would have, for of the main key of a song all its chords say more than each section's.

No chain of keys is assumed. A chance of change at section boundaries as rare as annotators' (1.3 %) outweighs
what a section says of itself by a factor of 1,760, and kept short modulations in the key around them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl

from etl.chords.key_model import softmax, trained_model
from etl.chords.ragged import Ragged
from etl.chords.symbols import Kind

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from etl.chords.vocabulary import Vocabulary

SECTION_KEYS_VERSION: Final = 3
"""Raised whenever sections may get another key than before."""


def with_section_keys(songs: pl.LazyFrame, vocabulary: Vocabulary) -> pl.LazyFrame:
    """Add the key of each section.

    Parameters
    ----------
    songs
        Needs ``tokens: list[i32]``, ids into ``vocabulary``, ``key: i8``, ``key_posterior: array[f32, 24]``.
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
        posterior = weighed(section_evidence(spans, vocabulary), of_song, of_whole)
        key = agreeing(posterior, of_song, song.struct.field("key").to_numpy(), spans.lengths)
        columns: dict[str, NDArray[Any]] = {
            "section_keys": key.astype(np.int8),
            "section_key_confidences": posterior[np.arange(len(key)), key].astype(np.float32),
            "section_key_starts": starts,
        }
        series = {name: Ragged(values, of_song).to_series() for name, values in columns.items()}
        return pl.DataFrame(series, schema=dtypes).to_struct()

    found = pl.struct("tokens", "key", "key_posterior").map_batches(find, return_dtype=pl.Struct(dtypes))
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
    return softmax(trained_model().logits(spans, vocabulary))


def weighed(
    evidence: NDArray[np.float64], of_song: NDArray[np.int64], of_whole: NDArray[np.floating]
) -> NDArray[np.float64]:
    """Weigh what each section says with what its song says.

    Parameters
    ----------
    evidence
        Shape (S, 24), from each section alone.
    of_song
        Shape (N + 1,), as :func:`sections` gives it.
    of_whole
        Shape (N, 24), from each song.

    Returns
    -------
    ndarray
        Shape (S, 24): the geometric mean of the two, normalised.
    """
    whole = np.repeat(of_whole.astype(np.float64), np.diff(of_song), axis=0)
    product = np.sqrt(evidence * whole)
    result: NDArray[np.float64] = product / product.sum(axis=1, keepdims=True)
    return result


def agreeing(
    posterior: NDArray[np.float64],
    of_song: NDArray[np.int64],
    song_keys: NDArray[np.int8],
    chords: NDArray[np.integer],
) -> NDArray[np.int64]:
    """Give each section its likeliest key, (S,), save that each song's key is the key of a section of it.

    Parameters
    ----------
    posterior
        Shape (S, 24).
    of_song
        Shape (N + 1,), as :func:`sections` gives it.
    song_keys
        Shape (N,), 0-23; -1 where a song has no section.
    chords
        Shape (S,), how long each section is.
    """
    keys: NDArray[np.int64] = posterior.argmax(axis=1)
    songs = np.flatnonzero(np.diff(of_song))
    wanted = np.repeat(song_keys[songs].astype(np.int64), np.diff(of_song)[songs])
    has_it = np.logical_or.reduceat(keys == wanted, of_song[:-1][songs]) if len(songs) else np.zeros(0, bool)
    for song in songs[~has_it]:
        inside = slice(of_song[song], of_song[song + 1])
        main = np.bincount(keys[inside], weights=chords[inside]).argmax()
        keys[inside][keys[inside] == main] = song_keys[song]
    return keys
