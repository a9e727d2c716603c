"""Values of columns as the text that a user sees of them, as DuckDB shows it; lists of texts as one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl
import pyarrow as pa

if TYPE_CHECKING:
    from numpy.typing import NDArray

_UUID: Final = r"^(.{8})(.{4})(.{4})(.{4})(.{12})$"
_FRACTION: Final = r"\.?0+$"


def separator(role: str) -> str:
    """Give what stands between the texts of a list: blanks between chords, else what is between genres."""
    return " " if role == "chords" else "; "


def joined(role: str, value: Any) -> Any:
    """Join a list of texts, such as chords one by one, to the text of a column; anything else as it is.

    Examples
    --------
    >>> joined("chords", ["C", "G7"]), joined("genres", ["rock", "pop"]), joined("chords", 7)
    ('C G7', 'rock; pop', 7)
    """
    if isinstance(value, list) and all(isinstance(part, str) for part in value):
        return separator(role).join(value)
    return value


def is_text_list(kind: pa.DataType) -> bool:
    """Whether a column holds lists of texts."""
    lists = (pa.ListType, pa.LargeListType, pa.FixedSizeListType)
    return isinstance(kind, lists) and kind.value_type in (pa.string(), pa.large_string())


def as_column(role: str, column: pa.ChunkedArray) -> pl.Series:
    """Give the values of a column of songs as text, lists of texts as :func:`joined` does."""
    if not is_text_list(column.type):
        return as_text(column)
    lists = _frame(column)
    lists = lists.arr.to_list() if isinstance(lists.dtype, pl.Array) else lists
    return lists.list.join(separator(role))


def as_text(column: pa.ChunkedArray) -> pl.Series:
    """Give values as text; lists and structures stay, bytes that are not UTF-8 become null."""
    if isinstance(column.type, pa.BaseExtensionType):
        storage = pa.chunked_array([chunk.storage for chunk in column.chunks], column.type.storage_type)
        if column.type.extension_name == "arrow.uuid":
            digits = _frame(storage).bin.encode("hex")
            return digits.str.replace(_UUID, "${1}-${2}-${3}-${4}-${5}")
        return as_text(storage)
    if pa.types.is_decimal256(column.type):
        return _frame(column.cast(pa.large_string()))
    return _texts(_frame(column))


def _texts(values: pl.Series) -> pl.Series:
    if values.dtype.is_nested():
        return values
    if values.dtype == pl.Binary:
        return _decoded(values)
    if isinstance(values.dtype, pl.Datetime):
        return _moment(values, "%Y-%m-%d %H:%M:%S", zone="+00" if values.dtype.time_zone else "")
    if isinstance(values.dtype, pl.Duration):
        return _span(values)
    return _moment(values, "%H:%M:%S") if values.dtype == pl.Time else values.cast(pl.String)


def is_unreadable(column: pa.ChunkedArray, texts: pl.Series) -> NDArray[np.bool_]:
    """Mark values that were there and have no text."""
    if texts.null_count() == column.null_count:
        return np.zeros(len(texts), np.bool_)
    broken = pl.Series(column.is_valid().to_numpy()) & texts.is_null()
    return broken.to_numpy()


def _frame(column: pa.ChunkedArray) -> pl.Series:
    return pl.DataFrame(pa.table({"": column})).to_series()


def _moment(values: pl.Series, form: str, zone: str = "") -> pl.Series:
    """Write times with as much of a fraction as they have."""
    whole = values.dt.strftime(form)
    fraction = values.dt.strftime("%.9f").str.replace(_FRACTION, "")
    return whole + fraction + zone


def _span(values: pl.Series) -> pl.Series:
    """Write durations in hours, minutes and seconds, with as much of a fraction as they have."""
    microseconds = pl.col("span").abs()
    seconds = microseconds // 1_000_000
    parts = [seconds // 3600, seconds // 60 % 60, seconds % 60]
    fraction = "." + (microseconds % 1_000_000).cast(pl.String).str.zfill(6)
    text = pl.concat_str(
        pl.when(pl.col("span") < 0).then(pl.lit("-")).otherwise(pl.lit("")),
        pl.concat_str([part.cast(pl.String).str.zfill(2) for part in parts], separator=":"),
        fraction.str.replace(_FRACTION, ""),
    )
    return pl.DataFrame({"span": values.dt.total_microseconds()}).select(text).to_series()


def _decoded(column: pl.Series) -> pl.Series:
    """Read bytes as UTF-8; null where they are not."""
    try:
        return column.cast(pl.String)
    except pl.exceptions.ComputeError:
        texts = [value.decode() if value is not None and _is_utf8(value) else None for value in column]
        return pl.Series(column.name, texts, dtype=pl.String)


def _is_utf8(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True
