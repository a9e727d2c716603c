"""Songs as Parquet: typed columns with their descriptions, row groups of even size, zstd."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

import pyarrow as pa
import pyarrow.parquet as pq

from etl.chords.categories import CATEGORIES

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from types import TracebackType

    import numpy as np
    from numpy.typing import NDArray

    from etl.chords.ragged import Ragged

_ROW_GROUP: Final = 8192


@dataclass(frozen=True)
class Column:
    """One column of an export.

    Attributes
    ----------
    name, type
        As in the file.
    description
        What it holds, with unit and range.
    """

    name: str
    type: pa.DataType
    description: str


def _text(name: str, description: str) -> Column:
    return Column(name, pa.string(), description)


SOURCE: Final = (
    _text("id", "id of the song in its source"),
    _text("source", "file name of the source"),
    _text("chords", "chord symbols and section tags, the source's own text"),
    _text("release_date", "release date, the source's own text"),
    _text("genres", "genres, the source's own text"),
    _text("rock_genre", "rock genre, the source's own text"),
    _text("main_genre", "main genre; null where not known"),
    _text("artist_id", "artist in the source"),
    _text("spotify_song_id", "Spotify track id, 22 base-62 characters"),
    _text("spotify_artist_id", "Spotify artist id, 22 base-62 characters"),
)
"""Columns that come from the source."""

KEY: Final = (
    Column("key", pa.int8(), "key: 0-11 C to B major, 12-23 C to B minor, -1 none"),
    _text("key_name", "key in words, such as F# Minor; No Harmony, Parse Error"),
    Column("key_confidence", pa.float32(), "confidence of the key, 0-1"),
)
"""Columns about the key."""

SONG_COLUMNS: Final = (
    *SOURCE,
    _text("decade", "decade, the source's own text, such as 1990.0"),
    _text("artist", "name of the artist in the source"),
    _text("title", "title of the song in the source"),
    *KEY,
    Column("key_runner_up", pa.int8(), "second best key, numbered as key"),
    Column("key_posterior", pa.list_(pa.float32(), 24), "probability of each key, sums to 1"),
    Column("n_chords", pa.int32(), "chords that are known"),
    Column("n_unknown", pa.int32(), "tokens that are neither chord nor section tag"),
    Column("n_sections", pa.int32(), "section tags"),
    Column("distinct_chords", pa.int32(), "distinct chord symbols"),
    Column("chord_entropy_bits", pa.float32(), "entropy of the chord distribution, bits"),
    Column("pitch_class_profile", pa.list_(pa.float32(), 12), "share of each pitch class, C first"),
    Column(
        "fingerprint_mean", pa.list_(pa.float32(), 12), "mean harmonic fingerprint of the chords, C first"
    ),
    Column(
        "category_counts", pa.list_(pa.int32(), len(CATEGORIES)), "chords in each of the 49 chord categories"
    ),
    Column("chord_symbols", pa.list_(pa.string()), "chord symbols and unknown tokens in order"),
    Column("numerals", pa.list_(pa.string()), "Roman numeral of each chord symbol, ? where unknown"),
    Column("section_tags", pa.list_(pa.string()), "section tags in order, such as <verse_1>"),
    Column("section_starts", pa.list_(pa.int32()), "index of the first chord symbol of each section"),
)
"""Columns of ``etl export parquet``."""

DATASET_COLUMNS: Final = (
    Column("row", pa.int64(), "number of the song in the whole data set, from 0, in input order"),
    *SOURCE,
    Column("decade", pa.int16(), "decade, such as 1990; null where not known"),
    *KEY,
    Column("n_chords", pa.int32(), "chords that are known"),
    Column("token_ids", pa.list_(pa.int32()), "chords in order, ids into tokens of vocabulary.json"),
    Column("numeral_ids", pa.list_(pa.int32()), "Roman numeral of each chord, ids into numerals"),
    Column("section_ids", pa.list_(pa.int32()), "section of each chord, ids into sections"),
    Column("duplicate_of", pa.int64(), "row of the first song with the same chords; null on that song"),
    Column(
        "transposition_of",
        pa.int64(),
        "row of the first song with the same chords in this or any other key; null on that song",
    ),
    Column(
        "group", pa.int32(), "songs kept together because of artist or progression; no group is in two splits"
    ),
)
"""Columns of ``etl export dataset``."""


def extra_columns(names: Sequence[str]) -> tuple[Column, ...]:
    """Columns for what a source has beside the columns that are known by name.

    Names that the export has itself, whatever their case, begin with ``source_`` then.
    """
    taken = {column.name for column in SONG_COLUMNS}
    columns: list[Column] = []
    for name in names:
        free = name
        while free.casefold() in taken:
            free = f"source_{free}"
        taken.add(free.casefold())
        columns.append(_text(free, f"column {name} of the source, its own text"))
    return tuple(columns)


def schema_of(columns: Sequence[Column], metadata: dict[str, str]) -> pa.Schema:
    """Arrow schema whose fields carry their descriptions."""
    fields = [
        pa.field(column.name, column.type, metadata={"description": column.description}) for column in columns
    ]
    return pa.schema(fields, metadata=metadata)


def text_lists(rows: Ragged, texts: pa.Array) -> pa.ListArray:
    """Spell ragged ids as lists of strings; ``texts`` (V,) holds the text of each id."""
    return pa.ListArray.from_arrays(pa.array(rows.offsets, pa.int32()), texts.take(pa.array(rows.values)))


def int_lists(rows: Ragged, values: NDArray[np.int32]) -> pa.ListArray:
    """Give flat values (T,) as one list per row."""
    return pa.ListArray.from_arrays(pa.array(rows.offsets, pa.int32()), pa.array(values))


class SongsWriter:
    """Writes batches of any size as row groups of even size; a context manager.

    Parameters
    ----------
    path
        Target.
    schema
        From :func:`schema_of`.

    Attributes
    ----------
    rows
        Rows written so far.
    """

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self._writer = pq.ParquetWriter(path, schema, compression="zstd")
        self._waiting: list[pa.Table] = []
        self._waiting_rows = 0
        self.rows = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._flush()
        finally:
            self._writer.close()

    def write(self, songs: pa.Table) -> None:
        """Append songs; the columns may be in any order and of any type that casts."""
        schema = self._writer.schema
        self._waiting.append(songs.select(schema.names).cast(schema))
        self._waiting_rows += songs.num_rows
        self.rows += songs.num_rows
        if self._waiting_rows >= _ROW_GROUP:
            self._flush()

    def _flush(self) -> None:
        if self._waiting_rows:
            self._writer.write_table(pa.concat_tables(self._waiting), row_group_size=2 * _ROW_GROUP)
        self._waiting, self._waiting_rows = [], 0
