"""Read the members of a rar archive, in a process of its own, within the caps.

References
----------
.. [1] RARLAB, "RAR 5.0 archive format", headers and flags.
.. [2] RARLAB, "RAR version 3.93, technical information": archive header flags.
"""

from __future__ import annotations

import importlib.util
import io
import json
import os
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

import etl
from etl.sources.archives.limits import (
    SEPARATOR,
    Budget,
    DamageError,
    Refusal,
    is_wanted,
    unsafe_name,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

_RAR4, _RAR5 = b"Rar!\x1a\x07\x00", b"Rar!\x1a\x07\x01\x00"
_VOLUME_4, _ENCRYPTED_4 = 0x0001, 0x0080
_MAIN_5, _ENCRYPTION_5, _VOLUME_5 = 1, 4, 0x0001
_HEAD: Final = 64
_CHILD: Final = "etl.sources.archives.rar_child"
_ABSENT: Final = "rar archives need libarchive and pip install '.[rar]'; unpack it, or repack it as zip"


def read_rar(stream: IO[bytes], path: str, budget: Budget) -> Iterator[Refusal | tuple[str, bytes | None]]:
    """Read the members that may be MIDI files or archives.

    Parameters
    ----------
    stream, path
        The archive, and its path for refusals.
    budget
        What may come out of it.

    Yields
    ------
    Refusal or tuple
        Name and content of a member, None for one that is too large.

    Raises
    ------
    CapError
        If more comes out than may.
    DamageError
        If the archive is damaged.
    """
    head = stream.read(_HEAD)
    stream.seek(0)
    if refusal := _refused(head, path):
        yield refusal
        return
    if importlib.util.find_spec("libarchive") is None:
        yield Refusal(path, "unsupported", _ABSENT)
        return
    with ExitStack() as stack:
        process = subprocess.Popen(  # noqa: S603 - this very interpreter
            [sys.executable, "-m", _CHILD, "rar5" if head.startswith(_RAR5) else "rar",
             str(budget.limits.child_bytes), str(budget.limits.child_s)],
            stdin=_descriptor(stream, stack), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            env=_environment(),
        )  # fmt: skip
        stack.callback(_end, process)
        out = process.stdout
        assert out is not None  # noqa: S101 - a pipe was asked for
        yield from _members(out, path, budget)


def _refused(head: bytes, path: str) -> Refusal | None:
    """Say what the first header tells: several volumes, or headers that are encrypted [1]_ [2]_."""
    if head.startswith(_RAR5):
        at = len(_RAR5) + 4
        values = []
        for _ in range(5):  # size, type, flags, then the archive's flags, after the extra area's size if any
            value, at = _quantity(head, at)
            values.append(value)
        _, kind, flags, *rest = values
        is_encrypted = kind == _ENCRYPTION_5
        is_volume = kind == _MAIN_5 and bool(rest[flags & 1] & _VOLUME_5)
    else:
        flags = int.from_bytes(head[10:12], "little")
        is_encrypted, is_volume = bool(flags & _ENCRYPTED_4), bool(flags & _VOLUME_4)
    if is_encrypted:
        return Refusal(path, "encrypted", "encrypted archives are not supported")
    if is_volume:
        return Refusal(path, "unsupported", "rar archives of several volumes are not supported")
    return None


def _quantity(head: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(head):
        byte = head[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            break
    return value, at


def _descriptor(stream: IO[bytes], stack: ExitStack) -> int:
    """Give the archive as a file that another process can read; one out of an archive has none yet."""
    try:
        descriptor = stream.fileno()
    except (OSError, io.UnsupportedOperation):
        file = stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 - the stack closes it
        file.write(stream.read())
        file.flush()
        descriptor = file.fileno()
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def _environment() -> dict[str, str]:
    """Let the process find this very package, and names that are not ASCII."""
    above = str(Path(etl.__file__).parents[1])
    paths = os.pathsep.join([above, *filter(None, [os.environ.get("PYTHONPATH")])])
    return {**os.environ, "PYTHONPATH": paths, "LC_ALL": "C.UTF-8"}


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    if process.stdout:
        process.stdout.close()
    process.wait()


def _members(out: IO[bytes], path: str, budget: Budget) -> Iterator[Refusal | tuple[str, bytes | None]]:
    name = ""
    content: io.BytesIO | None = None
    while record := _record(out):
        if "missing" in record:
            yield Refusal(path, "unsupported", _ABSENT)
            return
        if "error" in record:
            whole = f"{path}{SEPARATOR}{name}" if content is not None else path
            is_encrypted = "ncrypt" in record["error"]
            yield Refusal(whole, "encrypted" if is_encrypted else "damaged", record["error"][:300])
            content = None
        elif "chunk" in record:
            block = out.read(record["chunk"])
            budget.take(len(block))
            if content is not None and content.tell() <= budget.limits.member_bytes:
                content.write(block)
        elif "end" in record:
            if content is not None:
                blob = content.getvalue()
                yield name, blob if len(blob) <= budget.limits.member_bytes else None
            content = None
        elif "done" in record:
            return
        else:
            budget.count_member()
            name = record["name"]
            problem = "it is a link" if record["kind"] == "link" else unsafe_name(name)
            is_file = record["kind"] == "file"
            content = io.BytesIO() if is_file and not problem and is_wanted(name) else None
            if problem and record["kind"] != "folder":
                yield Refusal(f"{path}{SEPARATOR}{name}".replace("\0", "\\0"), "unsafe", problem)
    raise DamageError("the process that read it was killed or crashed")


def _record(out: IO[bytes]) -> dict[str, Any]:
    """Read one line; empty where the process has died."""
    line = out.readline()
    return json.loads(line) if line.endswith(b"\n") else {}
