"""Say what a data3 build would do, without doing it."""

from __future__ import annotations

import shutil
import time
from typing import TYPE_CHECKING, Final

from etl.chords.analysis import analyse
from etl.exports.data3 import LineBuffer, write_data3
from etl.pipelines.data3.build import is_stored
from etl.runtime.errors import EtlError
from etl.runtime.progress import duration
from etl.sources.chords.files import read_blocks
from etl.sources.chords.rows import limited, parse_block
from etl.store.database import read_store

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import polars as pl

    from etl.pipelines.data3.build import Data3Build
    from etl.sources.chords.files import Source

_SAMPLE_ROWS: Final = 2000
_EFFICIENCY: Final = 0.8  # of each further thread, roughly
_STORE_FACTOR: Final = 1.5  # time with a store over time without one, roughly


def estimate(request: Data3Build) -> str:
    """Look at the inputs, time a sample of the first one, and write nothing.

    Raises
    ------
    EtlError
        If an input cannot be read, or an output would overwrite one.
    """
    sources = request.open_inputs()
    request.check_targets()
    lines = [f"would read {source.path} ({_size(source.size_bytes)})" for source in sources]
    if request.limit:
        lines.append(f"  at most {request.limit:,} rows")
    if request.force or not request.database:
        is_known = False
    else:
        is_known, remark = _look_up(request, request.database, sources)
        lines.append(remark)
    lines += [
        f"would {'replace' if target.exists() else 'write'} {target}"
        for target in (request.output, request.npz)
        if target
    ]
    if request.database and not is_known:
        lines.append(
            f"would {'add to' if request.database.exists() else 'make'} the store {request.database}"
        )
    return "\n".join([*lines, *_forecast(request, sources, is_known=is_known), "nothing was written"])


def _look_up(request: Data3Build, database: Path, sources: Sequence[Source]) -> tuple[bool, str]:
    if not database.exists():
        return False, f"there is no store at {database} yet"
    try:
        with read_store(database) as connection:
            if is_stored(connection, request, sources):
                return True, f"{database} has the harmony of these files; --force would analyse again"
    except EtlError as error:
        return False, f"cannot look into {database}: {error.args[0]}"
    return False, f"{database} does not have the harmony of these files with these options"


def _csv_bytes(request: Data3Build, songs: pl.DataFrame) -> int:
    """Analyse songs and format them."""
    harmony = analyse(songs, method=request.method, statistics=bool(request.database or request.npz))
    return len(write_data3(harmony.songs, harmony.vocabulary, harmony.numerals.texts, LineBuffer()))


def _forecast(request: Data3Build, sources: Sequence[Source], *, is_known: bool) -> list[str]:
    """Songs, seconds and room, from the first rows."""
    block = next(limited(read_blocks(sources), _SAMPLE_ROWS), None)
    if block is None:
        return ["the first file has no rows"]
    _csv_bytes(request, parse_block(block).songs.head(1))  # what is done once is not timed
    started = time.perf_counter()
    rows = parse_block(block)
    written = _csv_bytes(request, rows.songs)
    seconds = time.perf_counter() - started
    read = len(block.data) if isinstance(block.data, bytearray) else block.bytes_read
    total = sum(_plain_size(source) for source in sources)
    songs = round(rows.records * total / max(read, 1))
    songs = min(songs, request.limit or songs)
    share = songs / max(rows.records, 1)
    threads = 1 + (request.workers - 1) * _EFFICIENCY
    spent = seconds * share / threads * (_STORE_FACTOR if request.database else 1.0)
    room = round(written * share)
    lines = [
        f"about {songs:,} rows and {_size(room)} of CSV, estimated from the first {rows.records:,} rows",
        f"about {duration(spent)} with {request.workers} threads"
        + (" (less from the store)" if is_known else "")
        + (f"; {rows.rejects.height:,} rows of the sample would be rejected" if rows.rejects.height else ""),
    ]
    folder = next(parent for parent in request.output.resolve().parents if parent.exists())
    free = shutil.disk_usage(folder).free
    if free < room:
        lines.append(f"the disk of {request.output} has only {_size(free)} free")
    return lines


_EXPANSION: Final = {"gzip": 4.5, "zstd": 4.5, "bz2": 6.0}  # of chord CSVs, roughly


def _plain_size(source: Source) -> float:
    return source.size_bytes * _EXPANSION.get(source.compression or "", 1.0)


def _size(count: float) -> str:
    for unit in ("bytes", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"
