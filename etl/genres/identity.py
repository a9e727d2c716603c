"""Whether what services say under a name can be about the artist or album whose files have it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from etl.genres.vocabulary import Vocabulary


def far_names(
    own: Mapping[str, Iterable[str]], said: Mapping[str, Iterable[str]], vocabulary: Vocabulary
) -> list[str]:
    """List the names under which services tell of others, as far as genres can tell.

    Genres are far from one another when neither shares anything with the other: no genre, and nothing that
    both are a kind of. One that is near is enough, for files and listeners name different sides.

    Parameters
    ----------
    own
        Genres of the files, by name of the artist or album.
    said
        Genres that services tell, by the same.
    vocabulary
        Knows what genres are a kind of.

    Returns
    -------
    list of str
        In alphabetical order; names of which only one side is known are not among them.

    Examples
    --------
    >>> from etl.genres.vocabulary import read_vocabulary
    >>> vocabulary = read_vocabulary("genres: {rock: {}, punk: {of: [rock]}, opera: {}}")
    >>> far_names({"bush": ["rock"]}, {"bush": ["punk", "opera"]}, vocabulary)
    []
    >>> far_names({"bush": ["rock"]}, {"bush": ["opera"]}, vocabulary)
    ['bush']
    """
    return sorted(
        name
        for name in own.keys() & said.keys()
        if not _families(own[name], vocabulary) & _families(said[name], vocabulary)
    )


def _families(genres: Iterable[str], vocabulary: Vocabulary) -> set[str]:
    return {each for genre in genres for each in (genre, *vocabulary.ancestors(genre))}
