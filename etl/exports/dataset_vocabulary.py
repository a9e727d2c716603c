"""Vocabularies of a data set: ids by falling frequency in train, so that a smaller vocabulary is a prefix."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from etl.exports.npz import UNKNOWN
from etl.music.keys import KEY_NAMES

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PAD: Final = 0
"""Id kept free for padding."""

OTHER: Final = 1
"""Id of an unknown chord or numeral, and of chords outside every section."""


@dataclass(frozen=True)
class Terms:
    """One vocabulary.

    Attributes
    ----------
    texts
        Text of each id.
    train_counts
        Occurrences of each id in train.
    of_stored
        Id of each number that the store uses, (V,) int32.
    """

    texts: list[str]
    train_counts: list[int]
    of_stored: NDArray[np.int32]

    def as_json(self) -> dict[str, Any]:
        """Give what the vocabulary file says."""
        return {"texts": self.texts, "train_counts": self.train_counts}


def terms(texts: pl.Series, counts: NDArray[np.int64], *, other: str) -> Terms:
    """Give an id to each text that occurs.

    Parameters
    ----------
    texts
        Text of each stored number, (V,); equal texts share an id, and ``?`` has the id :data:`OTHER`.
    counts
        Occurrences of each stored number, (V, 3): in train, validation and test.
    other
        What to call :data:`OTHER`.

    Examples
    --------
    >>> import numpy as np
    >>> stored = pl.Series(["C", "?", "G", "F"])
    >>> counts = np.array([[1, 0, 0], [2, 0, 1], [5, 1, 1], [0, 0, 0]])
    >>> found = terms(stored, counts, other="<unk>")
    >>> found.texts, found.of_stored.tolist()
    (['<pad>', '<unk>', 'G', 'C'], [3, 1, 2, -1])
    """
    used = pl.DataFrame({"text": texts, "train": counts[:, 0], "all": counts.sum(axis=1)})
    sums = used.group_by("text").agg(pl.col("train", "all").sum()).filter(pl.col("all") > 0)
    is_other = pl.col("text") == UNKNOWN
    ranked = sums.filter(~is_other).sort("train", "text", descending=[True, False])
    numbers = {UNKNOWN: OTHER} | {text: number for number, text in enumerate(ranked["text"], OTHER + 1)}
    return Terms(
        ["<pad>", other, *ranked["text"]],
        [0, int(sums.filter(is_other)["train"].sum()), *ranked["train"]],
        texts.replace_strict(numbers, default=-1, return_dtype=pl.Int32).to_numpy(),
    )


def vocabulary_json(tokens: Terms, numerals: Terms, sections: Terms) -> dict[str, Any]:
    """Contents of the vocabulary file."""
    return {
        "tokens": tokens.as_json(),
        "numerals": numerals.as_json(),
        "sections": sections.as_json(),
        "keys": list(KEY_NAMES),
    }
