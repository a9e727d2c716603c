"""What is taken for MIDI or for an archive, what is too large, and how a refusal is told."""

from __future__ import annotations

from typing import Final, NamedTuple

LARGEST_MEMBER: Final = 32 * 2**20
LARGEST_ARCHIVE: Final = 2 * 2**30
MIDI_ENDINGS: Final = (".mid", ".midi", ".kar", ".rmi", ".smf")

_TAR_MAGIC_AT: Final = 257


class Refusal(NamedTuple):
    """A file, archive or member that is not taken, and why."""

    path: str
    category: str
    reason: str


def archive_kind(head: bytes) -> str | None:
    """Tell zip, gzip, bzip2, xz, 7z, rar or tar by the first 512 bytes; None for anything else."""
    magics = {
        b"PK\x03\x04": "zip", b"PK\x05\x06": "zip", b"\x1f\x8b": "gzip", b"BZh": "bzip2",
        b"\xfd7zXZ\x00": "xz", b"7z\xbc\xaf\x27\x1c": "7z", b"Rar!\x1a\x07": "rar",
    }  # fmt: skip
    for magic, kind in magics.items():
        if head.startswith(magic):
            return kind
    if head[_TAR_MAGIC_AT : _TAR_MAGIC_AT + 5] == b"ustar":
        return "tar"
    return None
