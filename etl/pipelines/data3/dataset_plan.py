"""Where each song of a data set goes: survey the stored songs, link them, split them without leaks."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl

from etl.chords.near_versions import NearVersions
from etl.chords.progressions import progression_hashes
from etl.chords.ragged import Ragged
from etl.exports.song_names import with_names
from etl.exports.splits import (
    Links,
    assign_splits,
    count_links,
    cut_large_groups,
    first_with,
    leak_groups,
    settle,
)
from etl.music.qualities import QUALITY_BY_SUFFIX
from etl.music.spotify_ids import SPOTIFY_ID
from etl.pipelines.data3.export import stored_names
from etl.runtime.errors import EtlError
from etl.store.lexicon import stored_chords
from etl.store.songs import stored_songs

if TYPE_CHECKING:
    from collections.abc import Sequence

    import duckdb
    from numpy.typing import NDArray

_IDENTITY: Final = ("id", "artist_id", "spotify_artist_id", "spotify_song_id", "main_genre")
_SURVEYED: Final = (*_IDENTITY, "n_chords", "chord_ids")

# What a title says of the recording rather than of the song, in brackets or behind a dash.
_OF_RECORDING: Final = r"\(.*?\)|\[.*?\]|\s-\s.*$"


@dataclass(frozen=True)
class SplitPlan:
    """Where each song with a known chord goes.

    Attributes
    ----------
    split
        (N,) index into SPLITS; -1 where the song is left out because another split has what it is linked by.
    rows
        (N,) its row number; only where it is not left out, and so with the others.
    group, duplicate_of, transposition_of
        (N,) columns of the data set; -1 for null.
    links
        By kind: artist, Spotify artist, recording, title, progression, near version.
    largest_component
        Songs in the largest set that any links join, before it is cut.
    without_chord
        Songs that have no known chord and so are not among the N.
    """

    split: NDArray[np.int8]
    rows: NDArray[np.int64]
    group: NDArray[np.int32]
    duplicate_of: NDArray[np.int64]
    transposition_of: NDArray[np.int64]
    links: dict[str, Links]
    largest_component: int
    without_chord: int


@dataclass
class _Survey:
    """What the split depends on, of all songs."""

    songs: list[pl.DataFrame] = field(default_factory=list)
    as_is: list[NDArray[np.uint64]] = field(default_factory=list)
    transposed: list[NDArray[np.uint64]] = field(default_factory=list)
    near: NearVersions = field(default_factory=NearVersions)


def plan_splits(
    connection: duckdb.DuckDBPyConnection,
    source_ids: Sequence[int],
    fractions: tuple[float, float, float],
    seed: int,
) -> SplitPlan:
    """Survey the songs and decide where each goes.

    Raises
    ------
    EtlError
        If no song has a chord.
    """
    survey, seen = _survey(connection, source_ids)
    if not survey.songs:
        raise EtlError(f"none of the {seen:,} songs has a chord.", "There is nothing to export.")
    songs = with_names(pl.concat(survey.songs), stored_names(connection))
    as_is, transposed = np.concatenate(survey.as_is), np.concatenate(survey.transposed)
    artists = leak_groups([_numbers(_artists(songs))])
    others: dict[str, NDArray[Any]] = {
        "Spotify artist": _numbers(songs["spotify_artist_id"]),
        "recording": _numbers(_recordings(songs)),
        "title": _numbers(_titles(songs)),
        "progression": np.unique(transposed, return_inverse=True)[1],
        "near version": survey.near.clusters(),
    }
    linked = leak_groups([artists, *others.values()])
    groups = cut_large_groups(linked, artists, fractions)
    strata = _numbers(songs["main_genre"]) + 1
    split = assign_splits(groups, strata, fractions, _ranks(songs, seed))
    links = {"artist": count_links(artists, 0)}
    for kind, link in others.items():
        settled = settle(split, link, fractions)
        links[kind] = count_links(link, int((settled != split).sum()))
        split = settled
    kept = split >= 0

    def among_kept(values: NDArray[np.uint64]) -> NDArray[np.int64]:
        rows = np.full(len(kept), -1)
        rows[kept] = first_with(values[kept])
        return rows

    return SplitPlan(
        split,
        np.cumsum(kept) - 1,
        groups,
        among_kept(as_is),
        among_kept(transposed),
        links,
        int(np.bincount(linked).max()),
        seen - songs.height,
    )


def _survey(connection: duckdb.DuckDBPyConnection, source_ids: Sequence[int]) -> tuple[_Survey, int]:
    """Read all songs once; gives what the split depends on, and how many songs there are."""
    chords = stored_chords(connection)
    roots, basses = (chords[name].fill_null(-1).cast(pl.Int64).to_numpy() for name in ("root_pc", "bass_pc"))
    quality = chords["quality"].rank("dense").cast(pl.Int64)
    unknown = chords.height + pl.int_range(1, chords.height + 1, eager=True)  # each unlike all others
    qualities = quality.fill_null(unknown).to_numpy()
    has_minor_third = np.array([_has_minor_third(suffix) for suffix in chords["quality"]], np.bool_)
    survey, seen = _Survey(), 0
    for batch in stored_songs(connection, source_ids, _SURVEYED):
        seen += batch.height
        songs = batch.filter(pl.col("n_chords") > 0)
        if songs.height:
            rows = Ragged.from_series(songs["chord_ids"])
            as_is, transposed = progression_hashes(rows, roots, qualities, basses)
            survey.as_is.append(as_is)
            survey.transposed.append(transposed)
            survey.near.add(rows, roots, has_minor_third)
            survey.songs.append(songs.select(_IDENTITY))
    return survey, seen


def _has_minor_third(suffix: str | None) -> bool:
    return suffix is not None and QUALITY_BY_SUFFIX[suffix].semitones.get("3") == 3


def _artists(songs: pl.DataFrame) -> pl.Series:
    """Give the artist id, else Spotify's, null where there is neither."""
    ids = [pl.col(name).replace("", None) for name in ("artist_id", "spotify_artist_id")]
    return songs.select(pl.coalesce(ids)).to_series()


