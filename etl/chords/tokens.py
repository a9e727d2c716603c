"""Chord strings to token ids: the first stage of the analysis."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from etl.chords.ragged import Ragged
from etl.chords.vocabulary import Vocabulary

if TYPE_CHECKING:
    import pyarrow as pa


def tokenise(chords: pl.Series) -> tuple[pl.Series, Vocabulary]:
    r"""Split chord strings at white space and number the distinct tokens.

    Parameters
    ----------
    chords
        Strings; null counts as empty.

    Returns
    -------
    tokens
        ``list[i32]``, ids into the vocabulary; an empty list where there is no token.
    vocabulary
        The distinct tokens in order of first appearance.

    Examples
    --------
    >>> import polars as pl
    >>> tokens, vocabulary = tokenise(pl.Series(["<verse_1> C  G C", None]))
    >>> tokens.to_list(), vocabulary.texts
    ([[0, 1, 2, 1], []], ['<verse_1>', 'C', 'G'])
    """
    words, encoded = _split(chords.fill_null(""))
    texts: list[str] = encoded.dictionary.to_pylist()
    if " ".join(texts).split() != [text for text in texts if text]:  # tabs and the like, seldom
        words, encoded = _split(chords.fill_null("").str.replace_all(r"\s", " "))
        texts = encoded.dictionary.to_pylist()
    tokens = Ragged(encoded.indices.to_numpy(), words.offsets.to_numpy())
    if "" in texts:  # empty strings and doubled spaces
        empty = texts.index("")
        tokens = tokens.where(tokens.values != empty)
        tokens = tokens.with_values(tokens.values - (tokens.values > empty))
        texts.remove("")
    return tokens.to_series(), Vocabulary(texts)


def _split(chords: pl.Series) -> tuple[pa.LargeListArray, pa.DictionaryArray]:
    words = chords.str.split(" ").to_arrow(compat_level=pl.CompatLevel.newest())  # views: no copy
    return words, words.values.dictionary_encode()
