"""Cut chord song files into blocks of whole records: CSV (plain, gzip, zstd, bz2) and Parquet."""

from __future__ import annotations

import csv
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from etl.runtime.errors import EtlError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

_BLOCK_BYTES: Final = 4 << 20
_PARQUET_ROWS: Final = 8192
MAX_RECORD_LINES: Final = 100  # a quoted field may hold so many line breaks

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
    kind
        ``csv`` or ``parquet``.
    compression
        ``gzip``, ``zstd``, ``bz2`` or None.
    size_bytes, mtime_ns
        As on disk.
    """

    path: Path
    columns: tuple[str, ...]
    kind: str
    compression: str | None
    size_bytes: int
    mtime_ns: int

    @property
    def name(self) -> str:
        """Full path, by which the store knows the source."""
        return str(self.path.resolve())


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
    data: bytes | pa.Table | Damage
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
        with path.open("rb") as file:
            magic = file.read(4)
    except OSError as error:
        raise EtlError(
            f"cannot read {path}: {error.strerror}.", "Check the path and its permissions."
        ) from error
    if not magic:
        raise EtlError(f"{path} is empty.", "Expected a CSV with a header line, or Parquet.")
    if magic == b"PAR1":
        kind, compression, columns = "parquet", None, _parquet_columns(path)
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
    return Source(path, columns, kind, compression, stat.st_size, stat.st_mtime_ns)


def _parquet_columns(path: Path) -> tuple[str, ...]:
    try:
        return tuple(pq.read_schema(path).names)
    except (pa.ArrowException, OSError) as error:
        raise EtlError(f"{path} is a broken Parquet file: {error}", "Fetch or write it again.") from error


def _csv_columns(path: Path, compression: str | None) -> tuple[str, ...]:
    with _open_stream(path, compression) as stream:
        try:
            head = stream.read(1 << 20).partition(b"\n")[0]
        except (pa.ArrowException, OSError, EOFError) as error:
            raise EtlError(f"{path} is a broken {compression} file: {error}", "Fetch it again.") from error
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise EtlError(f"{path} is UTF-16.", "Save it as UTF-8, for example with `iconv -f utf-16 -t utf-8`.")
    if b"\0" in head:
        raise EtlError(f"{path} is binary, not CSV.", "Expected a CSV with a header line, or Parquet.")
    try:
        text = head.removeprefix(b"\xef\xbb\xbf").decode("utf-8").rstrip("\r")
    except UnicodeDecodeError as error:
        raise EtlError(f"the header of {path} is not UTF-8.", "Save the file as UTF-8 CSV.") from error
    columns = tuple(next(csv.reader([text]), []))
    if len(columns) == 1 and any(delimiter in text for delimiter in "\t;|"):
        raise EtlError(
            f"{path} is not comma separated.", f"Its header is: {text[:200]!r}. Convert it to commas."
        )
    return columns


def _open_stream(path: Path, compression: str | None) -> Any:
    return pa.input_stream(str(path), compression=compression)


def read_blocks(sources: Sequence[Source], *, limit: int | None = None) -> Iterator[Block]:
    """Cut sources into blocks, in order, up to ``limit`` records in all.

    A damaged end of a compressed file ends in a block that says so.
    """
    left = limit
    for source in sources:
        blocks = _parquet_blocks(source) if source.kind == "parquet" else _csv_blocks(source)
        for block in blocks:
            if left is None:
                yield block
                continue
            part = _first_records(block, left)
            yield part
            left -= _count_lines(part)
            if left <= 0:
                return


def _csv_blocks(source: Source) -> Iterator[Block]:
    with source.path.open("rb") as file, pa.input_stream(file, compression=source.compression) as stream:
        rest = stream.read(_BLOCK_BYTES).partition(b"\n")[2]  # without the header
        line, position = 2, 0
        while True:
            damage = None
            try:
                chunk = stream.read(_BLOCK_BYTES)
            except (pa.ArrowException, OSError) as error:
                chunk, damage = b"", error
            cut = _cut(rest) if chunk else len(rest)
            read = file.tell()
            if cut:
                yield Block(source, line, rest[:cut], read - position)
                line, position = line + rest.count(b"\n", 0, cut), read
            if damage:
                yield _damaged(source, line, damage)
            if not chunk:
                return
            rest = rest[cut:] + chunk


def _count_lines(block: Block) -> int:
    if isinstance(block.data, Damage):
        return 0
    if isinstance(block.data, bytes):
        return block.data.count(b"\n") + (not block.data.endswith(b"\n"))
    return int(block.data.num_rows)


def _first_records(block: Block, records: int) -> Block:
    """Keep the first records of a block, counted in lines, and the rest of a quoted field that is cut."""
    if isinstance(block.data, Damage) or _count_lines(block) <= records:
        return block
    if not isinstance(block.data, bytes):
        return replace(block, data=block.data.slice(0, records))
    end = 0
    for _ in range(records):
        end = block.data.index(b"\n", end) + 1
    for _ in range(MAX_RECORD_LINES):
        if block.data.count(b'"', 0, end) % 2 == 0:
            break
        end = (block.data.find(b"\n", end) + 1) or len(block.data)
    return replace(block, data=block.data[:end])


def _damaged(source: Source, line: int, error: BaseException) -> Block:
    """Make a block without songs that carries the reason why the file ends here."""
    return Block(source, line, Damage(f"the file is damaged here, the rest of it is lost: {error}"), 0)


def _cut(data: bytes) -> int:
    """Where the last whole record ends: after the last line break outside quotes."""
    end = last = data.rfind(b"\n") + 1
    for _ in range(MAX_RECORD_LINES):
        if end == 0 or data.count(b'"', 0, end) % 2 == 0:
            return end
        end = data.rfind(b"\n", 0, end - 1) + 1
    return last  # stray quotes; the block will be read line by line


def _parquet_blocks(source: Source) -> Iterator[Block]:
    row = 1
    try:
        file = pq.ParquetFile(source.path)
        total = max(file.metadata.num_rows, 1)
        for batch in file.iter_batches(_PARQUET_ROWS, columns=sorted(set(source.columns))):
            yield Block(source, row, pa.table(batch), round(source.size_bytes * batch.num_rows / total))
            row += batch.num_rows
    except (pa.ArrowException, OSError) as error:
        yield _damaged(source, row, error)
