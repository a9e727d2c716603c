"""A data set for machine learning: survey the stored songs, split them without leaks, write the splits.

Three passes over the store, each in bounded memory: what the split depends on, how often each term occurs in
each split, and the rows.
"""

from __future__ import annotations

import hashlib
import json
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl
import pyarrow as pa

from etl.chords.ragged import Ragged
from etl.exports.dataset_card import FILES, Facts, croissant, dataset_card
from etl.exports.dataset_vocabulary import Terms, terms, vocabulary_json
from etl.exports.npz import UNKNOWN, section_of_chord
from etl.exports.parquet import DATASET_COLUMNS, SongsWriter, int_lists, schema_of
from etl.exports.splits import (
    SPLITS,
    assign_splits,
    cut_large_groups,
    first_with,
    leak_groups,
    progression_hashes,
    without_straddling,
)
from etl.pipelines.data3.export import STAGE, FromSongs, songs_read
from etl.runtime.disk.folders import atomic_folder, check_replaceable
from etl.runtime.errors import EtlError
from etl.store.lexicon import stored_chords, stored_numerals, stored_sections
from etl.store.songs import build_versions, source_names, stored_songs

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import duckdb
    from numpy.typing import NDArray

    from etl.runtime.watch.progress import Renderer, Watch

_SURVEYED: Final = ("artist_id", "spotify_artist_id", "main_genre", "n_chords", "chord_ids")
_COUNTED: Final = ("n_chords", "chord_ids", "numeral_ids", "section_starts", "section_ids")
_STORED: Final = (
    *("id", "chords", "release_date", "genres", "decade", "rock_genre", "artist_id", "main_genre"),
    *("spotify_song_id", "spotify_artist_id", "key", "key_name", "key_confidence"),
    *_COUNTED,
)


@dataclass(frozen=True, kw_only=True)
class DatasetExport(FromSongs):
    """What to export as a data set.

    Attributes
    ----------
    folder
        Where to.
    seed
        Of the random split.
    fractions
        Shares of train, validation and test; they sum to 1.
    force
        Whether to set aside what the folder holds if it is no former export.
    """

    folder: Path
    seed: int = 0
    fractions: tuple[float, float, float] = (0.8, 0.1, 0.1)
    force: bool = False


@dataclass(frozen=True)
class WrittenDataset:
    """A data set on disk.

    Attributes
    ----------
    folder
        Where it is.
    facts
        What it holds.
    """

    folder: Path
    facts: Facts


@dataclass(frozen=True)
class _Plan:
    """Where each song with a known chord goes.

    Attributes
    ----------
    split
        (N,) index into SPLITS; -1 where the song is left out because an earlier split has its progression.
    rows
        (N,) its row number; only where it is not left out, and so with the others.
    group, duplicate_of, transposition_of
        (N,) columns of the data set; -1 for null.
    without_chord
        Songs that have no known chord and so are not among the N.
    """

    split: NDArray[np.int8]
    rows: NDArray[np.int64]
    group: NDArray[np.int32]
    duplicate_of: NDArray[np.int64]
    transposition_of: NDArray[np.int64]
    without_chord: int


def export_dataset(request: DatasetExport, renderers: Sequence[Renderer] = ()) -> WrittenDataset:
    """Write the data set; the folder appears only when whole.

    Raises
    ------
    EtlError
        If there is nothing to export, or the folder is not ours to replace; then nothing has changed.
    """
    check_replaceable(request.folder, FILES, force=request.force)
    with songs_read("etl export dataset", request, request.folder, renderers) as (
        connection,
        source_ids,
        watch,
    ):
        watch.note("surveying the songs")
        plan = _plan(connection, source_ids, request)
        watch.note("counting chords, numerals and sections")
        terms_of_splits = _count_terms(connection, source_ids, plan.split)
        watch.note("")
        version, day = build_versions(connection, source_ids)
        with atomic_folder(request.folder, FILES) as folder:
            metadata = {"analysis": version, "seed": str(request.seed)}
            _write_rows(connection, source_ids, folder, plan, terms_of_splits, metadata=metadata, watch=watch)
            facts = _facts(plan, request, version, day, source_names(connection, source_ids))
            _write_json(folder / "vocabulary.json", vocabulary_json(*terms_of_splits))
            (folder / "README.md").write_text(dataset_card(facts), encoding="utf-8")
            hashes = {path.name: _sha256(path) for path in sorted(folder.iterdir())}
            _write_json(folder / "croissant.json", croissant(facts, hashes))
    return WrittenDataset(request.folder, facts)


