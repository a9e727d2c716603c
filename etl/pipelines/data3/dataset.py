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
from etl.exports.dataset_card import FILES, Facts, croissant, dataset_card, manifest
from etl.exports.dataset_vocabulary import Terms, terms, vocabulary_json
from etl.exports.npz import UNKNOWN, section_of_chord
from etl.exports.parquet import DATASET_COLUMNS, DECADE, SongsWriter, int_lists, schema_of
from etl.exports.splits import SPLITS
from etl.pipelines.data3.dataset_plan import plan_splits, survey_songs
from etl.pipelines.data3.export import STAGE, FromSongs, songs_read
from etl.runtime.disk.folders import atomic_folder, check_replaceable
from etl.runtime.watch.compilation import compilation_told
from etl.runtime.wording import one_line
from etl.store.lexicon import stored_chords, stored_numerals, stored_sections
from etl.store.songs import build_versions, source_names, stored_songs

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import duckdb
    from numpy.typing import NDArray

    from etl.pipelines.data3.dataset_plan import SplitPlan
    from etl.runtime.watch.progress import Renderer, Watch

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
        watch.note("surveying and linking the songs")
        with compilation_told(watch):
            plan = plan_splits(survey_songs(connection, source_ids), request.fractions, request.seed)
        watch.note("counting chords, numerals and sections")
        terms_of_splits = _count_terms(connection, source_ids, plan.split)
        watch.note("")
        version, day = build_versions(connection, source_ids)
        with atomic_folder(request.folder, FILES) as folder:
            metadata = {"analysis": version, "seed": str(request.seed)}
            _write_rows(connection, source_ids, folder, plan, terms_of_splits, metadata=metadata, watch=watch)
            facts = _facts(plan, request, version, day, source_names(connection, source_ids))
            _write_json(folder / "vocabulary.json", vocabulary_json(*terms_of_splits))
            _write_json(folder / "manifest.json", manifest(facts))
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
    plan: SplitPlan,
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
                table = _rows(songs, one_line(Path(source).name), start, plan, vocabulary)
                split = plan.split[start : start + songs.height]
                for number, writer in enumerate(writers):
                    writer.write(table.filter(pa.array(split == number)))
                start += songs.height
                watch.advance(STAGE.name, done=songs.height)


def _rows(
    songs: pl.DataFrame, source: str, start: int, plan: SplitPlan, vocabulary: tuple[Terms, Terms, Terms]
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
            DECADE,
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


def _facts(plan: SplitPlan, request: DatasetExport, version: str, day: str, sources: Sequence[str]) -> Facts:
    kept = plan.split >= 0
    return Facts(
        name=one_line(request.folder.resolve().name),
        songs=dict(zip(SPLITS, np.bincount(plan.split[kept], minlength=len(SPLITS)).tolist(), strict=True)),
        without_chord=plan.without_chord,
        links=plan.links,
        duplicates=int((plan.duplicate_of >= 0).sum()),
        transpositions=int((plan.transposition_of >= 0).sum()),
        groups=len(np.unique(plan.group[kept])),
        largest_group=int(np.bincount(plan.group[kept]).max()),
        largest_component=plan.largest_component,
        seed=request.seed,
        fractions=request.fractions,
        analysis=version,
        day=day,
        sources=tuple(one_line(Path(source).name) for source in sources),
    )


def _write_json(path: Path, content: object) -> None:
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
