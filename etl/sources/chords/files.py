"""Cut chord songs into blocks of whole records: CSV (plain, gzip, zstd, bz2), Parquet, and tables."""

from __future__ import annotations

import csv
from dataclasses import dataclass, field, replace
from functools import partial
from stat import S_ISDIR, S_ISREG
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from etl.runtime.errors import EtlError, ExitCode
from etl.runtime.limits import LIMITS, Limits
from etl.sources.chords.block_size import BlockSize
from etl.sources.chords.records import count_line_ends, last_boundary

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

_MAX_HEADER: Final = 1 << 20
_PIECE: Final = 8192  # compressed files are read in small pieces, for a damaged one loses the last piece

_bad_data = partial(EtlError, exit_code=ExitCode.BAD_DATA)

_COMPRESSIONS: Final = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd", b"BZh": "bz2"}


@dataclass(frozen=True)
class Source:
    """One input: a file, or a table that comes of one.

    Attributes
    ----------
    path
        The file; of a table, the store that it was read from.
    columns
        Its column names in file order.
    wanted
        Those of them that are read.
    kind
        ``csv``, ``parquet`` or ``table``.
    compression
        ``gzip``, ``zstd``, ``bz2`` or None.
    size_bytes, mtime_ns
        As on disk; of a table, its own size and 0.
    table
        The songs, of a table.
    kept
        Columns of a table that go with the songs as they are.
    digest
        Tells contents apart where size and time do not.
    """

    path: Path
    columns: tuple[str, ...]
    wanted: tuple[str, ...]
    kind: str
    compression: str | None
    size_bytes: int
    mtime_ns: int
    table: pa.Table | None = field(default=None, compare=False, repr=False)
    kept: tuple[str, ...] = ()
    digest: str = ""

    @property
    def name(self) -> str:
        """Full path, by which the store knows the source."""
        return str(self.path.resolve())

    @property
    def unread(self) -> tuple[str, ...]:
        """Columns that are not read."""
        return tuple(name for name in self.columns if name not in self.wanted)


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
    data
        Bytes of CSV without the header, a table, or why there is nothing.
    bytes_read
        Bytes of the file behind this block, for progress.
    """

    source: Source
    first_line: int
    data: bytearray | pa.Table | Damage
    bytes_read: int

    @property
    def size(self) -> int:
        """Bytes that it has in memory."""
        if isinstance(self.data, Damage):
            return 0
        return len(self.data) if isinstance(self.data, bytearray) else int(self.data.nbytes)


def open_source(path: Path, wanted: Sequence[str]) -> Source:
    """Look at a file's first bytes and header.

    Raises
    ------
    EtlError
        If the file is missing, empty, of no known format, or lacks one of the ``wanted`` columns.
    """
    try:
        stat = path.stat()
        if not S_ISREG(stat.st_mode):
            kind = "a folder" if S_ISDIR(stat.st_mode) else "not a regular file"
            raise EtlError(
                f"{path} is {kind}.",
                f"Pass files, or a quoted glob such as '{path}/*.csv'.",
                exit_code=ExitCode.USAGE,
            )
        with path.open("rb") as file:
            magic = file.read(4)
    except OSError as error:
        raise EtlError(
            f"cannot read {path}: {error.strerror}.", "Check the path and its permissions."
        ) from error
    if not magic:
        raise _bad_data(f"{path} is empty.", "Expected a CSV with a header line, or Parquet.")
    if magic == b"PAR1":
        kind, compression, columns = "parquet", None, _parquet_columns(path, wanted)
    else:
        kind = "csv"
        compression = next((name for head, name in _COMPRESSIONS.items() if magic.startswith(head)), None)
        columns = _csv_columns(path, compression)
    missing = [name for name in wanted if name not in columns]
    if missing:
        names = ", ".join(f"`{name}`" for name in missing)
        raise _bad_data(
            f"{path} has no column {names}.",
            f"It has: {', '.join(columns)[:400]}. Rename or add columns (they may be empty) so that it has: "
            f"{', '.join(wanted)}.",
        )
    duplicated = sorted({name for name in columns if columns.count(name) > 1 and name in wanted})
    if duplicated:
        raise _bad_data(f"{path} has the column `{duplicated[0]}` twice.", "Remove or rename one of them.")
    return Source(path, columns, tuple(wanted), kind, compression, stat.st_size, stat.st_mtime_ns)


def _parquet_columns(path: Path, wanted: Sequence[str]) -> tuple[str, ...]:
    try:
        schema = pq.read_schema(path)
    except (pa.ArrowException, OSError) as error:
        raise _bad_data(f"{path} is a broken Parquet file: {error}", "Fetch or write it again.") from error
    for column in schema:
        if column.name in wanted and pa.types.is_nested(column.type):
            raise _bad_data(
                f"the column `{column.name}` of {path} has the type {column.type}.",
                "Write it as text; chords are one string of tokens with spaces between.",
            )
    return tuple(schema.names)


def _csv_columns(path: Path, compression: str | None) -> tuple[str, ...]:
    with path.open("rb") as file, _open_stream(file, compression) as stream:
        try:
            head = _read_header(stream)
        except (pa.ArrowException, OSError) as error:
            raise _bad_data(
                f"{path} is a broken {compression} file: {error}", "Download it again."
            ) from error
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise _bad_data(
            f"{path} is UTF-16.", "Save it as UTF-8, for example with `iconv -f utf-16 -t utf-8`."
        )
    header = head.removeprefix(b"\xef\xbb\xbf").partition(b"\n")[0].rstrip(b"\r")
    if b"\0" in header or head.startswith(b"PK\x03\x04"):
        raise _bad_data(f"{path} is binary, not CSV.", "Expected a CSV with a header line, or Parquet.")
    if b"\r" in header:
        raise _bad_data(
            f"the lines of {path} end in carriage returns (old Mac).",
            f"Convert it: tr '\\r' '\\n' < {path.name} > converted.csv",
        )
    if not header.strip():
        raise _bad_data(f"{path} has no header line.", "Expected a CSV whose first line names the columns.")
    try:
        text = header.decode("utf-8")
        columns = tuple(next(csv.reader([text], strict=True)))
    except UnicodeDecodeError as error:
        raise _bad_data(f"the header of {path} is not UTF-8.", "Save the file as UTF-8 CSV.") from error
    except csv.Error as error:
        raise _bad_data(f"the header of {path} cannot be read: {error}.", "Is it a CSV?") from error
    if len(columns) == 1 and any(delimiter in text for delimiter in "\t;|"):
        raise _bad_data(
            f"{path} is not comma separated.", f"Its header is: {text[:200]!r}. Convert it to commas."
        )
    return columns


def _open_stream(file: Any, compression: str | None) -> Any:
    return pa.input_stream(file, compression=compression) if compression else file


def _read_header(stream: Any) -> bytes:
    """Read up to and beyond the first line end, in small pieces."""
    head = b""
    while b"\n" not in head and len(head) < _MAX_HEADER:
        piece = stream.read(_PIECE)
        if not piece:
            break
        head += piece
    return head


def read_blocks(
    sources: Sequence[Source], size: BlockSize | None = None, limits: Limits = LIMITS
) -> Iterator[Block]:
    """Cut sources into blocks, in order.

    A damaged end of a compressed file ends in a block that says so.

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
        else:
            yield from _csv_blocks(source, size, limits.record_bytes)


