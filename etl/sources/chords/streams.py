"""Bytes of chord files: pipes copied to disk, compressions taken off, contents told apart by their hash."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa

from etl.runtime.errors import EtlError, ExitCode
from etl.sources.folders.walk import shown

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

STDIN: Final = Path("-")

_COMPRESSIONS: Final = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd", b"BZh": "bz2"}
_SKIPPABLE: Final = b"\x2a\x4d\x18"  # behind a byte from 0x50 to 0x5f: a frame without data, as of pzstd
_AT_ONCE: Final = 1 << 20


@dataclass(frozen=True)
class Content:
    """What tells a file's content from others, whatever its name and compression.

    Attributes
    ----------
    hash
        BLAKE2b of all bytes, 128 bits, as 32 hexadecimal digits.
    size_bytes
        How many bytes these are.
    beginnings
        Hash of the bytes up to some lengths, by length.
    """

    hash: str
    size_bytes: int
    beginnings: dict[int, str]


def source_name(path: Path) -> str:
    """Name a file as the store and messages do: its full path, or ``stdin``."""
    if path == STDIN:
        return "stdin"
    return shown(os.path.abspath(path) if is_pipe(path) else str(path.resolve()))  # noqa: PTH100 -- /dev/fd/63


def is_pipe(path: Path) -> bool:
    """Whether a path is a pipe, which can be read only once."""
    try:
        return path == STDIN or stat.S_ISFIFO(path.stat().st_mode)
    except OSError:
        return False


@contextmanager
def readable(path: Path) -> Iterator[Path]:
    """Give a file to read; what comes through standard input or a pipe is in a temporary one meanwhile.

    Raises
    ------
    EtlError
        If there is no room for it.
    """
    if not is_pipe(path):
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="music-etl-") as folder:
        copy = Path(folder) / "input"
        try:
            with copy.open("wb") as file:
                if path == STDIN:
                    shutil.copyfileobj(sys.stdin.buffer, file, _AT_ONCE)
                else:
                    with path.open("rb") as pipe:
                        shutil.copyfileobj(pipe, file, _AT_ONCE)
        except OSError as error:
            raise EtlError(
                f"cannot store the input from {source_name(path)}: {error.strerror}.",
                "Set TMPDIR to a folder with more room, or pass a file.",
                exit_code=ExitCode.CANNOT_WRITE,
            ) from error
        yield copy


def compression_of(head: bytes) -> str | None:
    """Name the compression of a file by its first four bytes; None if there is none."""
    if head[1:4] == _SKIPPABLE and head[0] >> 4 == 0x5:
        return "zstd"
    return next((name for magic, name in _COMPRESSIONS.items() if head.startswith(magic)), None)


def open_stream(file: Any, compression: str | None) -> Any:
    """Open a binary file as what is in it."""
    return pa.input_stream(file, compression=compression) if compression else file


def hash_content(path: Path, compression: str | None, lengths: Collection[int] = ()) -> Content:
    """Hash what is in a file.

    Parameters
    ----------
    path, compression
        The file.
    lengths
        Of beginnings to hash as well, in bytes.

    Raises
    ------
    OSError, pa.ArrowException
        If the file cannot be read to its end.
    """
    digest = hashlib.blake2b(digest_size=16)
    beginnings: dict[int, str] = {}
    size = 0
    ahead = sorted(lengths)
    with path.open("rb", buffering=0) as file, open_stream(file, compression) as stream:
        while piece := stream.read(_AT_ONCE):
            view = memoryview(piece)
            while ahead and ahead[0] <= size + len(view):
                cut = ahead.pop(0) - size
                digest.update(view[:cut])
                size, view = size + cut, view[cut:]
                beginnings[size] = digest.hexdigest()
            digest.update(view)
            size += len(view)
    return Content(digest.hexdigest(), size, beginnings)
