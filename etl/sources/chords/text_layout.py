"""How a text file of songs is laid out: its encoding, what stands between fields, its header."""

from __future__ import annotations

import csv
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa

from etl.sources.chords.columns import bad_data, known_headers
from etl.sources.chords.json_songs import sample_keys
from etl.sources.chords.streams import compression_of, open_stream

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

BOM: Final = b"\xef\xbb\xbf"
EXPECTED: Final = "Expected a CSV with a header line, JSON lines, or Parquet."

_MAX_HEADER: Final = 1 << 20
_PIECE: Final = 8192
_DELIMITERS: Final = ",\t;|"


def text_layout(path: Path, name: str, wanted: Sequence[str], chosen: Mapping[str, str]) -> dict[str, Any]:
    """Look at the first lines of a text file; gives ``kind``, ``compression``, ``columns`` and the like.

    Raises
    ------
    EtlError
        If it is damaged, or no table of text in UTF-8.
    """
    with path.open("rb") as file:
        compression = compression_of(file.read(4))
    with path.open("rb") as file, open_stream(file, compression) as stream:
        try:
            head = read_head(stream)
            if _is_json(head):
                head += stream.read(max(_MAX_HEADER - len(head), 0))
        except (pa.ArrowException, OSError) as error:
            raise bad_data(f"{name} is a broken {compression} file: {error}", "Download it again.") from error
    _check_encoding(name, head)
    layout: dict[str, Any] = {"compression": compression}
    if _is_json(head):
        return {**layout, "kind": "json", "columns": sample_keys(name, head)}
    lines = 1
    first, _, rest = head.partition(b"\n")
    delimiters = _declared_delimiter(first) or _DELIMITERS
    if len(delimiters) == 1:
        lines, first = 2, rest.partition(b"\n")[0]

    header = _header_text(name, path.name, first.rstrip(b"\r"))
    columns, delimiter = _csv_columns(
        name, header, delimiters, partial(known_headers, wanted=wanted, chosen=chosen)
    )
    return {**layout, "kind": "csv", "columns": columns, "delimiter": delimiter, "header_lines": lines}


def _is_json(head: bytes) -> bool:
    return head.removeprefix(BOM).lstrip().startswith((b"{", b"["))


def _check_encoding(name: str, head: bytes) -> None:
    """Refuse what is no text, or not in UTF-8."""
    wide = head[:4] in {b"\xff\xfe\0\0", b"\0\0\xfe\xff"} or head[:4].count(0) == 3
    if wide:
        raise bad_data(f"{name} is UTF-32.", "Save it as UTF-8, for example with `iconv -f utf-32 -t utf-8`.")
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise bad_data(f"{name} is UTF-16.", "Save it as UTF-8, for example with `iconv -f utf-16 -t utf-8`.")
    if b"\0" in head.partition(b"\n")[0] or head.startswith(b"PK\x03\x04"):
        raise bad_data(f"{name} is binary, not CSV.", EXPECTED)


def _declared_delimiter(first_line: bytes) -> str:
    """Read what spreadsheets write above the header: ``sep=;``."""
    line = first_line.removeprefix(BOM).rstrip(b"\r").strip(b'"')
    is_one = len(line) == len(b"sep=;") and line[:4].lower() == b"sep="
    return line[4:].decode() if is_one and line.isascii() and not line[4:].isalnum() else ""


def _header_text(name: str, file_name: str, header: bytes) -> str:
    header = header.removeprefix(BOM)
    if b"\r" in header:
        raise bad_data(
            f"the lines of {name} end in carriage returns (old Mac).",
            f"Convert it: tr '\\r' '\\n' < {file_name} > converted.csv",
        )
    if not header.strip():
        raise bad_data(f"{name} has no header line.", "Expected a CSV whose first line names the columns.")
    try:
        return header.decode("utf-8")
    except UnicodeDecodeError as error:
        raise bad_data(
            f"the header of {name} is not UTF-8.",
            f"Convert it, for example: iconv -f cp1252 -t utf-8 {file_name} > converted.csv",
        ) from error


def _csv_columns(
    name: str, header: str, delimiters: str, known: Callable[[tuple[str, ...]], int]
) -> tuple[tuple[str, ...], str]:
    """Read the header; gives the columns, and the delimiter with which most of them are known."""
    splits: list[tuple[tuple[str, ...], str]] = []
    problem: csv.Error | None = None
    for delimiter in delimiters:
        try:
            splits.append((tuple(next(csv.reader([header], delimiter=delimiter, strict=True))), delimiter))
        except csv.Error as error:
            problem = problem or error
    if not splits:
        raise bad_data(f"the header of {name} cannot be read: {problem}.", "Is it a CSV?") from problem

    def merit(split: tuple[tuple[str, ...], str]) -> tuple[int, bool, int]:
        columns, delimiter = split
        return known(columns), delimiter == "," and len(columns) > 1, len(columns)

    return max(splits, key=merit)  # the first of equals: a comma


def read_head(stream: Any, lines: int = 1) -> bytes:
    """Read so many lines and somewhat more, in small pieces."""
    head = b""
    while head.count(b"\n") < max(lines, 2) and len(head) < _MAX_HEADER:
        piece = stream.read(_PIECE)
        if not piece:
            break
        head += piece
    return head
