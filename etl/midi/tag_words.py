"""The words of file, folder and track names, and the tags they stand for."""

from __future__ import annotations

from typing import Final

import polars as pl

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
    "instrument": {
        "kick": "kick kicks bd bassdrum kik",
        "snare": "snare snares sd rimshot clap claps",
        "hat": "hat hats hihat hihats hh oh ch",
        "cymbal": "cymbal cymbals crash ride splash china",
        "tom": "tom toms",
        "percussion": "perc percs percussion conga congas bongo bongos shaker tambourine cowbell djembe",
        "drums": "drum drums drumkit kit beat beats breakbeat drumloop",
        "bass": "bass bassline basses sub subbass 808",
        "piano": "piano pianos rhodes epiano",
        "keys": "keys keyboard clav clavinet organ harpsichord accordion",
        "guitar": "guitar guitars gtr strum banjo ukulele",
        "strings": "strings string violin viola cello ensemble orchestra",
        "brass": "brass trumpet trombone horn horns tuba",
        "woodwind": "sax saxophone flute clarinet oboe recorder woodwind",
        "synth": "synth synths saw supersaw moog",
        "lead": "lead leads solo topline",
        "pad": "pad pads drone",
        "pluck": "pluck plucks",
        "arpeggio": "arp arps arpeggio arpeggios sequence seq",
        "voice": "vocal vocals vox voice choir",
        "mallet": "marimba vibraphone vibes xylophone glockenspiel bell bells mallet",
    },
    "role": {
        "melody": "melody melodies melodic riff riffs",
        "chords": "chord chords",
        "progression": "progression progressions prog progs cadence",
        "loop": "loop loops groove grooves pattern patterns",
        "fx": "fx sfx effect effects riser risers sweep impact uplifter downlifter noise",
        "oneshot": "oneshot oneshots hit stab stabs",
        "fill": "fill fills",
    },
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
