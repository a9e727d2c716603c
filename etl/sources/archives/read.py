"""Read MIDI files out of archives, in memory, whatever the archive claims about itself.

Nothing is ever extracted to disk. Sizes are counted on the bytes that really come out, so that a small
archive that swells (a bomb) is dropped when it passes the caps, not after.
"""

from __future__ import annotations

import bz2
import gzip
import io
import itertools
import lzma
import re
import stat
import tarfile
import zipfile
import zlib
from dataclasses import replace
from typing import IO, TYPE_CHECKING, Any, Final, cast

from etl.midi.encodings import Encoding, find_encoding
from etl.midi.text import decode_text
from etl.runtime.limits import LIMITS, ArchiveLimits
from etl.sources.archives.limits import (
    MIDI_ENDINGS,
    SEPARATOR,
    Budget,
    CapError,
    DamageError,
    Member,
    Refusal,
    archive_kind,
    is_archive_name,
    is_wanted,
    no_archive,
    not_read,
    too_large,
    unsafe_name,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

_TAR_BLOCK = 512
_UTF_8: Final = 0x800  # a flag of members of zips: their names are
_DECLARED: Final = Encoding("utf-8", is_guess=False)
_READ_ERRORS: Final = (
    OSError, EOFError, zlib.error, lzma.LZMAError, tarfile.TarError, zipfile.BadZipFile,
    NotImplementedError, RuntimeError, ValueError, IndexError, KeyError, TypeError, AttributeError,
)  # fmt: skip


_DECOMPRESSORS: Final[dict[str, Any]] = {
    "gzip": lambda stream: gzip.GzipFile(fileobj=stream),
    "bzip2": bz2.BZ2File,
    "xz": lzma.LZMAFile,
}


def read_archive(
    stream: IO[bytes], path: str, size: int, *, limits: ArchiveLimits = LIMITS.archives
) -> Iterator[Member | Refusal]:
    """Read the MIDI files in an archive and in the archives inside it.

    Parameters
    ----------
    stream
        The archive, seekable.
    path
        Its path, for the members' paths.
    size
        Its size on disk, bytes.
    limits
        What may come out of it.

    Yields
    ------
    Member or Refusal
        In the order of the archive. Damage, caps and encryption are refusals, never errors; what was read
        before them stands. Members of one name are kept apart by a number in their paths.
    """
    taken: dict[str, int] = {}
    for found in _read(stream, path, Budget(limits, size), depth=1):
        yield _distinct(found, taken) if isinstance(found, Member) else found


def _distinct(member: Member, taken: dict[str, int]) -> Member:
    """Give a member a path of its own: ``a.zip!loops/(2)/x.mid`` for the second ``a.zip!loops/x.mid``.

    ``taken`` holds the paths, and the last number that was given for each.
    """
    path, number = member.path, taken.get(member.path, 0)
    while path in taken:
        number += 1
        path = f"{member.path.removesuffix(member.name)}({number})/{member.name}"
    taken[member.path] = max(number, 1)
    taken.setdefault(path, 1)
    return member if path == member.path else replace(member, path=path)


def _read(stream: IO[bytes], path: str, budget: Budget, depth: int) -> Iterator[Member | Refusal]:
    if depth > budget.limits.depth:
        yield Refusal(path, "nested", f"archives nested deeper than {budget.limits.depth}")
        return
    kind = archive_kind(stream.read(_TAR_BLOCK))
    if kind is None and zipfile.is_zipfile(stream):  # one that unpacks itself
        kind = "zip"
    stream.seek(0)
    reader = {"zip": _read_zip, "7z": _read_7z, "rar": _read_rar}.get(kind or "", _read_stream)
    try:
        yield from reader(stream, path, budget, depth)
    except CapError as error:
        if depth > 1:
            raise
        yield Refusal(path, "cap", str(error))
    except MemoryError:
        yield Refusal(path, "cap", "it does not fit into memory")
    except _READ_ERRORS as error:
        yield Refusal(path, "damaged", _reason(error))


def _reason(error: Exception) -> str:
    """Say what was wrong with an archive or a member."""
    text = str(error) if isinstance(error, DamageError) else f"{type(error).__name__}: {error}"
    return text[:300]


def _member(
    name: str,
    content: bytes | None,
    path: str,
    budget: Budget,
    depth: int,
    *,
    encoding: Encoding | None = None,
) -> Iterator[Member | Refusal]:
    """Hand over one member that was read, or go into it; None is one that passed the size cap."""
    whole = f"{path}{SEPARATOR}{name}"
    if content is None:
        yield too_large(whole, budget.limits)
    elif archive_kind(content[:_TAR_BLOCK]):
        yield from _read(io.BytesIO(content), whole, budget, depth + 1)
    elif name.lower().endswith(MIDI_ENDINGS) or content[:4] == b"MThd":
        yield Member(whole, content, re.split(r"[\\/]", name)[-1], encoding)
    elif refusal := not_read(whole):
        yield refusal
    elif is_archive_name(name):
        yield no_archive(whole, content[:_TAR_BLOCK])


def _limited_read(stream: Any, budget: Budget) -> bytes | None:
    """Read a member whole; None if it is larger than the cap. Whatever came out is counted."""
    content = cast("bytes", stream.read(budget.limits.member_bytes + 1))
    budget.take(len(content))
    return content if len(content) <= budget.limits.member_bytes else None


def _read_zip(stream: IO[bytes], path: str, budget: Budget, depth: int) -> Iterator[Member | Refusal]:
    with zipfile.ZipFile(stream) as archive:
        entries = archive.infolist()
        encoding = find_encoding(map(_raw_name, itertools.islice(entries, budget.limits.members)))
        for info in entries:
            budget.count_member()
            name = info.orig_filename
            if not info.flag_bits & _UTF_8:
                name = decode_text(_raw_name(info), encoding.name) if "\0" not in name else name
            if info.is_dir():
                continue
            if refusal := _refused_entry(info, name, path):
                yield refusal
                continue
            if depth == 1:
                budget.consumed = (budget.consumed or 0) + info.compress_size
            try:
                with archive.open(info) as member:
                    if not is_wanted(name):
                        head = member.read(_TAR_BLOCK)
                        budget.take(len(head))
                        if head[:4] != b"MThd" and not archive_kind(head):
                            continue
                        member.seek(0)
                    content = _limited_read(member, budget)
            except _READ_ERRORS as error:
                yield Refusal(f"{path}{SEPARATOR}{name}", "damaged", _reason(error))
                continue
            in_utf_8 = _DECLARED if info.flag_bits & _UTF_8 else encoding
            yield from _member(name, content, path, budget, depth, encoding=in_utf_8)


def _raw_name(info: zipfile.ZipInfo) -> bytes:
    """Give a member's name as it is in the zip; nothing where the zip says that it is UTF-8."""
    return b"" if info.flag_bits & _UTF_8 else info.orig_filename.encode("cp437", "replace")


def _refused_entry(info: zipfile.ZipInfo, name: str, path: str) -> Refusal | None:
    """Say why a member of a zip is not even opened."""
    whole = f"{path}{SEPARATOR}{name}".replace("\0", "\\0")
    problem = "it is a link" if stat.S_ISLNK(info.external_attr >> 16) else unsafe_name(name)
    if problem:
        return Refusal(whole, "unsafe", problem)
    if info.flag_bits & 1:
        return Refusal(whole, "encrypted", "encrypted members are not supported")
    return None


class _Counted(io.RawIOBase):
    """A stream that counts what comes out of it against a budget; ``source`` is what it is unpacked from."""

    def __init__(self, stream: IO[bytes], budget: Budget, source: IO[bytes] | None) -> None:
        self._stream = stream
        self._budget = budget
        self._source = source

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        content = self._stream.read(len(buffer))
        if self._source is not None:
            self._budget.consumed = self._source.tell()
        self._budget.take(len(content))
        buffer[: len(content)] = content
        return len(content)


def _read_stream(stream: IO[bytes], path: str, budget: Budget, depth: int) -> Iterator[Member | Refusal]:
    """Read a tar, plain or compressed, or a single compressed file."""
    kind = archive_kind(stream.read(_TAR_BLOCK))
    stream.seek(0)
    plain = cast("IO[bytes]", _DECOMPRESSORS.get(kind or "", lambda plain: plain)(stream))
    counted = io.BufferedReader(_Counted(plain, budget, stream if depth == 1 else None), 1 << 16)
    if archive_kind(counted.peek(_TAR_BLOCK)[:_TAR_BLOCK]) != "tar":
        name = re.sub(r"(?i)\.(gz|bz2|xz)$", "", re.split(rf"[\\/{SEPARATOR}]", path)[-1])
        content = counted.read(budget.limits.member_bytes + 1)
        is_whole = len(content) <= budget.limits.member_bytes
        yield from _member(name, content if is_whole else None, path, budget, depth)
        return
    with tarfile.open(fileobj=counted, mode="r|", encoding="utf-8", errors="surrogateescape") as archive:
        for info in archive:
            budget.count_member()
            raw = info.name.encode("utf-8", "surrogateescape")
            encoding = find_encoding([raw])
            name = decode_text(raw, encoding.name)
            whole = f"{path}{SEPARATOR}{name}"
            problem = unsafe_name(name)
            if info.isdir():
                continue
            if not info.isreg():
                problem = "it is a link or a device"
            if problem:
                yield Refusal(whole, "unsafe", problem)
            elif info.size > budget.limits.member_bytes:
                yield too_large(whole, budget.limits)
            elif (member := archive.extractfile(info)) is not None:
                yield from _member(name, member.read(), path, budget, depth, encoding=encoding)


def _read_7z(stream: IO[bytes], path: str, budget: Budget, depth: int) -> Iterator[Member | Refusal]:
    from etl.sources.archives.sevenzip import read_7z  # noqa: PLC0415 - a tenth of a second, for 7z only

    yield from _members(read_7z(stream, path, budget), path, budget, depth)


def _read_rar(stream: IO[bytes], path: str, budget: Budget, depth: int) -> Iterator[Member | Refusal]:
    from etl.sources.archives.rar import read_rar  # noqa: PLC0415 - for rar only

    yield from _members(read_rar(stream, path, budget), path, budget, depth)


def _members(
    entries: Iterator[Refusal | tuple[str, bytes | None]], path: str, budget: Budget, depth: int
) -> Iterator[Member | Refusal]:
    for entry in entries:
        if isinstance(entry, Refusal):
            yield entry
        else:
            yield from _member(*entry, path, budget, depth)
