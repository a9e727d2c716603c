"""rar archives: stored members written by hand, since nobody but its maker may write compressed ones."""

from __future__ import annotations

import importlib.util
import io
import stat
import sys
import zipfile
import zlib
from typing import TYPE_CHECKING

import psutil
import pytest

from etl.runtime.limits import LIMITS, ArchiveLimits
from etl.sources.archives.limits import Member, Refusal
from etl.sources.archives.read import read_archive

if TYPE_CHECKING:
    from pathlib import Path

MIDI = b"MThd" + bytes(range(60))


def has_libarchive() -> bool:
    """Whether the package and the system's library are there."""
    try:
        import libarchive
    except Exception:  # noqa: BLE001 - whatever is missing
        return False
    return bool(libarchive)


needs_libarchive = pytest.mark.skipif(not has_libarchive(), reason="libarchive is not installed")


def rar4(members: dict[str, bytes], *, flags: int = 0, file_flags: int = 0, mode: int = stat.S_IFREG | 0o644):
    """Write a rar archive of version 2.9."""

    def block(kind: int, flags: int, body: bytes) -> bytes:
        head = bytes([kind]) + flags.to_bytes(2, "little") + (7 + len(body)).to_bytes(2, "little") + body
        return (zlib.crc32(head) & 0xFFFF).to_bytes(2, "little") + head

    out = b"Rar!\x1a\x07\x00" + block(0x73, flags, bytes(6))
    for name, blob in members.items():
        raw = name.encode()
        body = len(blob).to_bytes(4, "little") * 2 + b"\x03" + zlib.crc32(blob).to_bytes(4, "little")
        body += (
            bytes(4) + bytes([20, 0x30]) + len(raw).to_bytes(2, "little") + mode.to_bytes(4, "little") + raw
        )
        out += block(0x74, 0x8000 | file_flags, body) + blob
    return out + block(0x7B, 0x4000, b"")


def rar5(members: dict[str, bytes], *, flags: int = 0, encrypted: bool = False) -> bytes:
    """Write a rar archive of version 5."""

    def number(value: int) -> bytes:
        out = b""
        while value > 127:
            out += bytes([value & 127 | 128])
            value >>= 7
        return out + bytes([value])

    def block(body: bytes) -> bytes:
        sized = number(len(body)) + body
        return zlib.crc32(sized).to_bytes(4, "little") + sized

    out = b"Rar!\x1a\x07\x01\x00"
    if encrypted:
        return out + block(bytes([4, 0, 0, 0, 15]) + bytes(16)) + bytes(64)
    out += block(number(1) + number(0) + number(flags))
    for name, blob in members.items():
        raw = name.encode()
        body = number(2) + number(2) + number(len(blob)) + number(4) + number(len(blob)) + number(0o100644)
        body += zlib.crc32(blob).to_bytes(4, "little") + number(0) + number(1) + number(len(raw)) + raw
        out += block(body) + blob
    return out + block(bytes([5, 0, 0]))


def read(blob: bytes, caps: ArchiveLimits = LIMITS.archives) -> tuple[dict[str, bytes], dict[str, str]]:
    """Give members and refusals by path."""
    found = list(read_archive(io.BytesIO(blob), "a.rar", len(blob), limits=caps))
    members = {entry.path: entry.blob for entry in found if isinstance(entry, Member)}
    return members, {entry.path: entry.category for entry in found if isinstance(entry, Refusal)}


@needs_libarchive
@pytest.mark.parametrize("write", [rar4, rar5])
def test_members_come_out(write):
    """MIDI members of both versions come out whole, from memory, from disk and out of another archive."""
    blob = write({"a/x.mid": MIDI, "read me.txt": b"hello", "y.MID": MIDI + b"y", "big.wav": bytes(10_000)})
    assert read(blob) == ({"a.rar!a/x.mid": MIDI, "a.rar!y.MID": MIDI + b"y"}, {})
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("in.rar", blob)
    assert set(read(packed.getvalue())[0]) == {"a.rar!in.rar!a/x.mid", "a.rar!in.rar!y.MID"}


