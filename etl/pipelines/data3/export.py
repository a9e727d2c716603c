"""Write data3 CSV, matrices and Parquet from the store, without analyzing anything again."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl
import pyarrow as pa

from etl.chords.glossary import Glossary
from etl.chords.notations import PARSERS, SPELLERS, Notation
from etl.chords.ragged import Ragged
from etl.chords.romantext import RomanStyle
from etl.chords.symbols import Kind
from etl.chords.tokens import tokenize
from etl.exports.data3 import HEADER, SONG_COLUMNS, LineBuffer, write_data3
from etl.exports.npz import MATRIX_COLUMNS, SongMatrices
from etl.exports.parquet import (
    DECADE,
    SONG_COLUMNS as PARQUET_COLUMNS,
    SongsWriter,
    extra_columns,
    schema_of,
    text_lists,
)
from etl.exports.song_names import Names, with_names
from etl.runtime.disk.files import atomic_file, atomic_path
from etl.runtime.disk.targets import check_writable
from etl.runtime.limits import LIMITS, Limits
from etl.runtime.watch.progress import Stage, Watch
from etl.store.database import read_store
from etl.store.kept_files import check_known, check_outputs, check_set_aside
from etl.store.lexicon import stored_chords, stored_numerals, stored_sections
from etl.store.names import known_names
from etl.store.scope import count_songs, use_sources
from etl.store.songs import build_versions, extra_names, source_names, stored_notations, stored_songs

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import duckdb
    from numpy.typing import NDArray

    from etl.runtime.watch.progress import Renderer

_CSV_COLUMNS: Final = (*SONG_COLUMNS, "key", "key_name", "n_chords", "n_unknown", "numeral_ids")

_SPELLED: Final = {"chord_symbols": "chord_ids", "numerals": "numeral_ids", "section_tags": "section_ids"}
"""Text columns of the Parquet export, and the ids that the store holds for them."""

_STORED: Final = tuple(
    _SPELLED.get(column.name, column.name) for column in PARQUET_COLUMNS if column.name != "source"
)


STAGE: Final = Stage("write", "songs")


@dataclass(frozen=True, kw_only=True)
class FromSongs:
    """Which songs of which store to export.

    Attributes
    ----------
    database
        The store.
    sources
        Names of the sources whose songs to export (:func:`~etl.store.scope.use_sources`); the current set
        where there is none.
    limits
        How long to wait for the store.
    """

    database: Path
    sources: tuple[str, ...] = ()
    limits: Limits = LIMITS


@dataclass(frozen=True, kw_only=True)
class SongExport(FromSongs):
    """What to export as one file.

    Attributes
    ----------
    path
        The file.
    """

    path: Path


@dataclass(frozen=True, kw_only=True)
class Data3Export(SongExport):
    """A data3 CSV to export.

    Attributes
    ----------
    style
        How it spells numerals.
    """

    style: RomanStyle = RomanStyle.HOUSE


@dataclass(frozen=True)
class StoredExport:
    """A file that was written from the store.

    Attributes
    ----------
    path
        The file.
    songs
        Songs in it.
    """

    path: Path
    songs: int


def export_data3(request: Data3Export, renderers: Sequence[Renderer] = ()) -> StoredExport:
    """Write the data3 CSV, the same as a build writes.

    Raises
    ------
    EtlError
        If the store has no such songs, or the file cannot be written.
    """
    check_writable(request.path)
    with songs_read("etl export data3", request, request.path, renderers) as read:
        connection, sources, watch = read
        songs = 0
        for batch in write_stored_csv(connection, sources, request.path, request.style):
            songs += batch.height
            watch.advance(STAGE.name, done=batch.height)
    return StoredExport(request.path, songs)


def export_npz(request: SongExport, renderers: Sequence[Renderer] = ()) -> StoredExport:
    """Write the matrices; errors as of :func:`export_data3`."""
    check_writable(request.path)
    with songs_read("etl export npz", request, request.path, renderers) as read:
        connection, sources, watch = read
        manifest = {"analysis": build_versions(connection, sources)[0]}
        songs = write_stored_npz(connection, sources, request.path, manifest, watch)
    return StoredExport(request.path, songs)


def export_parquet(
    request: SongExport, renderers: Sequence[Renderer] = (), *, spell: Notation | None = None
) -> StoredExport:
    """Write one typed row per song, chords as their sources spell them or all in one notation.

    Errors as of :func:`export_data3`.
    """
    check_writable(request.path)
    with songs_read("etl export parquet", request, request.path, renderers) as read:
        songs = _write_stored_parquet(*read, request.path, spell)
    return StoredExport(request.path, songs)


@contextmanager
def songs_read(
    title: str, request: FromSongs, target: Path, renderers: Sequence[Renderer]
) -> Iterator[tuple[duckdb.DuckDBPyConnection, list[int], Watch]]:
    """Open the store for an export of songs, and watch it; ``target`` must not be what others need.

    Yields
    ------
    connection, source_ids, watch
        The store, the sources whose songs are wanted, and a watch with the stage :data:`STAGE`.
    """
    check_outputs([target], database=request.database)
    if target.is_dir():
        check_set_aside(target, database=request.database)
    with Watch(title, [STAGE], renderers) as watch:
        watch.waiting_for(f"the store {request.database}")
        with read_store(request.database, limits=request.limits) as connection:
            watch.waiting_for(None)
            check_known(connection, [target])
            source_ids = use_sources(connection, request.sources)
            watch.total(STAGE.name, count_songs(connection))
            yield connection, source_ids, watch


def write_stored_csv(
    connection: duckdb.DuckDBPyConnection,
    source_ids: Sequence[int],
    path: Path,
    style: RomanStyle = RomanStyle.HOUSE,
) -> Iterator[pl.DataFrame]:
    """Write the data3 CSV of stored sources; gives each batch of songs once it is written.

    The file appears when the last batch has been taken. It is the same, byte for byte, as the one that the
    build wrote.
    """
    numerals = stored_numerals(connection)["numeral"].to_list()
    names = stored_names(connection)
    buffer, glossaries = LineBuffer(), dict[str, Glossary]()
    with atomic_file(path) as output:
        output.write(HEADER)
        for source_id, (_, notation) in stored_notations(connection, source_ids).items():
            glossary = glossaries.setdefault(notation, Glossary(Notation(notation)))
            for songs in stored_songs(connection, [source_id], _CSV_COLUMNS):
                output.write(_data3_lines(with_names(songs, names), numerals, style, buffer, glossary))
                yield songs


def stored_names(connection: duckdb.DuckDBPyConnection) -> Names:
    """Read the names that the store has."""
    return Names(known_names(connection, "artist"), known_names(connection, "track"))


def _data3_lines(
    songs: pl.DataFrame,
    numerals: Sequence[str],
    style: RomanStyle,
    buffer: LineBuffer,
    glossary: Glossary,
) -> NDArray[np.uint8]:
    """Spell numerals and fingerprints from the stored ids; section tags come from the chord string."""
    tokens, vocabulary = tokenize(songs["chords"], glossary)
    flat = Ragged.from_series(tokens)
    is_tag = vocabulary.kinds == Kind.SECTION
    tags = [vocabulary.texts[token] for token in np.flatnonzero(is_tag).tolist()]
    of_tag = np.cumsum(is_tag, dtype=np.int32) + np.int32(len(numerals) - 1)  # behind the numerals
    spelling = of_tag[flat.values]
    spelling[~is_tag[flat.values]] = Ragged.from_series(songs["numeral_ids"]).values
    texts = [*numerals, *tags]
    spelled = songs.with_columns(tokens=tokens, numerals=flat.with_values(spelling).to_series())
    return write_data3(spelled, vocabulary, texts, buffer, style)


def write_stored_npz(
    connection: duckdb.DuckDBPyConnection,
    source_ids: Sequence[int],
    path: Path,
    manifest: dict[str, Any],
    watch: Watch | None = None,
) -> int:
    """Write the matrices of stored sources; gives the number of songs."""
    matrices = SongMatrices()
    songs = 0
    for batch in stored_songs(connection, source_ids, MATRIX_COLUMNS):
        matrices.add(batch)
        songs += batch.height
        if watch is not None:
            watch.advance(STAGE.name, done=batch.height)
    chords, sections = stored_chords(connection), stored_sections(connection)
    matrices.write(path, chords=chords, sections=sections, manifest=manifest)
    return songs


def _write_stored_parquet(
    connection: duckdb.DuckDBPyConnection,
    source_ids: Sequence[int],
    watch: Watch,
    path: Path,
    spell: Notation | None,
) -> int:
    """Write stored sources as Parquet; gives the number of songs."""
    texts = {
        "chord_symbols": _texts(_spelled(stored_chords(connection), spell)),
        "numerals": _texts(stored_numerals(connection)["numeral"]),
        "section_tags": _texts(stored_sections(connection)["tag"]),
    }
    extra = extra_names(connection, source_ids)
    further = extra_columns(extra)
    schema = schema_of((*PARQUET_COLUMNS, *further), {"analysis": build_versions(connection, source_ids)[0]})
    with atomic_path(path) as temporary, SongsWriter(temporary, schema) as writer:
        for source_id, name in zip(source_ids, source_names(connection, source_ids), strict=True):
            for songs in stored_songs(connection, [source_id], _STORED, extra):
                values = [pl.col("extra").list.get(at).alias(each.name) for at, each in enumerate(further)]
                table = songs.with_columns(DECADE, *values, source=pl.lit(Path(name).name)).to_arrow()
                for column, ids in _SPELLED.items():
                    spelled = text_lists(Ragged.from_series(songs[ids]), texts[column])
                    table = table.append_column(column, spelled)
                writer.write(table)
                watch.advance(STAGE.name, done=songs.height)
    return writer.rows


def _spelled(chords: pl.DataFrame, notation: Notation | None) -> pl.Series:
    """Spell chord symbols in a notation; what is unknown, and all where there is none, stays as it is."""
    if notation is None:
        return chords["symbol"]
    parsed = [PARSERS[Notation(own)](text) for text, own in chords.select("symbol", "notation").rows()]
    return pl.Series(
        [
            text if chord is None else SPELLERS[notation](chord)
            for text, chord in zip(chords["symbol"], parsed, strict=True)
        ],
        dtype=pl.String,
    )


def _texts(texts: pl.Series) -> pa.Array:
    return pa.array(texts.to_list(), pa.string())
