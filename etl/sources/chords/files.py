"""Look at chord files: CSV with any delimiter, JSON lines (plain, gzip, zstd, bz2), Parquet; single songs."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from stat import S_ISDIR, S_ISREG
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from etl.runtime.errors import EtlError, ExitCode
from etl.sources.chords.columns import bad_data, check_required, find_columns, other_columns
from etl.sources.chords.parquet_content import hash_values
from etl.sources.chords.song_files import is_song_file, read_songs
from etl.sources.chords.streams import hash_content, source_name
from etl.sources.chords.text_layout import EXPECTED, text_layout
from etl.sources.chords.values import is_text_list

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

    from etl.chords.notations import Notation


@dataclass(frozen=True)
class Source:
    """One input: a file, or a table that comes of one.

    Attributes
    ----------
    path
        The file that is read; of a table, the store that it was read from.
    name
        By what the store and messages know it.
    columns
        Its column names in file order; of JSON, the keys of its first objects.
    wanted
        What is read, by the names that the program has for it.
    found
        Positions of the columns that hold it, by these names; what is not there is null.
    others
        Positions of the columns that are kept as they are, by name.
    kind
        ``csv``, ``json``, ``parquet`` or ``table``.
    compression
        ``gzip``, ``zstd``, ``bz2`` or None.
    size_bytes, mtime_ns
        As on disk; of a table, its own size and 0.
    delimiter, header_lines
        Of a CSV: what stands between fields, and the lines before the first record.
    chosen
        Headers that the user gave, by the names of ``wanted``.
    keeps_others
        Whether columns that are not known by name are kept.
    table
        The songs, of a table.
    kept
        Columns of a table that go with the songs as they are.
    notation
        What its chords are spelled in, where the kind of file says so.
    content_hash, content_bytes
        What tells its content from others, and how many bytes that is without compression; empty and 0 where
        nobody has asked.
    beginnings
        Hashes of the first bytes of the content, by their number.
    """

    path: Path
    name: str
    columns: tuple[str, ...]
    wanted: tuple[str, ...]
    found: Mapping[str, int]
    kind: str
    compression: str | None
    size_bytes: int
    mtime_ns: int
    others: Mapping[str, int] = field(default_factory=dict)
    delimiter: str = ","
    header_lines: int = 0
    chosen: Mapping[str, str] = field(default_factory=dict)
    keeps_others: bool = False
    table: pa.Table | None = field(default=None, compare=False, repr=False)
    kept: tuple[str, ...] = ()
    notation: Notation | None = None
    content_hash: str = ""
    content_bytes: int = 0
    beginnings: Mapping[int, str] = field(default_factory=dict)

    @property
    def has_ids(self) -> bool:
        """Whether songs have ids of their own; the number of the row is the id of those that have none."""
        return "id" in self.found

    @property
    def unread(self) -> tuple[str, ...]:
        """Columns that are not read."""
        read = {*self.found.values(), *self.others.values()}
        return tuple(name for at, name in enumerate(self.columns) if at not in read)


def open_source(
    path: Path,
    wanted: Sequence[str],
    *,
    required: Sequence[str] | None = None,
    chosen: Mapping[str, str] | None = None,
    keep_others: bool = False,
    name: str | None = None,
) -> Source:
    """Look at a file's first bytes and header.

    Parameters
    ----------
    path
        A regular file.
    wanted
        What is to be read; found by the headers, see :func:`~etl.sources.chords.columns.find_columns`.
    required
        Those of ``wanted`` that must be there; None for all of them.
    chosen
        Headers that the user gave, by the names of ``wanted``.
    keep_others
        Whether to keep columns that hold nothing of ``wanted``.
    name
        What to call the file; None for its full path.

    Raises
    ------
    EtlError
        If the file is missing, empty, of no known format, or lacks a required column.
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
    shown = name or str(path)
    if not magic:
        raise bad_data(f"{shown} is empty.", EXPECTED)
    if is_song_file(path):
        return _song_file(path, name or source_name(path), wanted, keep_others=keep_others)
    look = _parquet_layout if magic == b"PAR1" else text_layout
    layout = look(path, shown, wanted, chosen or {})
    columns: tuple[str, ...] = layout["columns"]
    found = find_columns(shown, columns, wanted, chosen or {})
    check_required(shown, columns, found, wanted if required is None else required)
    return Source(
        **layout,
        path=path,
        name=name or source_name(path),
        wanted=tuple(wanted),
        found=found,
        others=other_columns(columns, found.values()) if keep_others else {},
        size_bytes=stat.st_size,
        mtime_ns=stat.st_mtime_ns,
        chosen=chosen or {},
        keeps_others=keep_others,
    )


