"""`etl.analyze`: the harmony of chord texts, without files and without a store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeVar

import polars as pl

from etl.chords.analysis import analyze as analyze_songs
from etl.chords.glossary import Glossary
from etl.chords.keys import KeyMethod
from etl.chords.notations import Notation, detect, plain_texts
from etl.runtime.errors import EtlError, ExitCode

if TYPE_CHECKING:
    from collections.abc import Iterable

Choice = TypeVar("Choice", Notation, KeyMethod)


def analyze(
    songs: Iterable[str | None],
    *,
    notation: Literal["auto", "chordonomicon", "leadsheet", "harte"] = "auto",
    key_method: Literal["trained", "krumhansl"] = "trained",
) -> pl.DataFrame:
    """Find key, Roman numerals and fingerprint of chord texts.

    Parameters
    ----------
    songs
        The chords of one song each, such as ``"C G Am F"``, with bar lines and section headings if it has
        any; a list or a polars or pandas column. None stands for a song without chords.
    notation
        How chords are spelled: ``auto`` finds out from all texts together.
    key_method
        How keys are found; ``trained`` is the more accurate one.

    Returns
    -------
    DataFrame
        One row for each song, in order:

        - ``notation`` (str): what the chords were read in;
        - ``key`` (str): such as ``C Major``; ``No Harmony`` where there are no chords, ``Parse Error`` where
          no token is a chord;
        - ``confidence`` (f32): probability of that key, 0-1;
        - ``numerals`` (list of str): one for each token, section tags in their place, ``?`` for what is no
          chord;
        - ``fingerprint`` (array of 12 f32): mean weight of each pitch class, C first, sum 1; zeros where
          there are no chords.

    Raises
    ------
    EtlError
        If ``songs`` is one text, or a notation or method has no such name.

    Examples
    --------
    >>> found = etl.analyze(["C G Am F", "Dm7 G7 Cmaj7"])
    >>> found["key"].to_list()
    ['C Major', 'C Major']
    >>> found["numerals"].to_list()
    [['I', 'V', 'vi', 'IV'], ['ii7', 'V7', 'I△7']]
    """
    if isinstance(songs, str):
        raise EtlError(
            "analyze takes a list of songs, not one text.",
            f"Write etl.analyze([{songs[:20]!r}]).",
            exit_code=ExitCode.USAGE,
        )
    texts = pl.Series("chords", [None if text is None else str(text) for text in songs], dtype=pl.String)
    method = _choice(KeyMethod, key_method, "key_method")
    spelling = (
        detect(texts.to_list()).notation if notation == "auto" else _choice(Notation, notation, "notation")
    )
    harmony = analyze_songs(
        plain_texts(texts, spelling).to_frame(), method=method, glossary=Glossary(spelling)
    )
    numerals = pl.Series(harmony.numerals.texts, dtype=pl.String)
    return harmony.songs.select(
        pl.lit(str(spelling)).alias("notation"),
        pl.col("key_name").alias("key"),
        pl.col("key_confidence").alias("confidence"),
        pl.col("numerals").list.eval(pl.element().replace_strict(range(len(numerals)), numerals)),
        pl.col("fingerprint_mean").alias("fingerprint"),
    )


def _choice(kind: type[Choice], name: str, parameter: str) -> Choice:
    try:
        return kind(name)
    except ValueError:
        raise EtlError(
            f"{parameter} cannot be {name!r}.",
            f"Choose one of: {', '.join(kind)}.",
            exit_code=ExitCode.USAGE,
        ) from None
