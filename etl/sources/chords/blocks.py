"""Cut chord songs into blocks of whole records, in order: text (also compressed), Parquet, and tables."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from etl.runtime.limits import LIMITS, Limits
from etl.sources.chords.block_size import BlockSize
from etl.sources.chords.json_songs import array_lines
from etl.sources.chords.records import Shape, count_line_ends, count_records, last_boundary
from etl.sources.chords.streams import open_stream
from etl.sources.chords.text_layout import BOM, read_head

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from etl.sources.chords.files import Source

_PIECE: Final = 8192  # compressed files are read in small pieces, for a damaged one loses the last piece


@dataclass(frozen=True)
class Damage:
    """Why a file cannot be read on."""

    reason: str


@dataclass(frozen=True)
class Block:
    """A run of whole records of one source.

    Attributes
    ----------
    source
        Where it is from.
    first_line
        Line (Parquet: row) number of its first record, from 1.
    first_row
        How many records of the source come before it; 0 where songs have ids of their own.
    data
        Bytes of CSV without the header, or of JSON lines; a table, or why there is nothing.
    bytes_read
        Bytes of the file behind this block, for progress.
    """

    source: Source
    first_line: int
    first_row: int
    data: bytearray | pa.Table | Damage
    bytes_read: int

    @property
    def size(self) -> int:
        """Bytes that it has in memory."""
        if isinstance(self.data, Damage):
            return 0
        return len(self.data) if isinstance(self.data, bytearray) else int(self.data.nbytes)


def read_blocks(
    sources: Sequence[Source], size: BlockSize | None = None, limits: Limits = LIMITS
) -> Iterator[Block]:
    """Cut sources into blocks, in order.

    A damaged file ends in a block that says so.

    Parameters
    ----------
    sources
        What to read.
    size
        How large blocks are to be; it may change meanwhile. None is what ``limits`` begins with.
    limits
        ``parquet_rows`` and ``record_bytes``.
    """
    size = size or BlockSize(limits, in_flight=1)
    for source in sources:
        if source.table is not None:
            yield from _table_blocks(source, source.table, size, limits)
        elif source.kind == "parquet":
            yield from _parquet_blocks(source, size, limits)
        elif source.kind == "json" and _is_array(source):
            yield from _array_blocks(source, size)
        else:
            yield from _text_blocks(source, size, limits.record_bytes)


def _text_blocks(source: Source, block: BlockSize, longest_record: int) -> Iterator[Block]:
    shape = Shape.of(source)
    with source.path.open("rb", buffering=0) as file, open_stream(file, source.compression) as stream:
        rest = read_head(stream, source.header_lines)
        for _ in range(source.header_lines):
            rest = rest.partition(b"\n")[2]
        rest = rest if source.header_lines else rest.removeprefix(BOM)
        line, row, position = 1 + source.header_lines, 0, 0
        while True:
            data = bytearray(len(rest) + block.bytes)
            data[: len(rest)] = rest
            size, damage = _fill(stream, data, len(rest), in_pieces=source.compression is not None)
            is_end = size < len(data) and not damage
            del data[size:]
            cut = size if is_end else last_boundary(data, shape)
            rest = bytes(data[cut:])
            del data[cut:]
            read = file.tell()
            if cut:
                yield Block(source, line, row, data, read - position)
                line, position = line + count_line_ends(data), read
                row += 0 if source.has_ids else count_records(data, shape)
            if not damage and len(rest) > longest_record:
                damage = f"no line end in {longest_record:,} bytes"
            if damage:
                yield _damaged(source, line, damage)
            if damage or is_end:
                return


def _array_blocks(source: Source, block: BlockSize) -> Iterator[Block]:
    """Cut a JSON array into lines, one for each element; it is read whole."""
    data, row = bytearray(), 0
    begun = 0
    try:
        with source.path.open("rb") as file, open_stream(file, source.compression) as stream:
            text = stream.read().decode("utf-8", "backslashreplace")
        share = source.size_bytes / max(len(text), 1)
        for line in array_lines(text):
            data += line.encode() + b"\n"
            row += 1
            if len(data) >= block.bytes:
                yield Block(source, begun + 1, begun, data, round(len(data) * share))
                data, begun = bytearray(), row
    except (pa.ArrowException, OSError, ValueError) as error:
        yield _damaged(source, row + 1, str(error))
        return
    if data:
        yield Block(source, begun + 1, begun, data, round(len(data) * share))


def _is_array(source: Source) -> bool:
    with source.path.open("rb") as file, open_stream(file, source.compression) as stream:
        return read_head(stream).removeprefix(BOM).lstrip().startswith(b"[")


def _fill(stream: Any, data: bytearray, size: int, *, in_pieces: bool) -> tuple[int, str]:
    """Fill ``data`` from ``size`` on; gives how much it holds then, and what is wrong if it is not full."""
    view = memoryview(data)
    step = _PIECE if in_pieces else len(data)
    try:
        while size < len(data) and (read := stream.readinto(view[size : size + step])):
            size += read
    except (pa.ArrowException, OSError) as error:
        return size, str(error)
    return size, ""


def _damaged(source: Source, line: int, reason: str) -> Block:
    """Make a block without songs that carries the reason why the file ends here."""
    return Block(source, line, 0, Damage(reason), 0)


def _parquet_blocks(source: Source, size: BlockSize, limits: Limits) -> Iterator[Block]:
    row = 1
    columns = [source.columns[at] for at in (*source.found.values(), *source.others.values())]
    try:
        with pq.ParquetFile(source.path) as file:
            bytes_per_row = source.size_bytes / max(file.metadata.num_rows, 1)
            batches = file.iter_batches(limits.parquet_rows, columns=columns)
            for table in _gathered(batches, size):
                yield Block(source, row, row - 1, table, round(bytes_per_row * table.num_rows))
                row += table.num_rows
    except (pa.ArrowException, OSError) as error:
        yield _damaged(source, row, str(error))


def _table_blocks(source: Source, table: pa.Table, size: BlockSize, limits: Limits) -> Iterator[Block]:
    here = replace(source, table=None)  # blocks travel without it
    row = 1
    for part in _gathered(table.to_batches(limits.parquet_rows), size):
        yield Block(here, row, row - 1, part, part.nbytes)
        row += part.num_rows


def _gathered(batches: Iterable[pa.RecordBatch], size: BlockSize) -> Iterator[pa.Table]:
    """Put batches together to tables of the size that is wanted by then; errors come after the last table."""
    gathered: list[pa.RecordBatch] = []
    try:
        for batch in batches:
            gathered.append(batch)
            if sum(each.nbytes for each in gathered) >= size.bytes:
                yield pa.Table.from_batches(gathered)
                gathered = []
    except (pa.ArrowException, OSError):
        if gathered:
            yield pa.Table.from_batches(gathered)
        raise
    if gathered:
        yield pa.Table.from_batches(gathered)
