"""What is in a Parquet file, told by its values, whatever their compression, encoding and row groups."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from etl.sources.chords.streams import Content

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_ROWS: Final = 8192  # to decode at once
_ARE_BYTES: Final = (
    pa.types.is_string,
    pa.types.is_large_string,
    pa.types.is_binary,
    pa.types.is_large_binary,
    pa.types.is_fixed_size_binary,
)


def hash_values(path: Path) -> Content:
    """Hash the values of all columns as text, and the names of the columns.

    Parameters
    ----------
    path
        A Parquet file.

    Returns
    -------
    Content
        ``size_bytes`` are those of the values; it begins with no other content.

    Raises
    ------
    OSError, pa.ArrowException
        If the file cannot be read to its end.
    """
    with pq.ParquetFile(path) as file:
        names = file.schema_arrow.names
        digests = [hashlib.blake2b(digest_size=16) for _ in range(2 * len(names))]
        size = 0
        for batch in file.iter_batches(_ROWS):
            for at, column in enumerate(batch.columns):
                for digest, data in zip(digests[2 * at :], _lengths_and_bytes(column), strict=False):
                    digest.update(data)
                    size += len(data)
    whole = hashlib.blake2b(repr(names).encode(), digest_size=16)
    for digest in digests:
        whole.update(digest.digest())
    return Content(whole.hexdigest(), size, {})


def _lengths_and_bytes(column: pa.Array) -> Iterator[memoryview]:
    """Give the length of each value in bytes, -1 for null, and all of them joined."""
    values = _as_bytes(column)
    lengths = pc.fill_null(pc.binary_length(values), -1)
    yield _piece(lengths.buffers()[1], 8 * lengths.offset, 8 * len(lengths))
    _, offsets, data = values.buffers()
    first, last = (int.from_bytes(offsets[8 * at : 8 * at + 8], "little") for at in _ends(values))
    yield _piece(data, first, last - first)


def _as_bytes(column: pa.Array) -> pa.Array:
    if isinstance(column, pa.ExtensionArray):
        column = column.storage
    if isinstance(column, pa.DictionaryArray):
        column = column.dictionary_decode()
    if not any(are_bytes(column.type) for are_bytes in _ARE_BYTES):
        try:
            column = pc.cast(column, pa.large_string())
        except pa.ArrowNotImplementedError:  # nested, or a duration
            texts = [None if value is None else repr(value) for value in column.to_pylist()]
            column = pa.array(texts, pa.large_string())
    return pc.cast(column, pa.large_binary())


def _ends(values: pa.Array) -> tuple[int, int]:
    return values.offset, values.offset + len(values)


def _piece(data: Any, start: int, size: int) -> memoryview:
    return memoryview(b"") if data is None else memoryview(data)[start : start + size]
