"""A process that reads a rar archive with libarchive and writes its members to a pipe.

It reads untrusted bytes with a library in C: whatever becomes of it, the run that started it goes on. The
archive is standard input; the arguments are its format (``rar``, ``rar5``), and how much memory in bytes and
how many seconds of the processor it may take. What it writes is a line of JSON for each entry; where that
says ``chunk``, so many bytes follow.
"""

from __future__ import annotations

import json
import sys
from contextlib import suppress
from ctypes import c_int
from typing import IO

from etl.midi.text import decode_text
from etl.sources.archives.limits import is_wanted


def main(rar_format: str, archive_descriptor: int, out: IO[bytes]) -> None:
    """Write all members that may be MIDI files or archives, and the names of the others."""
    try:
        import libarchive  # noqa: PLC0415 - optional; also raises where the system has no libarchive
    except (ImportError, OSError, TypeError, AttributeError) as error:
        _line(out, {"missing": f"{type(error).__name__}: {error}"})
        return
    # The package does not wrap it; a stored member would come out as it is, unreadable.
    is_encrypted = libarchive.ffi.ffi("entry_is_encrypted", [libarchive.ffi.c_archive_entry_p], c_int)
    try:
        with libarchive.fd_reader(archive_descriptor, format_name=rar_format, filter_name="none") as archive:
            for entry in archive:
                name = entry.pathname
                name = decode_text(name) if isinstance(name, bytes) else name or ""
                kind = "folder" if entry.isdir else "file" if entry.isreg else "link"
                _line(out, {"name": name, "kind": kind, "size": entry.size or 0})
                if kind != "file" or not is_wanted(name):
                    continue
                if is_encrypted(entry._entry_p):  # noqa: SLF001 - the same
                    _line(out, {"error": "encrypted members are not supported"})
                    continue
                for block in entry.get_blocks():
                    _line(out, {"chunk": len(block)})
                    out.write(block)
                _line(out, {"end": True})
    except libarchive.ArchiveError as error:
        _line(out, {"error": str(error)})
    _line(out, {"done": True})


def _line(out: IO[bytes], record: dict[str, object]) -> None:
    out.write(json.dumps(record).encode() + b"\n")


def _limit(memory_bytes: int, processor_seconds: int) -> None:
    try:
        import resource  # noqa: PLC0415 - not on Windows
    except ImportError:
        return
    with suppress(ValueError, OSError):  # macOS limits no address space
        resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CPU, (processor_seconds, processor_seconds))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    _limit(*map(int, sys.argv[2:]))
    with sys.stdout.buffer as stdout:
        main(sys.argv[1], 0, stdout)
