"""What raw tags say: genres by one name each, facets, and rejects with a reason. Once per distinct tag.

A raw tag is a value as somebody wrote it: ``(17)(79)``, ``Hip-Hop/Rap``, ``80s pop; seen live``. It is
taken apart only where the whole is not a name itself (``R&B/Soul``), and each part is looked up: by its
letters, then by its words in any order. What is unknown and looks like no remark of a listener's is a genre
of its own: an alias table can be read and corrected, a guess cannot.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import polars as pl

from etl.genres.spelling import LONGEST, letters, tidied, unescaped, words

if TYPE_CHECKING:
    from etl.genres.vocabulary import Vocabulary

SCHEMA: Final = {
    "raw": pl.String,
    "position": pl.UInt16,
    "name": pl.String,
    "kind": pl.String,
    "reason": pl.String,
}

_NUMBERS: Final = r"^\s*((?:\((?:\d{1,3}|RX|CR)\)\s*)+)"
_LETTER_CODES: Final = {"RX": "remix", "CR": "cover"}  # of ID3v2
_BETWEEN_TAGS: Final = r"[;,|\x00\n、；，]"
_BETWEEN_PARTS: Final = r"[/\\>•·／]+"
_BETWEEN_NAMES: Final = r"\s*[&+:]\s*|\s[-–—]\s|\s+(?:and|und|et|y|e|n|'n')\s+"
_BREAK: Final = "\x1f"

_TENS: Final = {
    "twenties": "20s", "thirties": "30s", "forties": "40s", "fifties": "50s", "sixties": "60s",
    "seventies": "70s", "eighties": "80s", "nineties": "90s", "noughties": "00s",
}  # fmt: skip
_DECADE: Final = rf"(?:(?:1[0-9]|20)?[0-9]0\s?['´`’]?(?:s|ties|er|ern|ies)|{'|'.join(_TENS)})"
_ERA: Final = (
    rf"^(?:(?:the|early|mid|late|mid-)\s*)*{_DECADE}$|^(?:années|anni|años|anos) (?:1[0-9]|20)?[0-9]0$"
    r"|^(?:1[0-9]|2[01])(?:st|th|nd|rd) century$"
)
_ERA_BESIDE: Final = rf"^({_DECADE})\s+|\s+({_DECADE})$"

_YEAR: Final = r"^(?:1[4-9]|20)[0-9]{2}(?:\s*-\s*(?:1[4-9]|20)?[0-9]{2})?$"
_NO_WORD: Final = r"^[^\p{L}]*$|^\p{Latin}{1,2}$"
_ADDRESS: Final = r"(?:https?:|www\.|\.com\b|\.net\b|\.org\b|@)"
_MARKUP: Final = r"[<>{}=$%^~*_#\\]|--"
_REMARK_WORDS: Final = (
    "i", "i'm", "im", "my", "mine", "me", "you", "your", "we", "our", "that", "this", "these", "those",
    "when", "what", "where", "which", "why", "who", "to", "for me", "ever", "never", "like", "want",
    "need", "should", "must", "wish", "favs?", "favou?rites?", "best", "worst", "awesome", "amazing",
    "beautiful", "great", "perfect", "cool", "nice", "hot", "sexy", "boring", "lovely", "love[ds]?",
    "makes?", "feel", "feels", "feeling", "seen", "saw", "heard", "check", "listen(?:ed|ing|s)?",
    "own(?:ed|s)?", "buy", "bought", "downloaded", "discovered", "discovery", r"recommend\w*", "playing",
    "played", "stars?", "rated", "rating", "playlists?", "tagged?", "tags",
    r"under ?\d+ ?(?:listeners|plays)", "albums?", "tracks?", "tracklist", "bands", "artists?",
    "singers?", "lyrics", "voices?", "songs? (?:i|to|for|about|that)", "kbps", "vinyl", r"remaster\w*",
    "produced", "producers?", "label", "records", "recordings",
)  # fmt: skip
_REMARK: Final = rf"\b(?:{'|'.join(_REMARK_WORDS)})\b"
_MOST_SPACES: Final = 4


def normalized(raw: pl.Series, vocabulary: Vocabulary) -> pl.DataFrame:
    """Say what distinct raw tags mean.

    Parameters
    ----------
    raw
        Text; repeats and nulls are looked at once and not at all.
    vocabulary
        What is known.

    Returns
    -------
    DataFrame
        ``raw``, ``position`` (from 0 within the tag), ``name``, ``kind`` (``genre``, ``mood``,
        ``instrument``, ``era``, ``place`` or ``reject``), ``reason`` (of rejects). At least one row per tag
        that is not blank; ordered by raw tag and position, whatever the order given. A name that comes back
        is what it was.

    Examples
    --------
    >>> from etl.genres.vocabulary import read_vocabulary
    >>> vocabulary = read_vocabulary("genres: {hip hop: {also: [rap]}, rock: {}, alternative rock: {}}")
    >>> tags = pl.Series(["Rock (Alternative)", "Hip-Hop/Rap", "80s rock", "my favourites"])
    >>> for row in normalized(tags, vocabulary).select("raw", "name", "kind", "reason").rows():
    ...     print(*row, sep=" | ")
    80s rock | 1980s | era | None
    80s rock | rock | genre | None
    Hip-Hop/Rap | hip hop | genre | None
    Rock (Alternative) | alternative rock | genre | None
    my favourites | my favourites | reject | personal
    """
    tags = raw.cast(pl.String).drop_nulls().unique().sort().alias("raw").to_frame()
    whole = pl.col("part")
    is_address = whole.str.contains(_ADDRESS)
    parts = _parts(tags, vocabulary)
    parts = _split(
        parts,
        vocabulary,
        pl.when(is_address).then(whole).otherwise(whole.str.replace_all(_BETWEEN_PARTS, _BREAK)),
    )
    parts = _split(parts, vocabulary, whole.str.replace_all(_BETWEEN_NAMES, _BREAK), only_known=True)
    parts = _split(
        parts, vocabulary, whole.str.replace_all(_ERA_BESIDE, f"{_BREAK}$1$2{_BREAK}"), only_known=True
    )
    found = _known(parts, vocabulary, by_words=True).with_columns(_fallback(whole))
    # Unknown tags of the same letters are one: the longest spelling, which has its blanks and hyphens.
    spelling = whole.sort_by([whole.str.len_chars(), whole], descending=[True, False]).first()
    return (
        found.with_columns(letters(whole).alias("letters"))
        .with_columns(
            pl.coalesce(
                "name",
                pl.when(pl.col("unknown_kind") == "era").then(_decade(whole)),
                pl.when(letters(whole) != "").then(spelling.over("letters")).otherwise(whole),
            ).alias("name"),
            pl.coalesce("kind", "unknown_kind").alias("kind"),
            pl.when(pl.col("name").is_null()).then("unknown_reason").otherwise("reason").alias("reason"),
        )
        .sort("raw", "order")
        .unique(["raw", "name", "kind"], keep="first", maintain_order=True)
        .with_columns(pl.int_range(pl.len()).over("raw").alias("position"))
        .select(pl.col(name).cast(dtype) for name, dtype in SCHEMA.items())
    )


def _parts(tags: pl.DataFrame, vocabulary: Vocabulary) -> pl.DataFrame:
    """Take numbers of ID3v1 and values that were joined apart: ``raw``, ``order`` (a list), ``part``."""
    raw = unescaped(pl.col("raw"))
    alone = raw.str.extract(r"^\s*(\d{1,3})\s*$", 1)
    in_front = raw.str.extract(_NUMBERS, 1).str.extract_all(r"\d+|RX|CR")
    names = {str(number): name for number, name in enumerate(vocabulary.numbered)} | _LETTER_CODES
    numbers = (
        pl.when(alone.is_not_null()).then(pl.concat_list(alone)).otherwise(in_front.fill_null([]))
    ).list.eval(pl.element().replace_strict(names, default=pl.element(), return_dtype=pl.String))
    rest = (
        pl.when(alone.is_not_null())
        .then(pl.lit(""))
        .otherwise(raw.str.replace(_NUMBERS, "").str.replace(r"^\(\(", "("))
    ).str.replace_all(_BETWEEN_TAGS, _BREAK)
    return (
        tags.with_columns(pl.concat_list(numbers, rest.str.split(_BREAK)).alias("part"))
        .explode("part")
        .with_columns(tidied(pl.col("part")).alias("part"))
        .filter(pl.col("part") != "")
        .with_columns(pl.concat_list(pl.int_range(pl.len()).over("raw")).alias("order"))
    )


def _split(
    parts: pl.DataFrame, vocabulary: Vocabulary, broken: pl.Expr, *, only_known: bool = False
) -> pl.DataFrame:
    """Split what is unknown as a whole; with ``only_known`` only where all that comes of it is known."""
    known = _known(parts, vocabulary)
    is_whole = pl.col("name").is_not_null() | ~broken.str.contains(_BREAK, literal=True)
    whole, rest = known.filter(is_whole), known.filter(~is_whole)
    if rest.is_empty():
        return parts
    columns = ["raw", "order", "part"]
    pieces = (
        rest.select("raw", "order", pl.col("part").alias("whole"), broken.str.split(_BREAK).alias("part"))
        .explode("part")
        .with_columns(tidied(pl.col("part").str.strip_chars(" -–—'\"")).alias("part"))
        .filter(pl.col("part") != "")
    )
    if only_known:
        pieces = _known(pieces, vocabulary, by_words=True).with_columns(
            pieces["whole"], *_fallback(pl.col("part"))
        )
        is_known = pl.col("name").is_not_null() | (pl.col("unknown_kind") == "era")
        pieces = pieces.with_columns(
            pl.when(is_known.all().over("raw", "order")).then("part").otherwise("whole").alias("part")
        ).unique(["raw", "order", "part"], maintain_order=True)
    number = pl.int_range(pl.len()).over("raw", "order")
    pieces = pieces.with_columns(pl.concat_list("order", number).alias("order"))
    return pl.concat([whole.select(columns), pieces.select(columns)]).sort("raw", "order")


def _known(parts: pl.DataFrame, vocabulary: Vocabulary, *, by_words: bool = False) -> pl.DataFrame:
    """Add ``name``, ``kind`` and ``reason`` of the parts that are known, null for the others."""
    part, columns = pl.col("part"), ("name", "kind", "reason")
    known = (
        parts.select("raw", "order", "part")
        .with_columns(letters(part).alias("letters"))
        .join(vocabulary.spellings.drop("words"), on="letters", how="left", maintain_order="left")
    )
    if not by_words:
        return known.drop("letters")
    # Words in another order or language are still a genre or a place; of moods and remarks that would be too
    # much. Where both have the same words, it is the genre.
    is_meant = pl.col("kind").is_in(["genre", "place"]) & (pl.col("words") != "")
    by_genre = vocabulary.spellings.filter(is_meant).sort(pl.col("kind") != "genre", maintain_order=True)
    named = by_genre.unique("words", keep="first", maintain_order=True)
    return (
        known.with_columns(words(part, vocabulary.same_words).alias("words"))
        .join(named.drop("letters"), on="words", how="left", maintain_order="left", suffix="_by_words")
        .select(
            "raw",
            "order",
            "part",
            *(
                pl.when(pl.col("name").is_null()).then(f"{name}_by_words").otherwise(name).alias(name)
                for name in columns
            ),
        )
    )


def _decade(era: pl.Expr) -> pl.Expr:
    """Give an era the name of its decade (``1980s``), a century its own."""
    digits = era.str.replace_many(_TENS).str.extract(r"((?:1[0-9]|20)?[0-9]0)(?:\D|$)", 1)
    century = pl.when(digits.is_in(["00", "10", "20"])).then(pl.lit("20")).otherwise(pl.lit("19"))
    full = pl.when(digits.str.len_chars() == 4).then(digits).otherwise(century + digits)
    return pl.when(era.str.ends_with("century")).then(era).otherwise(full + "s")


def _fallback(tag: pl.Expr) -> list[pl.Expr]:
    """Say what an unknown tag is: an era, a reject with its reason, or a genre of its own."""
    reason = (
        pl.when(tag.str.contains(_YEAR))
        .then(pl.lit("year"))
        .when(tag.str.contains(_NO_WORD))
        .then(pl.lit("nothing"))
        .when(tag.str.contains(_ADDRESS))
        .then(pl.lit("address"))
        .when(tag.str.contains(_MARKUP))
        .then(pl.lit("markup"))
        .when((tag.str.len_chars() > LONGEST) | (tag.str.count_matches(r"\s") > _MOST_SPACES))
        .then(pl.lit("sentence"))
        .when(tag.str.contains(_REMARK))
        .then(pl.lit("personal"))
    )
    is_era = tag.str.contains(_ERA)
    kind = (
        pl.when(is_era)
        .then(pl.lit("era"))
        .when(reason.is_not_null())
        .then(pl.lit("reject"))
        .otherwise(pl.lit("genre"))
    )
    return [kind.alias("unknown_kind"), pl.when(~is_era).then(reason).alias("unknown_reason")]
