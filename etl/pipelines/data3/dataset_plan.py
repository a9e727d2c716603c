"""Where each song of a data set goes: survey the stored songs, link them, split them without leaks."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
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
from etl.runtime.wording import number_of
from etl.store.lexicon import stored_chords
from etl.store.songs import stored_songs

if TYPE_CHECKING:
    from collections.abc import Sequence

    import duckdb
    from numpy.typing import NDArray

_IDENTITY: Final = (
    *("id", "artist_id", "spotify_artist_id", "spotify_song_id", "main_genre"),
    *("artist", "title"),
)
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
        By kind.
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


@dataclass(frozen=True)
class Survey:
    """What a split depends on.

    Attributes
    ----------
    links
        By kind: artist, spotify_artist, recording, title, progression, near_version; each (N,), songs with
        the same number are linked, -1 links to nothing.
    strata
        (N,) number of the main genre, 0 where it is not known.
    names
        (N,) artist, else id of the song: what its place in the random order depends on.
    as_is, transposed
        (N,) hash of the progression, as it stands and in any key.
    without_chord
        Songs that have no known chord and so are not among the N.
    """

    links: dict[str, NDArray[Any]]
    strata: NDArray[np.int64]
    names: pl.Series
    as_is: NDArray[np.uint64]
    transposed: NDArray[np.uint64]
    without_chord: int


def plan_splits(survey: Survey, fractions: tuple[float, float, float], seed: int) -> SplitPlan:
    """Decide where each song goes."""
    artists, *others = survey.links.values()
    linked = leak_groups([artists, *others])
    groups = cut_large_groups(linked, leak_groups([artists]), fractions)
    split = assign_splits(groups, survey.strata, fractions, _ranks(survey.names, seed))
    links = {}
    for kind, link in survey.links.items():
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
        among_kept(survey.as_is),
        among_kept(survey.transposed),
        links,
        int(np.bincount(linked).max()),
        survey.without_chord,
    )


def survey_songs(connection: duckdb.DuckDBPyConnection, source_ids: Sequence[int]) -> Survey:
    """Read all songs once, and find what links them.

    Raises
    ------
    EtlError
        If no song has a chord.
    """
    chords = stored_chords(connection)
    roots, basses = (chords[name].fill_null(-1).cast(pl.Int64).to_numpy() for name in ("root_pc", "bass_pc"))
    quality = chords["quality"].rank("dense").cast(pl.Int64)
    unknown = chords.height + pl.int_range(1, chords.height + 1, eager=True)  # each unlike all others
    qualities = quality.fill_null(unknown).to_numpy()
    has_minor_third = np.array([_has_minor_third(suffix) for suffix in chords["quality"]], np.bool_)
    near, parts, hashes, seen = NearVersions(), [], [], 0
    for batch in stored_songs(connection, source_ids, _SURVEYED):
        seen += batch.height
        with_chords = batch.filter(pl.col("n_chords") > 0)
        if with_chords.height:
            rows = Ragged.from_series(with_chords["chord_ids"])
            hashes.append(progression_hashes(rows, roots, qualities, basses))
            near.add(rows, roots, has_minor_third)
            parts.append(with_chords.select(_IDENTITY))
    if not parts:
        raise EtlError(f"no chord in {number_of(seen, 'song')}.", "There is nothing to export.")
    songs = with_names(pl.concat(parts), stored_names(connection))
    as_is, transposed = (np.concatenate(values) for values in zip(*hashes, strict=True))
    artists = _artists(songs)
    links: dict[str, NDArray[Any]] = {
        "artist": _numbers(artists),
        "spotify_artist": _numbers(songs["spotify_artist_id"]),
        "recording": _numbers(_recordings(songs)),
        "title": _numbers(_titles(songs)),
        "progression": np.unique(transposed, return_inverse=True)[1],
        "near_version": near.clusters(),
    }
    return Survey(
        links,
        _numbers(songs["main_genre"]) + 1,
        artists.fill_null(songs["id"]),
        as_is,
        transposed,
        seen - songs.height,
    )


def _has_minor_third(suffix: str | None) -> bool:
    return suffix is not None and QUALITY_BY_SUFFIX[suffix].semitones.get("3") == 3


def _artists(songs: pl.DataFrame) -> pl.Series:
    """Give the artist id, else Spotify's, else the name in small letters; null where there is none."""
    ids = [pl.col(name).replace("", None) for name in ("artist_id", "spotify_artist_id")]
    name = pl.col("artist_name").str.to_lowercase().str.strip_chars()
    return songs.select(pl.coalesce(*ids, name)).to_series()


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


def _ranks(names: pl.Series, seed: int) -> NDArray[np.uint64]:
    """Random number of each name, (N,): no matter what other names there are."""
    distinct = names.unique()
    digests = (hashlib.blake2b(f"{seed}\0{name}".encode(), digest_size=8).digest() for name in distinct)
    numbers = pl.Series(np.frombuffer(b"".join(digests), "<u8").astype(np.uint64))
    return names.replace_strict(distinct, numbers, return_dtype=pl.UInt64).to_numpy()


def _numbers(texts: pl.Series) -> NDArray[np.int64]:
    """Give equal texts the same number, from 0; null and empty are -1."""
    numbers = texts.replace("", None).rank("dense").cast(pl.Int64) - 1
    return numbers.fill_null(-1).to_numpy()
