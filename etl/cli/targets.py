"""Where a command is told to write: the name must not promise another format; `-` is standard output."""

from __future__ import annotations

import sys
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from etl.runtime.errors import EtlError, ExitCode

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_FORMATS: Final[Mapping[str, str]] = MappingProxyType(
    {
        ".csv": "CSV", ".tsv": "tab-separated text", ".json": "JSON", ".jsonl": "JSON lines",
        ".parquet": "Parquet", ".npz": "NPZ", ".npy": "NPY", ".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG",
        ".svg": "SVG", ".pdf": "PDF", ".html": "HTML", ".yaml": "YAML", ".xlsx": "Excel", ".duckdb": "DuckDB",
        ".db": "a database", ".m3u8": "M3U8", ".jspf": "JSPF", ".xml": "XML",
        ".gz": "gzip", ".zst": "zstd", ".bz2": "bzip2", ".xz": "xz", ".zip": "ZIP",
    }
)  # fmt: skip
"""What the endings of names say; any other ending says nothing."""

SONGS: Final[Mapping[str, str]] = MappingProxyType(
    {".csv": "etl export data3 -o", ".npz": "etl export npz -o", ".parquet": "etl export parquet -o"}
)
"""How chord songs are written in each format."""

_BINARY: Final = {".npz", ".parquet", ".png"}


def check_name(target: Path | None, *endings: str, ways: Mapping[str, str] = SONGS) -> None:
    """Refuse a name that promises another format than what is written, and binary files for a terminal.

    Parameters
    ----------
    target
        Where to write; None for what is not wanted.
    endings
        Of the formats that can be written there.
    ways
        Commands or options that write a format, by its ending; the name follows.

    Raises
    ------
    EtlError
        If the name ends like another format, or a terminal would show a binary one.
    """
    from etl.runtime.disk.targets import is_stream

    if target is None:
        return
    written = " or ".join(_FORMATS[ending] for ending in endings)
    if is_standard_output(target) and set(endings) <= _BINARY and sys.stdout.isatty():
        raise EtlError(
            f"{written} cannot be shown in a terminal.", "Pass the name of a file.", exit_code=ExitCode.USAGE
        )
    ending = target.suffix.lower()
    if is_stream(target) or ending in endings or ending not in _FORMATS:
        return
    other = f"Write {_FORMATS[ending]} with `{ways[ending]} {target}`, or end" if ending in ways else "End"
    raise EtlError(
        f"{target} would hold {written}, but its name says {_FORMATS[ending]}.",
        f"{other} the name in {' or '.join(endings)}.",
        exit_code=ExitCode.USAGE,
    )


def is_standard_output(target: Path | None) -> bool:
    """Whether a file goes to standard output, so that everything else has to be said elsewhere."""
    from etl.runtime.disk.targets import STANDARD_OUTPUT

    return target == STANDARD_OUTPUT or str(target) in {"/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"}
