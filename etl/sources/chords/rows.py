"""Parse blocks of chord songs into rows and rejects, keeping each field's own text.

A block in which every line is a sound record is parsed whole; any other record by record.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.csv as pa_csv

from etl.runtime.rejects import REJECT_SCHEMA
from etl.sources.chords.blocks import Block, Damage
from etl.sources.chords.json_songs import JsonReader
from etl.sources.chords.records import Shape, count_line_ends, has_sound_quotes, scan
from etl.sources.chords.values import as_column, as_text, is_unreadable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from numpy.typing import NDArray

    from etl.sources.chords.files import Source

_MAX_ID: Final = 200  # characters
_RAW_SHOWN: Final = 500  # characters of a refused row that are kept


@dataclass(frozen=True)
class Rows:
    """What a block holds.

    Attributes
    ----------
    records
        How many records were found.
    songs
        The wanted columns as text, ``extra`` if they are kept (JSON of the columns that hold nothing that is
        wanted, null where there are none), columns of a table that are kept as they are, and ``line``.
    rejects
        Refused records, with the columns of ``REJECT_SCHEMA``.
    """

    records: int
    songs: pl.DataFrame
    rejects: pl.DataFrame


def parse_block(block: Block) -> Rows:
    """Parse a block into its songs and rejects; a song has an id that no song before it has.

    The id is the number of the row where the source has none.
    """
    rows = parse_records(block)
    if block.source.has_ids:
        return _with_good_ids(block.source, rows)
    lines = np.sort(np.concatenate([rows.songs["line"].to_numpy(), rows.rejects["line"].to_numpy()]))
    number = block.first_row + 1 + np.searchsorted(lines, rows.songs["line"].to_numpy())
    return replace(rows, songs=rows.songs.with_columns(id=pl.Series(number).cast(pl.String)))


def parse_records(block: Block) -> Rows:
    """Parse a block of any table; only records that cannot be read are rejects."""
    if isinstance(block.data, Damage):
        suspect = ", the rows before may be wrong" if block.source.compression else ""  # sums come last
        reason = f"the file is damaged here; the rest of it is lost{suspect}: {block.data.reason}"
        rejects = _rejects(block.source, [(block.first_line, "damaged file", reason, "")])
        return Rows(1, _no_songs(block.source), rejects)
    if isinstance(block.data, pa.Table):
        return _parse_table(block.source, block.data, block.first_line)
    if block.source.kind == "json":
        return _parse_json(block.source, block.data, block.first_line)
    return _parse_lines(block.source, block.data, block.first_line) or _parse_records(
        block.source, block.data, block.first_line
    )


def limited(blocks: Iterable[Block], limit: int | None) -> Iterator[Block]:
    """Pass on the first ``limit`` records, or all of them.

    Which lines make a record only the parser knows, so that limited blocks are parsed twice.
    """
    if limit is None:
        yield from blocks
        return
    left = limit
    for block in blocks:
        rows = parse_block(block)
        if rows.records <= left:
            yield block
            left -= rows.records
        else:
            first_lines = pl.concat([rows.songs["line"], rows.rejects["line"]]).sort()
            yield _first_lines(block, first_lines[left] - block.first_line)
            left = 0
        if left <= 0:
            return


def _first_lines(block: Block, lines: int) -> Block:
    if isinstance(block.data, Damage):
        return block
    if isinstance(block.data, pa.Table):
        return replace(block, data=block.data.slice(0, lines))
    end = 0
    for _ in range(lines):
        end = block.data.index(b"\n", end) + 1
    return replace(block, data=block.data[:end])


def _no_songs(source: Source) -> pl.DataFrame:
    songs = pl.DataFrame(schema=dict.fromkeys(source.wanted, pl.String))
    return _rows(source, 0, songs, np.zeros(0, np.int64), []).songs


def _parse_table(source: Source, table: pa.Table, first_row: int) -> Rows:
    """Take the rows of a Parquet file; numbers, dates and the like become text."""
    wanted = {name: table[source.columns[at]] for name, at in source.found.items()}
    songs = pl.DataFrame({name: as_column(name, column) for name, column in wanted.items()})
    others = {name: table[source.columns[at]] for name, at in source.others.items()}
    if others:
        songs = songs.with_columns(_others({name: as_text(column) for name, column in others.items()}))
    songs = songs.with_columns(pl.DataFrame(table.select(list(source.kept))))
    rows = np.arange(first_row, first_row + songs.height)
    is_broken = np.zeros(songs.height, np.bool_)
    for name, column in wanted.items():
        is_broken |= is_unreadable(column, songs[name])
    broken = np.flatnonzero(is_broken)
    bad = [(int(rows[at]), "binary value", "bytes that are not UTF-8", "") for at in broken]
    return _rows(source, songs.height, songs.filter(~is_broken), rows[~is_broken], bad)


def _parse_json(source: Source, data: bytes | bytearray, first_line: int) -> Rows:
    """Parse JSON lines one by one."""
    reader = JsonReader(source.name, source.wanted, source.chosen, keep_others=source.keeps_others)
    texts: list[list[str | None]] = []
    others: list[str | None] = []
    lines: list[int] = []
    bad: list[tuple[int, str, str, str]] = []
    for line, encoded in enumerate(bytes(data).split(b"\n"), first_line):
        if not encoded.strip():
            continue
        try:
            text = encoded.decode("utf-8")
            row = reader.read(text)
            if b"\\u" in encoded:
                "".join(filter(None, (*row.texts, row.others))).encode(
                    "utf-8"
                )  # half a surrogate pair is no text
        except UnicodeError:
            raw = encoded[: 4 * _RAW_SHOWN].decode("utf-8", "backslashreplace")
            bad.append((line, "encoding", "invalid UTF-8", raw))
        except ValueError as error:
            bad.append((line, "json", f"not a JSON object of texts: {error}", text))
        else:
            texts.append(row.texts)
            others.append(row.others)
            lines.append(line)
    songs = pl.DataFrame(texts, schema=dict.fromkeys(source.wanted, pl.String), orient="row")
    if source.keeps_others:
        songs = songs.with_columns(extra=pl.Series(others, dtype=pl.String))
    return _rows(source, len(lines) + len(bad), songs, np.array(lines, dtype=np.int64), bad)


def _others(columns: Mapping[str, pl.Series]) -> pl.Expr:
    """JSON of columns that are kept as they are."""
    parts = [column.alias(name) for name, column in columns.items()]
    return pl.struct(*parts).struct.json_encode().alias("extra")


def _parse_lines(source: Source, data: bytes | bytearray, first_line: int) -> Rows | None:
    """Parse a block in which every line is a record; None if there is any trouble with it."""
    if not (_is_utf8(data) and has_sound_quotes(data, source.delimiter.encode())) or (
        b"\r" in data and data.count(b"\r") != data.count(b"\r\n")
    ):
        return None
    table, refused = _parse_csv(source, data)
    records = table.height + len(refused)
    if records != count_line_ends(data) + (not data.endswith(b"\n")):
        return None
    lines = np.arange(first_line, first_line + records)
    bad = [(first_line + at, *_wrong_width(source, found), text) for at, found, text in refused]
    return _rows(source, records, table, np.delete(lines, [at for at, _, _ in refused]), bad)


def _parse_records(source: Source, data: bytes | bytearray, first_line: int) -> Rows:
    """Parse a troubled block record by record, so that a broken one costs no other."""
    all_utf8 = _is_utf8(data)
    good: list[bytes] = []
    lines: list[int] = []
    bad: list[tuple[int, str, str, str]] = []
    line, position = first_line, 0
    for record in scan(data, Shape.of(source)):
        line += data.count(b"\n", position, record.start)
        position = record.start
        text = bytes(data[record.start : record.end])
        problem = record.problem
        if not all_utf8 and not _is_utf8(text):
            problem = ("encoding", "invalid UTF-8")
        if problem:
            bad.append((line, *problem, text[: 4 * _RAW_SHOWN].decode("utf-8", "backslashreplace")))
        else:
            good.append(text)
            lines.append(line)
    if not good:
        return replace(
            _rows(source, len(bad), pl.DataFrame(), np.zeros(0, np.int64), bad), songs=_no_songs(source)
        )
    table, refused = _parse_csv(source, b"\n".join(good) + b"\n")
    bad += [(lines[at], *_wrong_width(source, found), text) for at, found, text in refused]
    kept = np.delete(np.array(lines, dtype=np.int64), [at for at, _, _ in refused])
    return _rows(source, table.height + len(bad), table, kept, sorted(bad))


def _is_utf8(data: bytes | bytearray) -> bool:
    if data.isascii():
        return True
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _parse_csv(source: Source, data: bytes | bytearray) -> tuple[pl.DataFrame, list[tuple[int, int, str]]]:
    """Parse sound UTF-8 CSV; gives the columns that are there, and records of the wrong width.

    The latter as (index among the records, fields found, text).
    """
    refused: list[tuple[int, int, str]] = []

    def refuse(row: Any) -> str:
        refused.append((row.number - 1, row.actual_columns, row.text[: 4 * _RAW_SHOWN]))
        return "skip"

    named = {at: name for name, at in source.found.items()}
    names = [named.get(at, f"#{at}") for at in range(len(source.columns))]
    others = {name: f"#{at}" for name, at in source.others.items()}
    read = [*source.found, *others.values()]
    table = pa_csv.read_csv(
        pa.BufferReader(data),
        read_options=pa_csv.ReadOptions(column_names=names, use_threads=False, block_size=len(data) + 1),
        parse_options=pa_csv.ParseOptions(
            delimiter=source.delimiter, newlines_in_values=True, invalid_row_handler=refuse
        ),
        convert_options=pa_csv.ConvertOptions(
            check_utf8=False,
            column_types=dict.fromkeys(read, pa.large_string()),
            include_columns=read,
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        ),
    )
    songs = pl.DataFrame(table)
    if others:
        kept = {name: songs[column] for name, column in others.items()}
        songs = songs.with_columns(_others(kept)).drop(others.values())
    return songs, refused


def _wrong_width(source: Source, found: int) -> tuple[str, str]:
    return "field count", f"expected {len(source.columns)} fields, found {found}"


def _rows(
    source: Source,
    records: int,
    songs: pl.DataFrame,
    lines: NDArray[np.int64],
    bad: list[tuple[int, str, str, str]],
) -> Rows:
    expected = (*source.wanted, "extra") if source.keeps_others else source.wanted
    missing = (pl.lit(None, pl.String).alias(name) for name in expected if name not in songs.columns)
    songs = songs.with_columns(*missing).select(*expected, *source.kept)
    return Rows(records, songs.with_columns(line=pl.Series(lines, dtype=pl.Int64)), _rejects(source, bad))


def _with_good_ids(source: Source, rows: Rows) -> Rows:
    """Refuse songs without a usable id, and every second song with the same id."""
    problem = (
        pl.when(pl.col("id").fill_null("") == "")
        .then(pl.lit("missing id"))
        .when(pl.col("id").str.len_chars() > _MAX_ID)
        .then(pl.lit("overlong id"))
        .when(~pl.col("id").is_first_distinct())
        .then(pl.lit("duplicate id"))
    )
    marked = rows.songs.with_columns(problem=problem)
    broken = marked.filter(pl.col("problem").is_not_null())
    if broken.is_empty():
        return rows
    rejects = pl.concat([rows.rejects, song_rejects(source, broken)]).sort("line", maintain_order=True)
    return Rows(rows.records, marked.filter(pl.col("problem").is_null()).drop("problem"), rejects)


def song_rejects(source: Source, songs: pl.DataFrame) -> pl.DataFrame:
    """Rejects for parsed songs, with their category in ``problem``."""
    reasons = {
        "missing id": "the id is empty",
        "overlong id": f"the id is longer than {_MAX_ID} characters",
        "duplicate id": "an earlier row has the same id",
    }
    raw = pl.concat_str(pl.col("id", "chords").fill_null(""), separator=",").str.slice(0, _RAW_SHOWN)
    return songs.select(
        source=pl.lit(source.name),
        line="line",
        stage=pl.lit("read"),
        category="problem",
        reason=pl.col("problem").replace_strict(reasons, return_dtype=pl.String),
        raw=raw,
    )


def _rejects(source: Source, rows: list[tuple[int, str, str, str]]) -> pl.DataFrame:
    return pl.DataFrame(
        [
            (source.name, line, "read", category, reason, raw[:_RAW_SHOWN])
            for line, category, reason, raw in rows
        ],
        schema=REJECT_SCHEMA,
        orient="row",
    )
