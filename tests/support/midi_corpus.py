"""Make a folder of different MIDI files out of the test data, for measurements and kills."""

from __future__ import annotations

import zipfile
from pathlib import Path

from tests.support.reference import has_reference, reference

DATA = Path(__file__).parents[1] / "data" / "midi"
PER_FOLDER = 500


def songs() -> list[bytes]:
    """All pop songs and drum performances at hand: the full reference set, else those of the tests."""
    if has_reference("midi/pop909") and has_reference("midi/groove"):
        pop909, groove = reference("midi/pop909"), reference("midi/groove")
        return [
            path.read_bytes() for path in (*sorted(pop909.glob("*/*.mid")), *sorted(groove.glob("*.mid")))
        ]
    found = []
    for name in ("pop909.zip", "groove.zip"):
        with zipfile.ZipFile(DATA / name) as archive:
            found += [archive.read(member) for member in archive.namelist() if member.endswith(".mid")]
    return found


def odd_files() -> list[bytes]:
    """Conformance files under 20 KB."""
    with zipfile.ZipFile(DATA / "conformance.zip") as archive:
        blobs = [archive.read(member) for member in archive.namelist()]
    return [blob for blob in blobs if len(blob) < 20_000]


def numbered(blob: bytes, number: int) -> bytes:
    """Make a file different from all others: a text meta with a number at the start of its first track."""
    at = blob.find(b"MTrk")
    if at < 0:
        return blob
    text = str(number).encode()
    meta = b"\x00\xff\x01" + bytes([len(text)]) + text
    length = int.from_bytes(blob[at + 4 : at + 8], "big") + len(meta)
    return blob[: at + 4] + length.to_bytes(4, "big") + meta + blob[at + 8 :]


def write_corpus(folder: Path, count: int) -> None:
    """Write ``count`` files: half songs and performances, half odd ones, all different."""
    sources = (songs(), odd_files())
    for number in range(count):
        kind = sources[number % 2]
        target = folder / f"{number // PER_FOLDER:04d}" / f"file_{number:06d}_{80 + number % 90}bpm.mid"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(numbered(kind[number // 2 % len(kind)], number))
