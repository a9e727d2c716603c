"""What is taken out of an archive, how much may come out of it, and how a refusal is told."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from etl.midi.encodings import Encoding
    from etl.runtime.limits import ArchiveLimits

MIDI_ENDINGS: Final = (".mid", ".midi", ".kar", ".rmi", ".smf")
NOT_READ: Final = {
    ".xmf": "an XMF container (songs with their sounds), which is not read",
    ".mxmf": "a Mobile XMF container (songs with their sounds), which is not read",
    ".xmi": "a Miles XMIDI file, whose notes have lengths in place of ends, which is not read",
    ".midi2": "a MIDI 2.0 clip of universal packets, which is not read",
}
"""Relatives of the Standard MIDI File, by their endings."""

SEPARATOR: Final = "!"
"""Between an archive's path and a member's in it."""

_ARCHIVE_ENDINGS: Final = (
    ".zip", ".tar", ".gz", ".tgz", ".bz2", ".tbz2", ".xz", ".txz", ".7z", ".rar",
)  # fmt: skip
_MARKUP: Final = re.compile(rb"(?:\xef\xbb\xbf)?\s*<(?:!doctype|html|head|body|\?xml)", re.IGNORECASE)
_DRIVE: Final = re.compile(r"^[A-Za-z]:")
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


@dataclass(frozen=True, slots=True)
class Member:
    """A MIDI file out of an archive; ``name`` is its own, without folders, read in ``encoding``."""

    path: str
    blob: bytes
    name: str
    encoding: Encoding | None = None


class CapError(Exception):
    """An archive passed a cap."""


class DamageError(RuntimeError):
    """An archive cannot be read, as its library says."""


@dataclass
class Budget:
    """What may still come out of one archive on disk, nested archives included.

    Attributes
    ----------
    limits
        What may come out of it.
    compressed
        Size of the archive on disk, bytes.
    consumed
        How much of it has been read, if that is known, bytes: a bomb is told by its first megabytes.
    bytes_out, members
        What has come out of it.
    """

    limits: ArchiveLimits
    compressed: int
    consumed: int | None = None
    bytes_out: int = 0
    members: int = 0

    def take(self, count: int) -> None:
        """Count bytes that came out; `CapError` where that is too many."""
        self.bytes_out += count
        self.check(0)

    def check(self, more: int) -> None:
        """Raise `CapError` if ``more`` bytes are too many."""
        if self.bytes_out + more > self.limits.archive_bytes:
            raise CapError(f"more than {self.limits.archive_bytes >> 30} GB come out of it")
        read = self.compressed if self.consumed is None else min(self.consumed, self.compressed)
        if self.bytes_out + more > max(self.limits.free_bytes, self.limits.ratio * read):
            raise CapError(f"it swells more than {self.limits.ratio} times")

    def count_member(self) -> None:
        """Count a member; `CapError` where there are too many."""
        self.members += 1
        if self.members > self.limits.members:
            raise CapError(f"more than {self.limits.members:,} members")


def too_large(path: str, limits: ArchiveLimits) -> Refusal:
    """Refuse a member that is larger than it may be."""
    return Refusal(path, "cap", f"larger than {limits.member_bytes >> 20} MB")


def unsafe_name(name: str) -> str | None:
    """Say why a member's name is not to be trusted; None if it is."""
    if "\0" in name:
        return "its name holds a NUL"
    parts = re.split(r"[\\/]", name)
    if not parts[0] or _DRIVE.match(name):
        return "its path is absolute"
    if ".." in parts:
        return "its path leads out of the archive"
    return None


def is_archive_name(name: str) -> bool:
    """Whether a file calls itself an archive."""
    return name.lower().endswith(_ARCHIVE_ENDINGS)


def is_wanted(name: str) -> bool:
    """Whether a member's name is that of a MIDI file, of a relative that is to be refused, or an archive."""
    return name.lower().endswith((*MIDI_ENDINGS, *NOT_READ, *_ARCHIVE_ENDINGS))


def not_read(path: str) -> Refusal | None:
    """Refuse a relative of the Standard MIDI File by the ending of its name; None for all others."""
    ending = path[path.rfind(".") :].lower()
    return Refusal(path, "unsupported", NOT_READ[ending]) if ending in NOT_READ else None


def no_archive(path: str, head: bytes) -> Refusal:
    """Say what a file is that calls itself an archive and is none, by its first bytes."""
    if not head:
        return Refusal(path, "damaged", "an archive by its name, but an empty file")
    if _MARKUP.match(head):
        return Refusal(path, "damaged", "an archive by its name, but a web page: the download failed")
    return Refusal(path, "damaged", "an archive by its name, but not by its first bytes")
