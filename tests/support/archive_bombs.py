"""Archives that swell, nest and climb, a file of 4 GB with nothing in it, and what an import makes of them.

They are imported in an empty folder; afterwards there may be nothing in and around it but the store.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import subprocess
import tarfile
import time
import zipfile
from collections import Counter
from typing import TYPE_CHECKING, Any

import duckdb
import py7zr

from tests.support.command_line import environment, etl

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

_SONG = b"MThd" + bytes([0, 0, 0, 6, 0, 0, 0, 1, 0, 96]) + b"MTrk" + bytes([0, 0, 0, 4, 0, 255, 47, 0])
_OF_THE_STORE = {"above/place/m.duckdb", "above/place/m.duckdb.log"}
_CLIMBING = ("../evil.mid", "../../evil.mid", "/tmp/evil.mid", "C:\\evil.mid", "a/../../evil.mid")  # noqa: S108


class _Zeros(io.RawIOBase):
    """So many zeros, without holding them."""

    def __init__(self, size: int) -> None:
        self._left = size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = memoryview(buffer).cast("B")  # type: ignore[arg-type]
        count = min(len(view), self._left)
        view[:count] = bytes(count)
        self._left -= count
        return count


def zipped(members: dict[str, bytes]) -> bytes:
    """Make a zip of small members."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def zeros_zip(target: Path, size: int) -> None:
    """Make a zip of one MIDI file that is all zeros."""
    with (
        zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("bomb.mid", "w", force_zip64=True) as member,
    ):
        for _ in range(size >> 20):
            member.write(bytes(1 << 20))


def make_bombs(folder: Path, size: int) -> Iterator[Path]:
    """Write each kind; ``size`` is what comes out of those that swell, bytes."""
    (folder / "nothing").mkdir()
    yield folder / "nothing"
    zeros_zip(folder / "bomb.zip", size)
    yield folder / "bomb.zip"
    zeros = folder / "zeros"
    with zeros.open("wb") as file:
        file.truncate(min(size, 1 << 30))
    filters = [{"id": py7zr.FILTER_LZMA2, "preset": 0}]
    with py7zr.SevenZipFile(folder / "bomb.7z", "w", filters=filters) as seven:
        seven.write(zeros, "bomb.mid")
    zeros.unlink()
    yield folder / "bomb.7z"
    openers: dict[str, Callable[..., object]] = {"gz": gzip.open, "bz2": bz2.open, "xz": lzma.open}
    for ending, opener in openers.items():
        options = {"preset": 0} if ending == "xz" else {"compresslevel": 1}
        with opener(folder / f"bomb.mid.{ending}", "wb", **options) as stream:  # type: ignore[attr-defined]
            for _ in range(size >> 20):
                stream.write(bytes(1 << 20))
        yield folder / f"bomb.mid.{ending}"
    with tarfile.open(folder / "bomb.tar.gz", "w:gz", compresslevel=1) as archive:
        for number in range(size >> 24):
            info = tarfile.TarInfo(f"{number}.mid")
            info.size = 1 << 24
            archive.addfile(info, io.BufferedReader(_Zeros(1 << 24)))
    yield folder / "bomb.tar.gz"
    inner = zipped({f"{number}.mid": bytes(16 << 20) for number in range(16)})
    (folder / "bombs.zip").write_bytes(zipped({f"{number}.zip": inner for number in range(16)}))
    yield folder / "bombs.zip"
    deep = zipped({"deep.mid": _SONG})
    for level in range(20):
        deep = zipped({f"{level}.zip": deep})
    (folder / "nested.zip").write_bytes(deep)
    yield folder / "nested.zip"
    (folder / "evil.zip").write_bytes(zipped(dict.fromkeys(_CLIMBING, _SONG)))
    yield folder / "evil.zip"
    with tarfile.open(folder / "evil.tar", "w") as archive:
        for name in _CLIMBING:
            info = tarfile.TarInfo(name)
            info.size = len(_SONG)
            archive.addfile(info, io.BytesIO(_SONG))
        link = tarfile.TarInfo("link.mid")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    yield folder / "evil.tar"
    with (folder / "sparse.mid").open("wb") as file:
        file.write(b"MThd")
        file.truncate(4 << 30)
    yield folder / "sparse.mid"


def refused(bombs: Sequence[Path], top: Path) -> dict[str, Any]:
    """Import them by one command in an empty folder; give what was refused of each, and what was left."""
    place = top / "above" / "place"
    place.mkdir(parents=True)
    command = etl("midi", "run", *bombs, "--db", "m.duckdb", "--library", "library")
    started = time.perf_counter()
    done = subprocess.run(command, cwd=place, env=environment(), check=False, capture_output=True)
    seconds = time.perf_counter() - started
    with duckdb.connect(str(place / "m.duckdb"), read_only=True) as connection:
        rejects = connection.execute(
            "SELECT source, category, count(*) FROM rejects GROUP BY ALL ORDER BY ALL"
        ).fetchall()
        files = connection.execute("SELECT count(*) FROM midi_files WHERE valid").fetchall()[0][0]
    reasons: dict[str, Counter[str]] = {bomb.name: Counter() for bomb in bombs}
    for source, category, count in rejects:
        (bomb,) = (each for each in bombs if f"{source}!".startswith((f"{each}!", f"{each}/")))
        reasons[bomb.name][category] += count
    left = [str(path.relative_to(top)) for path in top.rglob("*") if path.is_file()]
    return {
        "code": done.returncode,
        "seconds": round(seconds, 2),
        "refused": {name: dict(counts) for name, counts in reasons.items()},
        "taken": files,
        "written_beside_the_store": [name for name in left if name not in _OF_THE_STORE],
    }
