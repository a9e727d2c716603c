"""Two forms of a tag by which spellings are compared: its letters, and its words in no order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Mapping

LONGEST: Final = 100
"""Characters of a tag; what is longer is a sentence."""

_STOP_WORDS: Final = frozenset({
    "a", "and", "the", "of", "music", "musik", "musique", "musica", "muzyka", "song", "songs", "genre",
    "genres", "style", "styles", "scene",
})  # fmt: skip
_ENTITIES: Final = {"&amp;": "&", "&#38;": "&", "&#39;": "'", "&apos;": "'", "&quot;": '"'}
_INVISIBLE: Final = r"[\p{Cc}\p{Cf}\p{Co}\s]+"
_LATIN_ACCENTS: Final = r"[\u{300}-\u{36F}]"
_PUNCTUATION: Final = r"[^\p{L}\p{M}\p{N}]+"
_AND: Final = r"\s*[&+]\s*|['´`’‘]n['´`’‘]"


def unescaped(tag: pl.Expr) -> pl.Expr:
    """Give a tag as it was before a web page's escapes came in.

    Examples
    --------
    >>> pl.DataFrame({"tag": ["Drum &amp; Bass"]}).select(unescaped(pl.col("tag")))["tag"].to_list()
    ['Drum & Bass']
    """
    return tag.str.replace_many(_ENTITIES)


def tidied(tag: pl.Expr) -> pl.Expr:
    r"""Give a tag's text without what cannot be seen, in lower case.

    Examples
    --------
    >>> frame = pl.DataFrame({"tag": ["  Drum &amp;\tBass ", "МУЗЫКА"]})
    >>> frame.select(tidied(pl.col("tag")))["tag"].to_list()
    ['drum & bass', 'музыка']
    """
    return (
        unescaped(tag)
        .str.normalize("NFC")
        .str.replace_all(_INVISIBLE, " ")
        .str.strip_chars()
        .str.to_lowercase()
    )


def letters(tag: pl.Expr) -> pl.Expr:
    """Fold a tag to letters and digits of any script: no case, accents, blanks or punctuation.

    Accents are those of Latin, Greek and Cyrillic; marks of other scripts are part of their letters.

    Examples
    --------
    >>> frame = pl.DataFrame({"tag": ["Hip-Hop", "Kayōkyoku", "R & B", "r'n'b", "ガレージ"]})
    >>> frame.select(letters(pl.col("tag")))["tag"].to_list()
    ['hiphop', 'kayokyoku', 'randb', 'randb', 'ガレージ']
    """
    return _plain(tag).str.replace_all(_PUNCTUATION, "")


def words(tag: pl.Expr, same: Mapping[str, str]) -> pl.Expr:
    """Fold a tag to its words in alphabetical order, without those that say nothing, in the singular.

    Parameters
    ----------
    tag
        Text.
    same
        Words that stand for other words; keys and values as :func:`letters` folds them, or several words.

    Examples
    --------
    >>> frame = pl.DataFrame({"tag": ["Rock Alternativo", "alt. rock music", "ballads"]})
    >>> same = {"alt": "alternative", "alternativo": "alternative"}
    >>> frame.select(words(pl.col("tag"), same))["tag"].to_list()
    ['alternative rock', 'alternative rock', 'ballad']
    """
    word = pl.element()
    singular = (
        pl.when(word.str.ends_with("ss") | (word.str.len_chars() < 4))
        .then(word)
        .otherwise(word.str.strip_suffix("s"))
    )
    return (
        _plain(tag)
        .str.replace_all(_PUNCTUATION, " ")
        .str.strip_chars()
        .str.split(" ")
        .list.eval(word.replace(dict(same)).str.split(" ").explode())
        .list.eval(word.filter(~word.is_in(list(_STOP_WORDS))))
        .list.eval(singular.unique().sort())
        .list.join(" ")
    )


def _plain(tag: pl.Expr) -> pl.Expr:
    return (
        tidied(tag)
        .str.replace_all(_AND, " and ")
        .str.replace_all("ß", "ss")
        .str.replace_all("ø", "o")
        .str.replace_all("ı", "i")
        .str.normalize("NFKD")
        .str.replace_all(_LATIN_ACCENTS, "")
        .str.normalize("NFC")
        .str.to_lowercase()
    )
