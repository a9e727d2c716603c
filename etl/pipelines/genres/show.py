"""What a store knows about one genre, and about all of them."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from etl.genres.normalize import normalized
from etl.pipelines.genres.vocabularies import vocabulary_of
from etl.runtime.errors import EtlError, ExitCode
from etl.store import genres as stored
from etl.store.database import read_store

if TYPE_CHECKING:
    from pathlib import Path

    from etl.store.genres import GenreNeighbour


@dataclass(frozen=True)
class GenreCard:
    """What is known about a genre.

    Attributes
    ----------
    name
        Its one name.
    parents
        What it is a kind of.
    tracks, songs
        How many have it.
    spellings
        The raw tags that mean it.
    neighbours
        What is near, with the terms.
    keys
        The commonest keys of its songs, with their number.
    progressions
        The commonest progressions of four chords, with the number of songs that have them.
    some_tracks, some_songs
        Artist and title of a few tracks, ids of a few songs.
    """

    name: str
    parents: tuple[str, ...]
    tracks: int
    songs: int
    spellings: list[str]
    neighbours: list[GenreNeighbour]
    keys: list[tuple[str, int]]
    progressions: list[tuple[str, int]]
    some_tracks: list[tuple[str | None, str | None]]
    some_songs: list[str]


@dataclass(frozen=True)
class GenreStats:
    """What is known about all genres.

    Attributes
    ----------
    coverage
        By kind of item, source and what was tagged: items with a tag, and with a genre.
    answers
        Artists and albums that services were asked about, by source, kind and what became of them.
    top
        The commonest genres.
    rejects
        Tags that are no genre, by kind and reason.
    orphans
        Genres that are in no vocabulary and a kind of nothing in it.
    """

    coverage: pl.DataFrame
    answers: pl.DataFrame
    top: pl.DataFrame
    rejects: pl.DataFrame
    orphans: int


def show_genre(database: Path, name: str) -> GenreCard:
    """Look a genre up by any of its spellings.

    Raises
    ------
    EtlError
        If the store does not know it; the hint names near spellings.
    """
    tags = normalized(pl.Series([name]), vocabulary_of(database)).filter(pl.col("kind") == "genre")
    with read_store(database) as connection:
        found = [(each, stored.genre_parents(connection, each)) for each in tags["name"]]
        known = [(each, parents) for each, parents in found if parents is not None]
        if not known:
            raise EtlError(
                f"no song or track has the genre {name!r}.",
                _hint(stored.top_genres(connection, 5000), name),
                exit_code=ExitCode.USAGE,
            )
        canonical, parents = known[0]
        tracks, songs = stored.genre_counts(connection, canonical)
        return GenreCard(
            canonical,
            parents,
            tracks,
            songs,
            stored.spellings_of(connection, canonical),
            stored.neighbours(connection, canonical),
            stored.genre_keys(connection, canonical),
            stored.genre_progressions(connection, canonical),
            stored.genre_tracks(connection, canonical),
            stored.genre_songs(connection, canonical),
        )


def genre_stats(database: Path, most: int) -> GenreStats:
    """Count."""
    with read_store(database) as connection:
        return GenreStats(
            stored.coverage(connection),
            stored.answers(connection),
            stored.top_genres(connection, most),
            stored.rejects(connection),
            stored.orphans(connection),
        )


def _hint(genres: pl.DataFrame, name: str) -> str:
    if genres.is_empty():
        return "Run `etl genres fetch` first."
    near = difflib.get_close_matches(name.lower(), genres["name"].to_list(), n=3)
    return (
        f"Did you mean {' or '.join(near)}?" if near else "`etl genres stats` lists the genres in the store."
    )
