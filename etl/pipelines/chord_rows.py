"""Parse blocks of chord songs into rows and rejects, keeping each field's own text.

Records are lines unless a quoted field holds a line break. A block in which lines and records disagree, or
that is not UTF-8, is read again line by line, so that one broken line costs no other.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.csv as pa_csv

from etl.pipelines.chord_files import MAX_RECORD_LINES, Block, Damage, Source
from etl.store.runs import REJECT_SCHEMA

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

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
        The wanted columns as text, and ``line``.
    rejects
        Refused records, with the columns of ``REJECT_SCHEMA``.
    """

    records: int
    songs: pl.DataFrame
    rejects: pl.DataFrame


@dataclass(frozen=True)
class _Parsed:
    """What a block holds: rows with ``line``, and what could not be read as (line, category, reason, raw)."""

    records: int
    rows: pl.DataFrame
    bad: list[tuple[int, str, str, str]]


def parse_block(block: Block, wanted: Sequence[str]) -> Rows:
    """Parse a block into its songs and rejects.

    Parameters
    ----------
    block
        From :func:`read_blocks`.
    wanted
        Columns to keep, in this order; ``id`` must be among them.
    """
    parsed = _parse(block, wanted)
    return _checked(block.source, parsed)


def parse_records(block: Block, wanted: Sequence[str]) -> Rows:
    """Parse a block of any table; only records that cannot be read are rejects."""
    parsed = _parse(block, wanted)
    return Rows(parsed.records, parsed.rows, _rejects(block.source, parsed.bad))


def _parse(block: Block, wanted: Sequence[str]) -> _Parsed:
    if isinstance(block.data, Damage):
        nothing = pl.DataFrame(schema={**dict.fromkeys(wanted, pl.String), "line": pl.Int64})
        return _Parsed(1, nothing, [(block.first_line, "damaged file", block.data.reason, "")])
    if isinstance(block.data, pa.Table):
        songs = pl.DataFrame(block.data.select(list(wanted))).cast(pl.String)
        return _parsed(songs.height, songs, range(block.first_line, block.first_line + songs.height), [])
    refused: list[tuple[int, int, str]] = []
    try:
        table = _parse_csv(block.data, block.source.columns, wanted, refused)
    except pa.ArrowInvalid:
        return _parse_by_line(block, block.data, wanted)
    records = table.num_rows + len(refused)
    if records != block.data.count(b"\n") + (not block.data.endswith(b"\n")):
        return _parse_by_line(block, block.data, wanted)
    lines = np.arange(block.first_line, block.first_line + records)
    bad = [
        (block.first_line + number, *_wrong_width(block.source, found, text))
        for number, found, text in refused
    ]
    lines = np.delete(lines, [number for number, _, _ in refused])
    return _parsed(records, pl.DataFrame(table), lines, bad)


def _parsed(
    records: int,
    rows: pl.DataFrame,
    lines: Sequence[int] | NDArray[np.int64],
    bad: list[tuple[int, str, str, str]],
) -> _Parsed:
    return _Parsed(records, rows.with_columns(line=pl.Series(lines, dtype=pl.Int64)), bad)


def _parse_csv(
    data: bytes, columns: Sequence[str], wanted: Sequence[str], refused: list[tuple[int, int, str]]
) -> pa.Table:
    """Parse CSV bytes; records of the wrong width go to ``refused`` as (index, fields found, text)."""

    def refuse(row: Any) -> str:
        refused.append((row.number - 1, row.actual_columns, row.text))
        return "skip"

    unique = [name if name in wanted else f"{name}#{index}" for index, name in enumerate(columns)]
    return pa_csv.read_csv(
        pa.BufferReader(data),
        read_options=pa_csv.ReadOptions(column_names=unique, use_threads=False, block_size=len(data) + 1),
        parse_options=pa_csv.ParseOptions(newlines_in_values=True, invalid_row_handler=refuse),
        convert_options=pa_csv.ConvertOptions(
            column_types=dict.fromkeys(wanted, pa.large_string()),
            include_columns=list(wanted),
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        ),
    )


def _wrong_width(source: Source, found: int, text: str) -> tuple[str, str, str]:
    return "field count", f"expected {len(source.columns)} fields, found {found}", text


