"""Who and what tracks are: artists, albums and recordings as numbers, for the rules of a list.

Two tracks are one recording when they share the hash of their sound, an ISRC, a MusicBrainz recording, or
artist and title without the words that tell versions apart (*live*, *remaster*, *radio edit*), or when they
sound the same: a list does not play a song twice. A thousandth of all pairs is nearer than its quantile, in a
large library many for each track, and most of them are two songs of a kind; so length, tempo and key have to
agree as well, unless the two are nearer than only copies are.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

_VERSION: Final = re.compile(
    r"[\(\[][^\)\]]*\b(?:live|remaster(?:ed)?|mix|remix|edit|version|mono|stereo|demo|acoustic|instrumental"
    r"|bonus|deluxe|take|explicit|clean|reprise|edition)\b[^\)\]]*[\)\]]"
    r"|\s-\s.*\b(?:live|remaster(?:ed)?|mix|remix|edit|version|mono|stereo|demo|acoustic)\b.*$",
    re.IGNORECASE,
)
_GUESTS: Final = re.compile(r"\s*[\(\[]?\b(?:feat\.?|ft\.?|featuring|with)\s.*$", re.IGNORECASE)
_ENSEMBLE: Final = re.compile(
    r"\s+(?:(?:and|&)\s+(?:his|her|their|the)\s.*|(?:jazz\s+)?(?:trio|quartet|quintet|sextet|septet|octet|nonet"
    r"|orchestra|ensemble|big band))\s*$",
    re.IGNORECASE,
)
_NEAR: Final = 0.001
"""Quantile of the distances of any two tracks; what is nearer may be one recording."""

_COPIED: Final = 0.05
"""Share of the median distance; what is nearer are copies, whatever else is known of them."""

_SECONDS_APART: Final = 2.0
_TEMPO_APART: Final = 0.02
_BLOCK: Final = 512

_MARGIN: Final = 1.001
"""How much farther is looked at before distances are rounded."""
_NOBODY: Final = frozenset({"", "variousartists", "various", "va", "unknownartist", "unknown"})


def folded_artist(artist: str | None) -> str:
    """Fold an artist's name for comparison, without guests and own ensembles; empty for nobody in particular.

    Examples
    --------
    >>> folded_artist("The Beatles"), folded_artist("Beyoncé feat. JAY-Z"), folded_artist("Various Artists")
    ('beatles', 'beyonce', '')
    >>> folded_artist("Bill Evans Trio"), folded_artist("Bob Marley & The Wailers")
    ('billevans', 'bobmarley')
    """
    alone = re.sub(r"^the\s+", "", _GUESTS.sub("", artist or ""), flags=re.IGNORECASE)
    text = _letters(_ENSEMBLE.sub("", alone)) or _letters(alone)
    return "" if text in _NOBODY else text


def folded_title(title: str | None) -> str:
    """Fold a title for comparison, without guests and words of versions.

    Examples
    --------
    >>> [folded_title(title) for title in ("Song 2 (2012 Remaster)", "Song 2 - Live at Leeds", "(Untitled)")]
    ['song2', 'song2', 'untitled']
    """
    return _letters(_GUESTS.sub("", _VERSION.sub("", title or ""))) or _letters(title or "")


def labels(rows: Sequence[dict[str, Any]], alike: Iterable[tuple[int, int]] = ()) -> NDArray[np.int64]:
    """Give artists, albums and recordings numbers.

    Parameters
    ----------
    rows
        ``artist``, ``album``, ``title``, ``content_hash``, ``isrc``, ``musicbrainz_recordingid``.
    alike
        Pairs of rows that sound the same, see :func:`same_sound`.

    Returns
    -------
    ndarray
        Shape (3, n): -1 where there is no artist or album; every track is a recording.
    """
    artists = [folded_artist(row["artist"]) for row in rows]
    albums = [f"{artist}\n{_letters(row['album'] or '')}" for artist, row in zip(artists, rows, strict=True)]
    named = [album if row["album"] else "" for album, row in zip(albums, rows, strict=True)]
    return np.stack([_numbered(artists), _numbered(named), _recordings(rows, artists, alike)])


def same_sound(
    points: Floats, strangers: Floats, seconds: Floats, bpm: Floats, key: NDArray[np.int8]
) -> list[tuple[int, int]]:
    """Find pairs of tracks that are versions of one recording by their sound.

    Parameters
    ----------
    points
        Shape (n, d), float32: features in standard deviations.
    strangers
        Shape (s, d): tracks that stand for the collection.
    seconds, bpm
        Shape (n,): length and tempo, NaN for none.
    key
        Shape (n,): key, -1 for none.
    """
    apart = _roots(_squares(strangers, strangers))[np.triu_indices(len(strangers), 1)]
    if not apart.size:
        return []
    near, copied = float(np.quantile(apart, _NEAR)), _COPIED * float(np.median(apart))
    pairs: list[tuple[int, int]] = []
    tempo = np.nan_to_num(np.log(bpm), nan=-99.0)
    for start in range(0, len(points), _BLOCK):
        # Each pair once: a track with those that come after it, or are of its block.
        squares = _squares(points[start : start + _BLOCK], points[start:])
        one, other = np.nonzero(squares <= (_MARGIN * max(near, copied)) ** 2)
        distances = _roots(squares[one, other])
        one, other = one + start, other + start
        agree = (
            (np.abs(seconds[one] - seconds[other]) <= _SECONDS_APART)
            & (np.abs(tempo[one] - tempo[other]) <= _TEMPO_APART)
            & (key[one] == key[other])
            & (distances <= near)
        )
        same = (one < other) & (agree | (distances <= copied))
        pairs += zip(one[same].tolist(), other[same].tolist(), strict=True)
    return pairs


def _squares(one: Floats, other: Floats) -> NDArray[np.float64]:
    doubles, others = one.astype(np.float64), other.astype(np.float64)
    squares = doubles @ (-2 * others.T)
    squares += (doubles**2).sum(axis=1)[:, None]
    squares += (others**2).sum(axis=1)
    return squares


def _roots(squares: NDArray[np.float64]) -> Floats:
    """Give distances; as float32 they are the same by any number of threads."""
    return np.asarray(np.sqrt(np.maximum(squares, 0)), np.float32)


def _recordings(
    rows: Sequence[dict[str, Any]], artists: Sequence[str], alike: Iterable[tuple[int, int]]
) -> NDArray[np.int64]:
    """Join tracks that share any of their keys."""
    parent = list(range(len(rows)))

    def root(track: int) -> int:
        while parent[track] != track:
            parent[track] = parent[parent[track]]
            track = parent[track]
        return track

    first: dict[tuple[str, ...], int] = {}
    for number, (row, artist) in enumerate(zip(rows, artists, strict=True)):
        title = folded_title(row["title"])
        keys: list[tuple[str, ...]] = [("sound", row["content_hash"])]
        keys += [(kind, row[kind]) for kind in ("isrc", "musicbrainz_recordingid") if row[kind]]
        if artist and title:
            keys.append(("name", artist, title))
        for key in keys:
            parent[root(number)] = root(first.setdefault(key, number))
    for one, other in alike:
        parent[root(one)] = root(other)
    return np.array([root(number) for number in range(len(rows))], np.int64)


def _numbered(names: Iterable[str]) -> NDArray[np.int64]:
    numbers: dict[str, int] = {}
    return np.array([numbers.setdefault(name, len(numbers)) if name else -1 for name in names], np.int64)


def _letters(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text.casefold())
    return "".join(mark for mark in plain if mark.isalnum())
