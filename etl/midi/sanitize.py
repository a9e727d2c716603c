"""File names that every drive and every sampler can hold: ASCII, no spaces, no clashes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import polars as pl
from anyascii import anyascii

if TYPE_CHECKING:
    from collections.abc import Iterable

LONGEST_STEM: Final = 100
EMPTY_STEM: Final = "untitled"

# Letters that Unicode decomposition leaves whole.
_LETTERS: Final = {
    "ß": "ss", "æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE", "ø": "o", "Ø": "O", "đ": "d", "Đ": "D", "ð": "d",
    "Ð": "D", "þ": "th", "Þ": "Th", "ł": "l", "Ł": "L", "\u0131": "i", "♯": "#", "♭": "b",
}  # fmt: skip
_FOREIGN: Final = r"[^\p{Latin}\p{Common}\p{Inherited}]"
# Device names of Windows, with or without an ending.
_RESERVED: Final = r"(?i)^(con|prn|aux|nul|com[0-9]|lpt[0-9])(\.|$)"


def safe_stems(stems: pl.Expr) -> pl.Expr:
    """Rewrite name stems with ``A-Z a-z 0-9 . _ -`` only.

    Accents are transliterated, other scripts romanised, ``#`` becomes ``s`` (as in the chord spelling),
    everything else ``_``; none of ``. _ -`` at the ends, no Windows device names, at most 100 characters,
    never empty.
    """
    romanised = stems.map_batches(_romanised, return_dtype=pl.String, is_elementwise=True)
    plain = romanised.str.replace_many(list(_LETTERS), list(_LETTERS.values())).str.normalize("NFKD")
    plain = plain.str.replace_all(r"\p{M}", "").str.replace_all("#", "s", literal=True)
    plain = plain.str.replace_all(r"[^A-Za-z0-9._-]+", "_").str.replace_all(r"_{2,}", "_")
    plain = plain.str.strip_chars("_.- ").str.head(LONGEST_STEM).str.strip_chars("_.- ")
    # Windows looks at the part before the first dot.
    plain = plain.str.replace(_RESERVED, "${1}_$2")
    return pl.when(plain.str.len_bytes() > 0).then(plain).otherwise(pl.lit(EMPTY_STEM))


def _romanised(stems: pl.Series) -> pl.Series:
    """Write Cyrillic, Greek, Hebrew, kana, Han, Hangul and other scripts in Latin letters."""
    foreign = stems.str.contains(_FOREIGN)
    if not foreign.any():
        return stems
    return pl.Series(
        [
            anyascii(stem) if other else stem
            for stem, other in zip(stems, foreign.fill_null(value=False), strict=True)
        ],
        dtype=pl.String,
    )


def distinct_names(stems: Iterable[str], taken: set[str], *, ending: str = ".mid") -> list[str]:
    """Give every stem a name of its own, also on drives that do not tell upper from lower case.

    Parameters
    ----------
    stems
        From `safe_stems`.
    taken
        Lower-case names in use; the new ones are added.
    ending
        With its dot.

    Returns
    -------
    list
        ``stem.mid``, or ``stem_1.mid``, ``stem_2.mid`` ... where that is taken.
    """
    names = []
    following: dict[str, int] = {}
    for stem in stems:
        name, lower = f"{stem}{ending}", stem.lower()
        number = following.get(lower, 0)
        while name.lower() in taken:
            number += 1
            mark = f"_{number}"
            name = f"{stem[: LONGEST_STEM - len(mark)]}{mark}{ending}"
        following[lower] = number
        taken.add(name.lower())
        names.append(name)
    return names
