"""The words of file, folder and track names, and the tags they stand for."""

from __future__ import annotations

from typing import Final

import polars as pl

from etl.music.sound_words import INSTRUMENTS, ROLES

# Spellings of several words, made one before names are cut into words.
_JOINED: Final = {
    "drum and bass": "dnb",
    "drum n bass": "dnb",
    "drum & bass": "dnb",
    "drum&bass": "dnb",
    "d&b": "dnb",
    "hip hop": "hiphop",
    "lo fi": "lofi",
    "hi hat": "hihat",
    "open hat": "hihat",
    "closed hat": "hihat",
    "r&b": "rnb",
    "r n b": "rnb",
    "pre chorus": "prechorus",
    "middle eight": "bridge",
    "bossa nova": "bossa",
    "one shot": "oneshot",
    "new orleans": "neworleans",
    "deep house": "deephouse",
    "tech house": "techhouse",
}

# tag: the words that stand for it, by kind.
_VOCABULARY: Final = {
    "instrument": INSTRUMENTS,
    "role": ROLES,
    "structure": {
        "intro": "intro",
        "verse": "verse vrs",
        "chorus": "chorus chrs refrain",
        "prechorus": "prechorus",
        "bridge": "bridge",
        "outro": "outro ending",
        "break": "break breakdown",
        "build": "build buildup",
        "drop": "drop",
        "hook": "hook",
    },
    "genre": {
        "house": "house deephouse techhouse",
        "techno": "techno",
        "trance": "trance psytrance",
        "dnb": "dnb jungle",
        "hiphop": "hiphop rap boombap",
        "trap": "trap drill",
        "lofi": "lofi chillhop",
        "rock": "rock rockabilly indie grunge",
        "metal": "metal",
        "punk": "punk",
        "pop": "pop kpop jpop synthpop",
        "jazz": "jazz bebop swing dixieland",
        "funk": "funk funky purdieshuffle",
        "soul": "soul motown",
        "rnb": "rnb",
        "gospel": "gospel",
        "blues": "blues",
        "country": "country bluegrass",
        "folk": "folk",
        "reggae": "reggae dub dancehall",
        "reggaeton": "reggaeton",
        "latin": "latin samba bossa salsa rumba baiao ijexa tango",
        "afro": "afro afrobeat afrocuban amapiano highlife bembe calypso",
        "disco": "disco",
        "edm": "edm electro dubstep hardstyle",
        "ambient": "ambient chillout downtempo",
        "classical": "classical baroque sonata symphony fugue prelude",
        "cinematic": "cinematic soundtrack film game",
        "neworleans": "neworleans",
    },
}

WORDS: Final = pl.DataFrame(
    [
        {"word": word, "tag": tag, "kind": kind}
        for kind, tags in _VOCABULARY.items()
        for tag, words in tags.items()
        for word in words.split()
    ]
)
"""``word``, the ``tag`` it stands for and the tag's ``kind``: instrument, role, structure or genre."""


def split_words(names: pl.Expr) -> pl.Expr:
    """Cut names into lower-case words: at everything but letters and digits, and where camelCase turns."""
    spaced = names.str.replace_all(r"([a-z])([A-Z])", "$1 $2").str.to_lowercase()
    spaced = spaced.str.replace_all(r"[_\-.]+", " ")
    for spelling, joined in _JOINED.items():
        spaced = spaced.str.replace_all(spelling, joined, literal=True)
    # A number at the end of a word is an index (kick2), but 808 and 4bar stay whole.
    spaced = spaced.str.replace_all(r"\b([a-z]{2,})[0-9]+\b", "$1")
    return spaced.str.extract_all(r"[a-z0-9]+")


def word_tags(names: pl.LazyFrame) -> pl.LazyFrame:
    """Give the tags of names; each different word is looked up once.

    Parameters
    ----------
    names
        ``name: str`` and any columns that say whose name it is.

    Returns
    -------
    LazyFrame
        Those columns without ``name``, and ``tag``, ``kind``; each pair once.
    """
    return (
        names.with_columns(word=split_words(pl.col("name")))
        .drop("name")
        .explode("word")
        .filter(pl.col("word").is_not_null())
        .join(WORDS.lazy(), on="word", how="inner", maintain_order="left")
        .drop("word")
        .unique(maintain_order=True)
    )


def tags_of(text: str) -> frozenset[str]:
    """Give the tags that a word or two stand for; empty if none.

    Examples
    --------
    >>> sorted(tags_of("Deep House")), sorted(tags_of("dubstep")), tags_of("hosue")
    (['house'], ['edm'], frozenset())
    """
    return frozenset(word_tags(pl.LazyFrame({"name": [text]})).collect()["tag"])
