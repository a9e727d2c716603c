"""Score estimated keys against annotated ones.

Conventions
-----------
Keys are 0-11 major, 12-23 minor, -1 for none (:mod:`etl.music.keys`). All scores are shares, 0 to 1. The
error classes and their weights are those of the MIREX audio key detection task [1]_, as in mir_eval [2]_: a
fifth error is a key of the same mode whose tonic lies a fifth above the annotated one.

References
----------
.. [1] MIREX audio key detection, https://www.music-ir.org/mirex/wiki/2025:Audio_Key_Detection
.. [2] Raffel et al., "mir_eval: A transparent implementation of common MIR metrics", ISMIR 2014.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from etl.music.keys import NO_KEY
from etl.music.pitch_classes import LETTER_PITCH_CLASS

if TYPE_CHECKING:
    from numpy.typing import NDArray

MIREX_WEIGHTS: Final = {"exact": 1.0, "fifth": 0.5, "relative": 0.3, "parallel": 0.2, "other": 0.0}
"""Score of each outcome."""

OUTCOMES: Final = tuple(MIREX_WEIGHTS)


_KEY: Final = re.compile(
    r"(?P<letter>[A-Ga-g])(?P<accidental>[#bs\u266f\u266d]?)[\s:_-]*(?P<mode>maj|major|min|minor|M|m|)",
    re.ASCII,
)
_ACCIDENTAL: Final = {"": 0, "#": 1, "s": 1, "\u266f": 1, "b": -1, "\u266d": -1}


def parse_key(text: str) -> int:
    """Read a key as data sets write it; -1 where it is none.

    Parameters
    ----------
    text
        Tonic and mode: ``C Major``, ``f# minor``, ``Bbm``, ``Eb:min``, ``A-major``. A capital without a mode
        is major; a small letter without one is left unread, as it is minor in some data sets.

    Examples
    --------
    >>> [parse_key(text) for text in ("C Major", "f# minor", "Bbm", "Eb:min", "Cb", "d", "D dorian")]
    [0, 18, 22, 15, 11, -1, -1]
    """
    plain = text.strip()
    for mode in ("Major", "Minor", "MAJOR", "MINOR", "Maj", "Min"):
        plain = plain.replace(mode, mode.lower())
    match = _KEY.fullmatch(plain)
    if match is None or (match["letter"].islower() and not match["mode"]):
        return NO_KEY
    tonic = (LETTER_PITCH_CLASS[match["letter"].upper()] + _ACCIDENTAL[match["accidental"]]) % 12
    return tonic + 12 * match["mode"].startswith("m") - 12 * match["mode"].startswith("maj")


def outcomes(estimated: NDArray[np.integer], annotated: NDArray[np.integer]) -> NDArray[np.int8]:
    """Compare keys one by one.

    Parameters
    ----------
    estimated
        Shape (N,), -1 to 23.
    annotated
        Shape (N,), 0 to 23.

    Returns
    -------
    ndarray
        Shape (N,), index into :data:`OUTCOMES`.

    Examples
    --------
    >>> [OUTCOMES[i] for i in outcomes(np.array([0, 7, 21, 12, 5, -1]), np.zeros(6, int))]
    ['exact', 'fifth', 'relative', 'parallel', 'other', 'other']
    """
    found, true = (np.divmod(keys, 12) for keys in (estimated, annotated))
    steps_up = (found[1] - true[1]) % 12
    relative_steps = np.where(true[0] == 0, 9, 3)
    outcome = np.select(
        [
            estimated < 0,
            estimated == annotated,
            (found[0] == true[0]) & (steps_up == 7),
            (found[0] != true[0]) & (steps_up == relative_steps),
            (found[0] != true[0]) & (steps_up == 0),
        ],
        [4, 0, 1, 2, 3],
        default=4,
    )
    return outcome.astype(np.int8)


def key_scores(estimated: NDArray[np.integer], annotated: NDArray[np.integer]) -> dict[str, float]:
    """Shares of each outcome, of right tonics, and the mean MIREX score; NaN where there are no songs.

    Parameters
    ----------
    estimated, annotated
        As for :func:`outcomes`.
    """
    if not len(annotated):
        return dict.fromkeys(("exact", "tonic", *OUTCOMES[1:], "mirex"), float("nan"))
    outcome = outcomes(estimated, annotated)
    shares = {name: float((outcome == index).mean()) for index, name in enumerate(OUTCOMES)}
    tonic = float(((estimated >= 0) & (estimated % 12 == annotated % 12)).mean())
    mirex = float(np.array(list(MIREX_WEIGHTS.values()))[outcome].mean())
    return {"exact": shares.pop("exact"), "tonic": tonic, **shares, "mirex": mirex}


def calibration_error(confidence: NDArray[np.floating], right: NDArray[np.bool_], *, bins: int = 10) -> float:
    """Measure the expected calibration error: mean distance of confidence and accuracy over equal bins."""
    table = reliability(confidence, right, bins=bins)
    gap = (table["mean_confidence"] - table["exact"]).abs()
    return float((gap * table["songs"]).sum()) / max(len(right), 1)


def calibration_error_by_chance(confidence: NDArray[np.floating], *, bins: int = 10) -> float:
    """Give the calibration error that a perfect confidence has on so few songs, on average.

    With confidences p of the songs of a bin, the number of right keys has the variance ``sum p (1 - p)``; its
    mean distance from ``sum p`` is taken as that of a normal distribution.
    """
    sure = np.asarray(confidence, np.float64)
    bin_of = np.minimum(np.floor(sure * bins), bins - 1).astype(np.int64)
    variance = np.bincount(bin_of, sure * (1 - sure))
    return float(np.sqrt(2 / np.pi * variance).sum()) / max(len(sure), 1)


def reliability(
    confidence: NDArray[np.floating], right: NDArray[np.bool_], *, bins: int = 10
) -> pl.DataFrame:
    """Mean confidence and share of right keys in each occupied bin of confidence.

    Parameters
    ----------
    confidence
        Shape (N,), 0 to 1.
    right
        Shape (N,).
    bins
        How many equal bins there are between 0 and 1.

    Returns
    -------
    DataFrame
        ``from``, ``to``, ``songs``, ``mean_confidence``, ``exact``.
    """
    low = (np.minimum(np.floor(np.asarray(confidence, np.float64) * bins), bins - 1)) / bins
    frame = pl.DataFrame({"from": low, "confidence": np.asarray(confidence, np.float64), "exact": right})
    return (
        frame.group_by("from")
        .agg(songs=pl.len(), mean_confidence=pl.col("confidence").mean(), exact=pl.col("exact").mean())
        .sort("from")
        .with_columns(to=(pl.col("from") + 1 / bins).round(6))
        .select("from", "to", "songs", "mean_confidence", "exact")
    )


def scores_by_confidence(
    estimated: NDArray[np.integer],
    confidence: NDArray[np.floating],
    annotated: NDArray[np.integer],
    *,
    bands: int = 4,
) -> pl.DataFrame:
    """Key scores of all songs, and of equal bands from the surest songs to the least sure.

    Parameters
    ----------
    estimated, annotated
        As for :func:`outcomes`.
    confidence
        Shape (N,), 0 to 1.
    bands
        How many bands there are.

    Returns
    -------
    DataFrame
        ``band`` (``all``, ``0-25 %`` ...), ``songs``, ``lowest_confidence`` in the band, and the scores of
        :func:`key_scores`.
    """
    order = np.argsort(-np.asarray(confidence, np.float64), kind="stable")
    rows = []
    for name, part in [("all", order), *_bands(order, bands)]:
        lowest = float(confidence[part].min()) if len(part) else float("nan")
        scores = key_scores(estimated[part], annotated[part])
        rows.append({"band": name, "songs": len(part), "lowest_confidence": lowest, **scores})
    return pl.DataFrame(rows)


def _bands(order: NDArray[np.intp], bands: int) -> list[tuple[str, NDArray[np.intp]]]:
    edges = [round(100 * band / bands) for band in range(bands + 1)]
    names = [f"{low}-{high} %" for low, high in pairwise(edges)]
    return list(zip(names, np.array_split(order, bands), strict=True))