def _with_chords(
    connection: duckdb.DuckDBPyConnection, source_ids: Sequence[int], columns: Sequence[str]
) -> Iterator[pl.DataFrame]:
    """Songs that have at least one known chord, in input order."""
    for songs in stored_songs(connection, source_ids, columns):
        yield songs.filter(pl.col("n_chords") > 0)


def _plan(connection: duckdb.DuckDBPyConnection, source_ids: Sequence[int], request: DatasetExport) -> _Plan:
    """Survey the songs and decide where each goes."""
    chords = stored_chords(connection)
    roots, basses = (chords[name].fill_null(-1).cast(pl.Int64).to_numpy() for name in ("root_pc", "bass_pc"))
    quality = chords["quality"].rank("dense").cast(pl.Int64)
    unknown = chords.height + pl.int_range(1, chords.height + 1, eager=True)  # each unlike all others
    qualities = quality.fill_null(unknown).to_numpy()
    surveyed, hashes, seen = [], [], 0
    for batch in stored_songs(connection, source_ids, _SURVEYED):
        seen += batch.height
        songs = batch.filter(pl.col("n_chords") > 0)
        if songs.height:
            rows = Ragged.from_series(songs["chord_ids"])
            hashes.append(progression_hashes(rows, roots, qualities, basses))
            surveyed.append(songs.select("artist_id", "spotify_artist_id", "main_genre"))
    if not surveyed:
        raise EtlError(f"none of the {seen:,} songs has a chord.", "There is nothing to export.")
    songs = pl.concat(surveyed)
    as_is, transposed = (np.concatenate(parts) for parts in zip(*hashes, strict=True))
    progressions = np.unique(transposed, return_inverse=True)[1]
    artists = _artist_links(songs)
    linked = leak_groups([*artists, progressions])
    groups = cut_large_groups(linked, leak_groups(artists), request.fractions)
    strata = _numbers(songs["main_genre"]) + 1
    split = without_straddling(assign_splits(groups, strata, request.fractions, request.seed), progressions)
    kept = split >= 0

    def among_kept(values: NDArray[np.uint64]) -> NDArray[np.int64]:
        rows = np.full(len(kept), -1)
        rows[kept] = first_with(values[kept])
        return rows

    return _Plan(
        split,
        np.cumsum(kept) - 1,
        groups,
        among_kept(as_is),
        among_kept(transposed),
        seen - songs.height,
    )


def _artist_links(songs: pl.DataFrame) -> list[NDArray[np.int64]]:
    """Link songs by artist id, and those without one by Spotify's id of the artist.

    One song that has both ids ties the two together.
    """
    artist, spotify = pl.col("artist_id"), pl.col("spotify_artist_id")
    ids = songs.select(artist.replace("", None), spotify.replace("", None))
    tie = artist.is_not_null() & spotify.is_not_null()
    tied = ids.select(
        pl.when(artist.is_null() | (tie & pl.struct(tie, spotify).is_first_distinct())).then(spotify)
    ).to_series()
    return [_numbers(ids["artist_id"]), _numbers(tied)]


def _numbers(texts: pl.Series) -> NDArray[np.int64]:
    """Give equal texts the same number, from 0; null and empty are -1."""
    numbers = texts.replace("", None).rank("dense").cast(pl.Int64) - 1
    return numbers.fill_null(-1).to_numpy()