def _song_file(path: Path, name: str, wanted: Sequence[str], *, keep_others: bool) -> Source:
    """Make a table of a file that holds a song, or several; its name is the id, with numbers of several."""
    try:
        songs = read_songs(path)
    except UnicodeDecodeError as error:
        raise bad_data(f"{name} is not UTF-8.", "Convert it, for example with `iconv -t utf-8`.") from error
    if not songs:
        raise bad_data(
            f"{name} is not a chord annotation.",
            "Each line of a .lab file has a start, an end and a chord: `0.0 1.5 C:maj`.",
        )
    ids: list[str | None] = [
        path.stem if len(songs) == 1 else f"{path.stem}-{number}" for number in range(1, len(songs) + 1)
    ]
    said: dict[str, list[str | None]] = {
        "id": ids,
        "chords": [song.chords for song in songs],
        "artist": [song.artist for song in songs],
        "title": [song.title for song in songs],
    }
    values = {
        header: each for header, each in said.items() if header in wanted and each.count(None) < len(songs)
    }
    keys: list[str | None] = [song.key for song in songs]
    others = {"key": keys} if keep_others and any(keys) else {}
    stat = path.stat()
    columns = (*values, *others)
    return Source(
        path=path,
        name=name,
        columns=columns,
        wanted=tuple(wanted),
        found={header: at for at, header in enumerate(values)},
        others={header: columns.index(header) for header in others},
        kind="table",
        compression=None,
        size_bytes=stat.st_size,
        mtime_ns=stat.st_mtime_ns,
        keeps_others=keep_others,
        table=pa.table({header: pa.array(each, pa.string()) for header, each in (values | others).items()}),
        notation=songs[0].notation,
    )


def identified(source: Source, lengths: Collection[int] = ()) -> Source:
    """Read a source to its end, and tell its content by a hash.

    Parameters
    ----------
    source
        The source.
    lengths
        Sizes of contents that it may begin with.

    Raises
    ------
    EtlError
        If the file is damaged.
    """
    if source.content_hash:
        return source
    try:
        content = (
            hash_values(source.path)
            if source.kind == "parquet"
            else hash_content(source.path, source.compression, lengths)
        )
    except (pa.ArrowException, OSError) as error:
        raise damaged(source.name, str(error)) from error
    return replace(
        source, content_hash=content.hash, content_bytes=content.size_bytes, beginnings=content.beginnings
    )


def damaged(name: str, reason: str, line: int | None = None) -> EtlError:
    """Make the error of a file that cannot be read to its end, or beyond a line."""
    where = "" if line is None else f" from line {line:,} on"
    return bad_data(
        f"{name} is damaged{where}: {reason}.", "Nothing was written. Download the file, or write it, again."
    )


def _parquet_layout(
    path: Path, name: str, wanted: Sequence[str], chosen: Mapping[str, str]
) -> dict[str, Any]:
    try:
        schema = pq.read_schema(path)
    except (pa.ArrowException, OSError) as error:
        raise bad_data(f"{name} is a broken Parquet file: {error}", "Fetch or write it again.") from error
    for at in find_columns(name, schema.names, wanted, chosen).values():
        column = schema.field(at)
        if pa.types.is_nested(column.type) and not is_text_list(column.type):
            raise bad_data(
                f"the column `{column.name}` of {name} has the type {column.type}.",
                "Write it as text or as lists of texts; chords are one string of tokens with spaces between.",
            )
    return {"kind": "parquet", "compression": None, "columns": tuple(schema.names)}