def _parse_by_line(block: Block, data: bytes, wanted: Sequence[str]) -> _Parsed:
    """Parse a troubled block: keep each record that stands on its own, refuse the others one by one."""
    columns = block.source.columns
    physical = data.split(b"\n")
    if physical[-1] == b"":
        physical.pop()
    good: list[bytes] = []
    lines: list[int] = []
    bad: list[tuple[int, str, str, str]] = []
    index = 0
    while index < len(physical):
        number = block.first_line + index
        taken, category, reason = _record(physical, index, len(columns))
        if not reason and taken:
            good.append(b"\n".join(physical[index : index + taken]))
            lines.append(number)
        elif reason:
            bad.append((number, category, reason, physical[index].decode("utf-8", "backslashreplace")))
        index += max(taken, 1)
    refused: list[tuple[int, int, str]] = []
    if good:
        songs = pl.DataFrame(_parse_csv(b"\n".join(good) + b"\n", columns, wanted, refused))
    else:
        songs = pl.DataFrame(schema=dict.fromkeys(wanted, pl.String))
    bad += [(lines[at], *_wrong_width(block.source, found, text)) for at, found, text in refused]
    kept = np.delete(np.array(lines, dtype=np.int64), [at for at, _, _ in refused])
    return _parsed(len(lines) + len(bad) - len(refused), songs, kept, sorted(bad))


def _record(physical: Sequence[bytes], index: int, width: int) -> tuple[int, str, str]:
    """Read the record that begins at a line: how many lines it takes, or why it is refused.

    An empty line takes no lines and has no reason.
    """
    if not physical[index].rstrip(b"\r"):
        return 0, "", ""
    fields = 0
    for taken in range(1, min(MAX_RECORD_LINES, len(physical) - index) + 1):
        joined = b"\n".join(physical[index : index + taken])
        try:
            text = joined.decode("utf-8")
        except UnicodeDecodeError as error:
            if taken == 1:
                return 1, "encoding", f"invalid UTF-8 at byte {error.start}"
            break
        found = _field_count(text)
        fields = fields or found
        if found == width:
            return taken, "", ""
        if found:
            break
    if fields:
        return 1, "field count", f"expected {width} fields, found {fields}"
    return 1, "quoting", "a quote is opened and never closed"


def _field_count(text: str) -> int:
    """Fields of one record; 0 where a quoted field is not closed."""
    try:
        records = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except csv.Error:
        return 0
    return len(records[0]) if len(records) == 1 else 0


def _checked(source: Source, parsed: _Parsed) -> Rows:
    """Refuse songs without a usable id, and every second song with the same id."""
    songs = parsed.rows
    problem = (
        pl.when(pl.col("id").fill_null("") == "")
        .then(pl.lit("missing id"))
        .when(pl.col("id").str.len_chars() > _MAX_ID)
        .then(pl.lit("overlong id"))
        .when(~pl.col("id").is_first_distinct())
        .then(pl.lit("duplicate id"))
    )
    marked = songs.with_columns(problem=problem)
    broken = marked.filter(pl.col("problem").is_not_null())
    rejects = _rejects(source, parsed.bad)
    if broken.height:
        rejects = pl.concat([rejects, song_rejects(source, broken)]).sort("line", maintain_order=True)
        songs = marked.filter(pl.col("problem").is_null()).drop("problem")
    return Rows(parsed.records, songs, rejects)


def song_rejects(source: Source, songs: pl.DataFrame) -> pl.DataFrame:
    """Rejects for parsed songs, with their category in ``problem``."""
    reasons = {
        "missing id": "the id is empty",
        "overlong id": f"the id is longer than {_MAX_ID} characters",
        "duplicate id": "an earlier row has the same id",
    }
    raw = pl.concat_str(pl.col("id", "chords").fill_null(""), separator=",").str.slice(0, _RAW_SHOWN)
    return songs.select(
        source=pl.lit(str(source.path)),
        line="line",
        stage=pl.lit("read"),
        category="problem",
        reason=pl.col("problem").replace_strict(reasons, return_dtype=pl.String),
        raw=raw,
    )


def _rejects(source: Source, rows: list[tuple[int, str, str, str]]) -> pl.DataFrame:
    return pl.DataFrame(
        [
            (str(source.path), line, "read", category, reason, raw[:_RAW_SHOWN])
            for line, category, reason, raw in rows
        ],
        schema=REJECT_SCHEMA,
        orient="row",
    )
