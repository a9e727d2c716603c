"""One batch of MIDI files, from bytes to frames: what each worker process does.

A file is read and parsed once, whatever is wanted of it. What goes into the library is written to the
incoming folder under its content hash; the main process gives it its name.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Final

import polars as pl

from etl.midi.analysis import analyze
from etl.midi.categories import categorize
from etl.midi.names import with_name_figures
from etl.midi.reader import read_files
from etl.midi.split import split_file
from etl.midi.tags import find_tags
from etl.pipelines.midi_archives import LARGEST_MEMBER, SEPARATOR

if TYPE_CHECKING:
    from collections.abc import Iterable

    from etl.midi.batch import MidiBatch

INCOMING: Final = ".incoming"
MOST_PARTS: Final = 512

_FILE_COLUMNS: Final = ("sha256", "valid", "format", "division", "tracks", "repairs")


@dataclass(frozen=True, slots=True)
class Entry:
    """A MIDI file to read: from ``location`` on disk, or ``blob`` if it came out of an archive."""

    path: str
    location: str | None
    size: int
    mtime_ns: int
    blob: bytes | None = None


@dataclass(frozen=True, slots=True)
class Task:
    """A batch of files and what is wanted of them."""

    entries: tuple[Entry, ...]
    incoming: Path | None
    split: bool
    archives: tuple[tuple[str, str], ...] = ()


@dataclass(slots=True)
class Result:
    """What a batch gives: frames keyed by ``sha256``."""

    count: int
    paths: pl.DataFrame
    files: pl.DataFrame
    analysis: pl.DataFrame
    parts: pl.DataFrame
    tags: pl.DataFrame
    split: pl.DataFrame
    rejects: pl.DataFrame
    archives: tuple[tuple[str, str], ...] = ()


REJECTS: Final = {"path": pl.String, "category": pl.String, "reason": pl.String}
SPLIT: Final = {"sha256": pl.String, "track": pl.Int32, "channel": pl.Int16, "suffix": pl.String}


def process(task: Task) -> Result:
    """Read, hash, parse, analyse and, if wanted, copy and split a batch of files.

    Where a batch fails its halves are tried, down to the file that is to blame, which is rejected. Failures
    to write are not a file's fault and are raised.
    """
    try:
        return _process(task)
    except OSError:
        raise
    except Exception as error:  # noqa: BLE001 - one bad file must not stop a run
        if len(task.entries) > 1:
            half = len(task.entries) // 2
            early = process(replace(task, entries=task.entries[:half], archives=()))
            return _merged(early, process(replace(task, entries=task.entries[half:])))
        result = _process(replace(task, entries=()))
        failure = (task.entries[0].path, "failed", f"{type(error).__name__}: {error}"[:300])
        result.rejects = pl.DataFrame([failure], schema=REJECTS, orient="row")
        result.count = 1
        return result


def _merged(early: Result, late: Result) -> Result:
    frames = ("paths", "files", "analysis", "parts", "tags", "split", "rejects")
    joined = {name: pl.concat([getattr(early, name), getattr(late, name)]) for name in frames}
    return Result(count=early.count + late.count, archives=early.archives + late.archives, **joined)


def _process(task: Task) -> Result:
    rejects: list[tuple[str, str, str]] = []
    rows: list[tuple[str, str | None, int, int, str]] = []
    blobs: dict[str, bytes] = {}
    for entry in task.entries:
        try:
            blob = _content(entry)
        except OSError as error:
            rejects.append((entry.path, "unreadable", error.strerror or str(error)))
            continue
        digest = hashlib.sha256(blob).hexdigest()
        blobs[digest] = blob
        rows.append((entry.path, entry.location, len(blob), entry.mtime_ns, digest))
    schema = {
        "path": pl.String, "location": pl.String, "size_bytes": pl.Int64, "mtime_ns": pl.Int64,
        "sha256": pl.String,
    }  # fmt: skip
    paths = pl.DataFrame(rows, schema=schema, orient="row")
    stems = [PurePath(row[0].rsplit(SEPARATOR, 1)[-1]).stem for row in rows]
    named = with_name_figures(paths.lazy().with_columns(stem=pl.Series(stems, dtype=pl.String))).collect()
    digests = list(blobs)
    batch = read_files(list(blobs.values()), keep_all=task.split)
    analysis = analyze(batch)
    keys = pl.DataFrame(
        {"file": range(len(digests)), "sha256": digests}, schema={"file": pl.Int32, "sha256": pl.String}
    )
    firsts = named.unique("sha256", keep="first", maintain_order=True)
    names = keys.join(firsts, on="sha256", maintain_order="left").select(
        "file", "stem", folder=pl.col("path").str.replace(r"[^/\\]*$", "")
    )
    tags = find_tags(names, analysis.files, analysis.parts)
    full = analysis.files.join(categorize(analysis.files, tags), on="file", maintain_order="left").join(
        keys, on="file", maintain_order="left"
    )
    reason = pl.when(~pl.col("valid")).then(
        pl.when(pl.col("size_bytes") == 0)
        .then(pl.lit("empty file"))
        .otherwise(pl.lit("no MThd in the first 64 KB"))
    )
    sizes = pl.Series([len(blob) for blob in blobs.values()], dtype=pl.Int64)
    files = full.select(*_FILE_COLUMNS, size_bytes=sizes).with_columns(reason=reason)
    unreadable = files.filter(~pl.col("valid")).join(paths, on="sha256", maintain_order="left")
    rejects += [(path, "not MIDI", why) for path, why in unreadable.select("path", "reason").rows()]
    valid = set(files.filter("valid")["sha256"])
    split = pl.DataFrame(schema=SPLIT)
    if task.incoming:
        for digest, blob in blobs.items():
            if digest in valid:
                _write(task.incoming / digest, blob)
        if task.split:
            split = _split(batch, analysis.parts, digests, task.incoming)
    return Result(
        count=len(task.entries),
        paths=named.drop("stem"),
        files=files,
        analysis=full.filter("valid").drop("file", "valid", "format", "division", "tracks", "repairs"),
        parts=analysis.parts.join(keys, on="file", maintain_order="left").drop("file"),
        tags=tags.join(keys, on="file", maintain_order="left").drop("file"),
        split=split,
        rejects=pl.DataFrame(rejects, schema=REJECTS, orient="row"),
        archives=task.archives,
    )


def _content(entry: Entry) -> bytes:
    if entry.blob is not None:
        return entry.blob
    with open(entry.location or "", "rb") as file:  # noqa: PTH123 - names that are no UTF-8 need no detour
        content = file.read(LARGEST_MEMBER + 1)
    if len(content) > LARGEST_MEMBER:
        raise OSError(0, f"grew to more than {LARGEST_MEMBER >> 20} MB")
    return content


def _write(target: Path, blob: bytes) -> None:
    """Write a file under its hash; renamed into place whole, so that the name vouches for the content."""
    temporary = target.with_name(f"{target.name}.{os.getpid()}.tmp")
    temporary.write_bytes(blob)
    temporary.replace(target)


def _split(batch: MidiBatch, parts: pl.DataFrame, digests: list[str], incoming: Path) -> pl.DataFrame:
    """Write the parts of every file that has several, but not absurdly many."""
    rows = []
    several = parts.filter(pl.len().over("file").is_between(2, MOST_PARTS)).select(
        "file", "track", "channel", "program", "drum_score"
    )
    for (file,), group in several.group_by("file", maintain_order=True):
        number = int(str(file))
        for part in split_file(batch, number, group.drop("file").rows()):
            _write(incoming / part_key(digests[number], part.track, part.channel), part.blob)
            rows.append((digests[number], part.track, part.channel, part.suffix))
    return pl.DataFrame(rows, schema=SPLIT, orient="row")


def part_key(digest: str, track: int, channel: int) -> str:
    """Name of a part in the incoming folder."""
    return f"{digest}.{track}.{channel}"


def sweep(incoming: Path, keep: Iterable[str] = ()) -> None:
    """Remove what an earlier, killed run left in the incoming folder."""
    kept = set(keep)
    if incoming.is_dir():
        for file in incoming.iterdir():
            if file.name not in kept:
                file.unlink()
