"""Chord strings to token ids: the first stage of the analysis."""

from __future__ import annotations

import os
from typing import Final

import numpy as np
import polars as pl

from etl.chords.glossary import Glossary
from etl.chords.notations import plain_texts
from etl.chords.ragged import Ragged
from etl.chords.vocabulary import Vocabulary
from etl.chords.word_kernel import number_words


def tokenize(chords: pl.Series, glossary: Glossary | None = None) -> tuple[pl.Series, Vocabulary]:
    r"""Split chord strings into the tokens of their notation and number the distinct ones.

    Parameters
    ----------
    chords
        Strings; null counts as empty.
    glossary
        Where tokens are looked up, and in which notation; None is a new one for Chordonomicon's.

    Returns
    -------
    tokens
        ``list[i32]``, ids into the vocabulary; an empty list where there is no token.
    vocabulary
        The distinct tokens in order of first appearance.

    Examples
    --------
    >>> import polars as pl
    >>> tokens, vocabulary = tokenize(pl.Series(["<verse_1> C  G C", None]))
    >>> tokens.to_list(), vocabulary.texts
    ([[0, 1, 2, 1], []], ['<verse_1>', 'C', 'G'])
    """
    glossary = glossary or Glossary()
    chords = plain_texts(chords, glossary.notation)
    tokens, texts = _split(chords)
    if " ".join(texts).split() != texts:  # other white space than ASCII, seldom
        tokens, texts = _split(chords.str.replace_all(r"\s", " "))
    return tokens.to_series(), Vocabulary(texts, glossary)


def _split(chords: pl.Series) -> tuple[Ragged, list[str]]:
    array = chords.fill_null("").rechunk().to_arrow(compat_level=pl.CompatLevel.oldest())
    _, offsets, data = array.buffers()
    rows = np.frombuffer(offsets, np.int64)[array.offset : array.offset + len(array) + 1]
    text = np.frombuffer(data or b"", np.uint8)
    words, word_offsets, spans = number_words(text, rows, _SECRET)
    texts = [text[start:end].tobytes().decode() for start, end in spans.tolist()]
    return Ragged(words, word_offsets), texts


_SECRET: Final = np.uint64(int.from_bytes(os.urandom(8)) | 1)