def _count_terms(
    connection: duckdb.DuckDBPyConnection, source_ids: Sequence[int], split: NDArray[np.int8]
) -> tuple[Terms, Terms, Terms]:
    """Count chords, numerals and sections by split, and number them."""
    symbol = pl.when("is_known").then("symbol").otherwise(pl.lit(UNKNOWN))
    symbols = stored_chords(connection).select(symbol.alias("symbol"))["symbol"]
    tags = stored_sections(connection)["tag"]
    no_section = pl.Series("tag", [UNKNOWN])  # behind the tags, where index -1 finds it
    texts = [symbols, stored_numerals(connection)["numeral"], pl.concat([tags, no_section])]
    counts = [np.zeros((len(names), len(SPLITS)), np.int64) for names in texts]
    start = 0
    for songs in _with_chords(connection, source_ids, _COUNTED):
        chords = Ragged.from_series(songs["chord_ids"])
        of_chord = np.repeat(split[start : start + songs.height].astype(np.int64), chords.lengths)
        kept = of_chord >= 0
        start += songs.height
        numbers = (
            chords.values,
            Ragged.from_series(songs["numeral_ids"]).values,
            section_of_chord(songs, chords) % len(texts[2]),
        )
        for table, ids in zip(counts, numbers, strict=True):
            cells = ids[kept] * np.int64(len(SPLITS)) + of_chord[kept]
            np.add(table, np.bincount(cells, minlength=table.size).reshape(table.shape), out=table)
    return (
        terms(texts[0], counts[0], other="<unk>"),
        terms(texts[1], counts[1], other="<unk>"),
        terms(texts[2], counts[2], other="<none>"),
    )


def _write_rows(
    connection: duckdb.DuckDBPyConnection,
    source_ids: Sequence[int],
    folder: Path,
    plan: _Plan,
    vocabulary: tuple[Terms, Terms, Terms],
    *,
    metadata: dict[str, str],
    watch: Watch,
) -> None:
    """Write each song to the file of its split."""
    schema = schema_of(DATASET_COLUMNS, metadata)
    start = 0
    with ExitStack() as stack:
        writers = [stack.enter_context(SongsWriter(folder / f"{name}.parquet", schema)) for name in SPLITS]
        for source_id, source in zip(source_ids, source_names(connection, source_ids), strict=True):
            for songs in _with_chords(connection, [source_id], _STORED):
                table = _rows(songs, Path(source).name, start, plan, vocabulary)
                split = plan.split[start : start + songs.height]
                for number, writer in enumerate(writers):
                    writer.write(table.filter(pa.array(split == number)))
                start += songs.height
                watch.advance(STAGE.name, done=songs.height)


def _rows(
    songs: pl.DataFrame, source: str, start: int, plan: _Plan, vocabulary: tuple[Terms, Terms, Terms]
) -> pa.Table:
    """Rows of the data set for songs ``start`` and following."""
    part = slice(start, start + songs.height)
    tokens, numerals, sections = vocabulary
    chords = Ragged.from_series(songs["chord_ids"])
    lists = {
        "token_ids": tokens.of_stored[chords.values],
        "numeral_ids": numerals.of_stored[Ragged.from_series(songs["numeral_ids"]).values],
        "section_ids": sections.of_stored[section_of_chord(songs, chords)],
    }
    table = (
        songs.drop(pl.selectors.nested())
        .with_columns(
            pl.lit(source).alias("source"),
            pl.Series("row", plan.rows[part]),
            pl.col("decade").cast(pl.Float64, strict=False).cast(pl.Int16, strict=False),
            pl.Series("group", plan.group[part]),
            *(
                pl.Series(name, rows[part]).replace(-1, None)
                for name, rows in (
                    ("duplicate_of", plan.duplicate_of),
                    ("transposition_of", plan.transposition_of),
                )
            ),
        )
        .to_arrow()
    )
    for name, values in lists.items():
        table = table.append_column(name, int_lists(chords, values))
    return table


def _facts(plan: _Plan, request: DatasetExport, version: str, day: str, sources: Sequence[str]) -> Facts:
    kept = plan.split >= 0
    return Facts(
        name=request.folder.resolve().name,
        songs=dict(zip(SPLITS, np.bincount(plan.split[kept], minlength=len(SPLITS)).tolist(), strict=True)),
        without_chord=plan.without_chord,
        straddling=int((~kept).sum()),
        duplicates=int((plan.duplicate_of >= 0).sum()),
        transpositions=int((plan.transposition_of >= 0).sum()),
        groups=len(np.unique(plan.group[kept])),
        largest_group=int(np.bincount(plan.group[kept]).max()),
        seed=request.seed,
        fractions=request.fractions,
        analysis=version,
        day=day,
        sources=tuple(Path(source).name for source in sources),
    )


def _write_json(path: Path, content: object) -> None:
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
