"""Who and what tracks are: artists, albums and recordings as numbers, for the rules of a list.

Two tracks are one recording when they share the hash of their sound, an ISRC, a MusicBrainz recording, or
artist and title without the words that tell versions apart (*live*, *remaster*, *radio edit*): a list does
not play a song twice.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

_VERSION: Final = re.compile(
    r"[\(\[][^\)\]]*\b(?:live|remaster(?:ed)?|mix|remix|edit|version|mono|stereo|demo|acoustic|instrumental"
    r"|bonus|deluxe|take|explicit|clean|reprise|edition)\b[^\)\]]*[\)\]]"
    r"|\s-\s.*\b(?:live|remaster(?:ed)?|mix|remix|edit|version|mono|stereo|demo|acoustic)\b.*$",
    re.IGNORECASE,
)
_GUESTS: Final = re.compile(r"\s*[\(\[]?\b(?:feat\.?|ft\.?|featuring|with)\s.*$", re.IGNORECASE)
_NOBODY: Final = frozenset({"", "variousartists", "various", "va", "unknownartist", "unknown"})


def folded_artist(artist: str | None) -> str:
    """Fold an artist's name for comparison; empty for nobody in particular.

    Examples
    --------
    >>> folded_artist("The Beatles"), folded_artist("Beyoncé feat. JAY-Z"), folded_artist("Various Artists")
    ('beatles', 'beyonce', '')
    """
    text = _letters(re.sub(r"^the\s+", "", _GUESTS.sub("", artist or ""), flags=re.IGNORECASE))
    return "" if text in _NOBODY else text


def folded_title(title: str | None) -> str:
    """Fold a title for comparison, without guests and words of versions.

    Examples
    --------
    >>> [folded_title(title) for title in ("Song 2 (2012 Remaster)", "Song 2 - Live at Leeds", "(Untitled)")]
    ['song2', 'song2', 'untitled']
    """
    return _letters(_GUESTS.sub("", _VERSION.sub("", title or ""))) or _letters(title or "")


def labels(rows: Sequence[dict[str, Any]]) -> NDArray[np.int64]:
    """Give artists, albums and recordings numbers.

    Parameters
    ----------
    rows
        ``artist``, ``album``, ``title``, ``content_hash``, ``isrc``, ``musicbrainz_recordingid``.

    Returns
    -------
    ndarray
        Shape (3, n): -1 where there is no artist or album; every track is a recording.
    """
    artists = [folded_artist(row["artist"]) for row in rows]
    albums = [f"{artist}\n{_letters(row['album'] or '')}" for artist, row in zip(artists, rows, strict=True)]
    named = [album if row["album"] else "" for album, row in zip(albums, rows, strict=True)]
    return np.stack([_numbered(artists), _numbered(named), _recordings(rows, artists)])


def _recordings(rows: Sequence[dict[str, Any]], artists: Sequence[str]) -> NDArray[np.int64]:
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
    return np.array([root(number) for number in range(len(rows))], np.int64)


def _numbered(names: Iterable[str]) -> NDArray[np.int64]:
    numbers: dict[str, int] = {}
    return np.array([numbers.setdefault(name, len(numbers)) if name else -1 for name in names], np.int64)


def _letters(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text.casefold())
    return "".join(mark for mark in plain if mark.isalnum())