def _csv_blocks(source: Source, block: BlockSize, longest_record: int) -> Iterator[Block]:
    with source.path.open("rb", buffering=0) as file, _open_stream(file, source.compression) as stream:
        rest = _read_header(stream).partition(b"\n")[2]
        line, position = 2, 0
        while True:
            data = bytearray(len(rest) + block.bytes)
            data[: len(rest)] = rest
            size, damage = _fill(stream, data, len(rest), in_pieces=source.compression is not None)
            is_end = size < len(data) and not damage
            del data[size:]
            cut = size if is_end else last_boundary(data, len(source.columns))
            rest = bytes(data[cut:])
            del data[cut:]
            read = file.tell()
            if cut:
                yield Block(source, line, data, read - position)
                line, position = line + count_line_ends(data), read
            if not damage and len(rest) > longest_record:
                damage = f"no line end in {longest_record:,} bytes"
            if damage:
                yield _damaged(source, line, damage)
            if damage or is_end:
                return


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
    suspect = ", the rows before may be wrong" if source.compression else ""  # sums come last, if at all
    text = f"the file is damaged here; the rest of it is lost{suspect}: {reason}"
    return Block(source, line, Damage(text), 0)


def _parquet_blocks(source: Source, size: BlockSize, limits: Limits) -> Iterator[Block]:
    row = 1
    try:
        with pq.ParquetFile(source.path) as file:
            bytes_per_row = source.size_bytes / max(file.metadata.num_rows, 1)
            batches = file.iter_batches(limits.parquet_rows, columns=list(source.wanted))
            for table in _gathered(batches, size):
                yield Block(source, row, table, round(bytes_per_row * table.num_rows))
                row += table.num_rows
    except (pa.ArrowException, OSError) as error:
        yield _damaged(source, row, str(error))


def _table_blocks(source: Source, table: pa.Table, size: BlockSize, limits: Limits) -> Iterator[Block]:
    here = replace(source, table=None)  # blocks travel without it
    row = 1
    for part in _gathered(table.to_batches(limits.parquet_rows), size):
        yield Block(here, row, part, part.nbytes)
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