def _recordings(songs: pl.DataFrame) -> pl.Series:
    """Spotify's id of the recording, null where it is no such id."""
    recording = pl.col("spotify_song_id")
    return songs.select(pl.when(recording.str.contains(f"^{SPOTIFY_ID}$")).then(recording)).to_series()


def _titles(songs: pl.DataFrame) -> pl.Series:
    """Artist and title, letters and digits alone; null where one is not known or nothing is left of it."""

    def plain(name: str) -> pl.Expr:
        return pl.col(name).str.to_lowercase().str.replace_all(r"[^\p{L}\p{N}]", "").replace("", None)

    title = pl.col("song_name").str.replace_all(_OF_RECORDING, "")
    return (
        songs.with_columns(song_name=title)
        .select(pl.concat_str(plain("artist_name"), plain("song_name"), separator="\0"))
        .to_series()
    )


def _ranks(songs: pl.DataFrame, seed: int) -> NDArray[np.uint64]:
    """Random number of each song's artist, else of its id, (N,): no matter what other songs there are."""
    names = _artists(songs).fill_null(songs["id"])
    distinct = names.unique()
    digests = (hashlib.blake2b(f"{seed}\0{name}".encode(), digest_size=8).digest() for name in distinct)
    numbers = pl.Series(np.frombuffer(b"".join(digests), "<u8").astype(np.uint64))
    return names.replace_strict(distinct, numbers, return_dtype=pl.UInt64).to_numpy()


def _numbers(texts: pl.Series) -> NDArray[np.int64]:
    """Give equal texts the same number, from 0; null and empty are -1."""
    numbers = texts.replace("", None).rank("dense").cast(pl.Int64) - 1
    return numbers.fill_null(-1).to_numpy()
