"""Cut chord song files into blocks of whole records: CSV (plain, gzip, zstd, bz2) and Parquet."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from stat import S_ISDIR, S_ISREG
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from etl.runtime.errors import EtlError
from etl.sources.chords.records import count_line_ends, last_boundary

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

BLOCK_BYTES: Final = 4 << 20
PARQUET_ROWS: Final = 8192
_MAX_HEADER: Final = 1 << 20
_MAX_RECORD: Final = 256 << 20  # bytes without the end of a record, after which a file is given up
_PIECE: Final = 8192  # compressed files are read in small pieces, for a damaged one loses the last piece

_COMPRESSIONS: Final = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd", b"BZh": "bz2"}


@dataclass(frozen=True)
class Source:
    """One input file.

    Attributes
    ----------
    path
        The file.
    columns
        Its column names in file order.
    wanted
        Those of them that are read.
    kind
        ``csv`` or ``parquet``.
    compression
        ``gzip``, ``zstd``, ``bz2`` or None.
    size_bytes, mtime_ns
        As on disk.
    """

    path: Path
    columns: tuple[str, ...]
    wanted: tuple[str, ...]
    kind: str
    compression: str | None
    size_bytes: int
    mtime_ns: int

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
            kind = "a folder" if S_ISDIR(stat.st_mode) else "no regular file"
            raise EtlError(f"{path} is {kind}.", f"Pass files, or a quoted glob such as '{path}/*.csv'.")
        with path.open("rb") as file:
            magic = file.read(4)
    except OSError as error:
        raise EtlError(
            f"cannot read {path}: {error.strerror}.", "Check the path and its permissions."
        ) from error
    if not magic:
        raise EtlError(f"{path} is empty.", "Expected a CSV with a header line, or Parquet.")
    if magic == b"PAR1":
        kind, compression, columns = "parquet", None, _parquet_columns(path, wanted)
    else:
        kind = "csv"
        compression = next((name for head, name in _COMPRESSIONS.items() if magic.startswith(head)), None)
        columns = _csv_columns(path, compression)
    missing = [name for name in wanted if name not in columns]
    if missing:
        names = ", ".join(f"`{name}`" for name in missing)
        raise EtlError(
            f"{path} has no column {names}.",
            f"It has: {', '.join(columns)[:400]}. Rename or add columns (they may be empty) so that it has: "
            f"{', '.join(wanted)}.",
        )
    duplicated = sorted({name for name in columns if columns.count(name) > 1 and name in wanted})
    if duplicated:
        raise EtlError(f"{path} has the column `{duplicated[0]}` twice.", "Remove or rename one of them.")
    return Source(path, columns, tuple(wanted), kind, compression, stat.st_size, stat.st_mtime_ns)


def _parquet_columns(path: Path, wanted: Sequence[str]) -> tuple[str, ...]:
    try:
        schema = pq.read_schema(path)
    except (pa.ArrowException, OSError) as error:
        raise EtlError(f"{path} is a broken Parquet file: {error}", "Fetch or write it again.") from error
    for field in schema:
        if field.name in wanted and pa.types.is_nested(field.type):
            raise EtlError(
                f"the column `{field.name}` of {path} has the type {field.type}.",
                "Write it as text; chords are one string of tokens with spaces between.",
            )
    return tuple(schema.names)


def _csv_columns(path: Path, compression: str | None) -> tuple[str, ...]:
    with path.open("rb") as file, _open_stream(file, compression) as stream:
        try:
            head = _read_header(stream)
        except (pa.ArrowException, OSError) as error:
            raise EtlError(f"{path} is a broken {compression} file: {error}", "Fetch it again.") from error
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise EtlError(f"{path} is UTF-16.", "Save it as UTF-8, for example with `iconv -f utf-16 -t utf-8`.")
    header = head.removeprefix(b"\xef\xbb\xbf").partition(b"\n")[0].rstrip(b"\r")
    if b"\0" in header or head.startswith(b"PK\x03\x04"):
        raise EtlError(f"{path} is binary, not CSV.", "Expected a CSV with a header line, or Parquet.")
    if b"\r" in header:
        raise EtlError(
            f"the lines of {path} end in carriage returns (old Mac).",
            f"Convert it: tr '\\r' '\\n' < {path.name} > converted.csv",
        )
    if not header.strip():
        raise EtlError(f"{path} has no header line.", "Expected a CSV whose first line names the columns.")
    try:
        text = header.decode("utf-8")
        columns = tuple(next(csv.reader([text], strict=True)))
    except UnicodeDecodeError as error:
        raise EtlError(f"the header of {path} is not UTF-8.", "Save the file as UTF-8 CSV.") from error
    except csv.Error as error:
        raise EtlError(f"the header of {path} cannot be read: {error}.", "Is it a CSV?") from error
    if len(columns) == 1 and any(delimiter in text for delimiter in "\t;|"):
        raise EtlError(
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


def read_blocks(sources: Sequence[Source]) -> Iterator[Block]:
    """Cut sources into blocks, in order.

    A damaged end of a compressed file ends in a block that says so.
    """
    for source in sources:
        yield from _parquet_blocks(source) if source.kind == "parquet" else _csv_blocks(source)


def _csv_blocks(source: Source) -> Iterator[Block]:
    with source.path.open("rb", buffering=0) as file, _open_stream(file, source.compression) as stream:
        rest = _read_header(stream).partition(b"\n")[2]
        line, position = 2, 0
        while True:
            data = bytearray(len(rest) + BLOCK_BYTES)
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
            if not damage and len(rest) > _MAX_RECORD:
                damage = f"no line end in {_MAX_RECORD:,} bytes"
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


def _parquet_blocks(source: Source) -> Iterator[Block]:
    row = 1
    try:
        with pq.ParquetFile(source.path) as file:
            total = max(file.metadata.num_rows, 1)
            for batch in file.iter_batches(PARQUET_ROWS, columns=list(source.wanted)):
                yield Block(source, row, pa.table(batch), round(source.size_bytes * batch.num_rows / total))
                row += batch.num_rows
    except (pa.ArrowException, OSError) as error:
        yield _damaged(source, row, str(error))