@needs_libarchive
def test_a_rar_on_disk_is_read(tmp_path: Path):
    """The process that reads gets the file itself."""
    path = tmp_path / "a.rar"
    path.write_bytes(rar5({"ドラム.mid": MIDI}))
    with path.open("rb") as stream:
        (member,) = read_archive(stream, str(path), path.stat().st_size)
    assert isinstance(member, Member)
    assert (member.name, member.blob) == ("ドラム.mid", MIDI)


@needs_libarchive
def test_names_that_lead_out_and_links_are_refused():
    """The good member beside them is read."""
    assert read(rar4({"../evil.mid": MIDI, "good.mid": MIDI})) == (
        {"a.rar!good.mid": MIDI}, {"a.rar!../evil.mid": "unsafe"},
    )  # fmt: skip
    assert read(rar4({"link.mid": b"/etc/passwd"}, mode=stat.S_IFLNK | 0o777)) == (
        {}, {"a.rar!link.mid": "unsafe"},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("blob", "category"),
    [
        (rar4({"x.mid": MIDI}, flags=0x0001), "unsupported"),
        (rar4({"x.mid": MIDI}, flags=0x0080), "encrypted"),
        (rar5({"x.mid": MIDI}, flags=0x0001), "unsupported"),
        (rar5({}, encrypted=True), "encrypted"),
    ],
)
def test_volumes_and_encrypted_headers_are_told(blob, category):
    """What cannot be read says why, with or without libarchive."""
    assert read(blob) == ({}, {"a.rar": category})


@needs_libarchive
def test_encrypted_members_are_told():
    """A member with a password is refused as such."""
    assert read(rar4({"x.mid": MIDI}, file_flags=0x04)) == ({}, {"a.rar!x.mid": "encrypted"})


@needs_libarchive
def test_caps_hold():
    """A member over the cap is refused alone; an archive from which too much comes out, whole."""
    small = ArchiveLimits(member_bytes=1000)
    assert read(rar5({"big.mid": bytes(5000), "x.mid": MIDI}), small) == (
        {"a.rar!x.mid": MIDI}, {"a.rar!big.mid": "cap"},
    )  # fmt: skip
    smaller = ArchiveLimits(member_bytes=1000, archive_bytes=3000)
    members, refused = read(rar5({"x.mid": MIDI, "big.mid": bytes(5000)}), smaller)
    assert (members, refused) == ({"a.rar!x.mid": MIDI}, {"a.rar": "cap"})


@needs_libarchive
def test_the_reader_may_take_so_much_memory():
    """A reader that wants more than its cap costs one archive."""
    tight = ArchiveLimits(child_bytes=1 << 20)
    members, refused = read(rar5({"x.mid": MIDI}), tight)
    assert (members, set(refused)) == ({}, {"a.rar"})


@needs_libarchive
def test_damage_never_raises():
    """Cut and flipped archives give members or refusals, nothing else."""
    whole = rar5({"x.mid": MIDI * 50, "y.mid": MIDI})
    for cut in range(8, len(whole), 397):
        read(whole[:cut])
        flipped = bytearray(whole)
        flipped[cut] ^= 0xFF
        read(bytes(flipped))


def test_a_reader_that_crashes_costs_one_archive(monkeypatch):
    """The run goes on when the library in C does not."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: True)
    monkeypatch.setattr(sys, "executable", "/bin/false")
    assert read(rar5({"x.mid": MIDI})) == ({}, {"a.rar": "damaged"})


def test_without_libarchive_the_answer_says_what_to_install(monkeypatch):
    """The package is an extra; without it nothing is lost but the rar."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    (refusal,) = read_archive(io.BytesIO(rar5({})), "a.rar", 100)
    assert isinstance(refusal, Refusal)
    assert (refusal.category, ".[rar]" in refusal.reason) == ("unsupported", True)


@needs_libarchive
def test_no_process_is_left():
    """Whoever stops listening ends the reader too."""
    members = read_archive(io.BytesIO(rar5({f"{n}.mid": MIDI * 1000 for n in range(50)})), "a.rar", 1 << 20)
    next(members)
    members.close()  # type: ignore[attr-defined]
    assert not any(map(_is_reader, psutil.Process().children()))


def _is_reader(process: psutil.Process) -> bool:
    """Whether a process that lives reads an archive."""
    try:
        return "etl.sources.archives.rar_child" in process.cmdline()
    except psutil.Error:
        return False
