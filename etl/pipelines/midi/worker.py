"""One batch of MIDI files, from bytes to frames: what each worker process does.

A file is read and parsed once, whatever is wanted of it. What goes into the library is written to the
incoming folder under its content hash; the main process gives it its name.
"""

from __future__ import annotations

import errno
import hashlib
import os
import time
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from etl.midi.analysis import Analysis, analyze, survey
from etl.midi.categories import categorize
from etl.midi.containers import plain_midi
from etl.midi.encodings import find_encoding
from etl.midi.file_names import with_name_figures
from etl.midi.parts import with_categories
from etl.midi.reader import read_files
from etl.midi.shingles import HASHES, signatures
from etl.midi.split import TooMuchError, split_file
from etl.midi.tags import find_tags, name_tags
from etl.midi.text import decode_text, plain_name
from etl.midi.texts import text_rows
from etl.midi.times import key_signature_rows, metre_rows, tempo_rows
from etl.pipelines.midi.before import with_evidence_of_before, without_progressions
from etl.pipelines.midi.messages import REJECTS, SPLIT, Batch, Entry, Result, Wanted, failed, part_key
from etl.sources.folders.walk import open_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from etl.midi.arrays import MidiBatch
    from etl.midi.encodings import Encoding

_REFUSED: Final = {name: kind for name, kind in REJECTS.items() if name != "path"}
_OF_FILES: Final = (
    "format", "division", "tracks", "repairs", "note_hash", "text_encoding", "text_encoding_guessed",
)  # fmt: skip
_PATHS: Final = {
    "path": pl.String, "location": pl.String, "size_bytes": pl.Int64, "mtime_ns": pl.Int64,
    "sha256": pl.String, "name": pl.String, "folder": pl.String, "archive": pl.String,
    "name_encoding": pl.String, "name_encoding_guessed": pl.Boolean,
}  # fmt: skip


@dataclass
class _Clock:
    """Seconds by stage, and the stage at hand."""

    seconds: dict[str, float] = field(default_factory=dict)
    stage: str = "import"

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        self.stage, start = stage, time.perf_counter()
        yield
        self.seconds[stage] = self.seconds.get(stage, 0.0) + time.perf_counter() - start


def process_batch(batch: Batch, wanted: Wanted) -> Result:
    """Read, hash, parse and, if wanted, analyse, copy and split a batch of files.

    Where a batch fails its halves are tried, down to the file that is to blame, which is rejected. Failures
    to write are not a file's fault and are raised.
    """
    clock = _Clock()
    try:
        return _process(batch, wanted, clock)
    except OSError:
        raise
    except Exception as error:  # noqa: BLE001 - one bad file must not stop a run
        if len(batch.entries) > 1:
            half = len(batch.entries) // 2
            early = process_batch(replace(batch, entries=batch.entries[:half]), wanted)
            return _merged(early, process_batch(replace(batch, entries=batch.entries[half:]), wanted))
        return failed(batch, clock.stage, "failed", f"{type(error).__name__}: {error}"[:300])


def _merged(early: Result, late: Result) -> Result:
    frames = ("paths", "files", "analysis", "parts", "part_analysis", "tags", "split", "rejects")
    joined = {name: pl.concat([getattr(early, name), getattr(late, name)], how="diagonal") for name in frames}
    facts = {
        name: pl.concat([frame, late.facts[name]]) if name in late.facts else frame
        for name, frame in {**late.facts, **early.facts}.items()
    }
    seconds = {
        stage: early.seconds.get(stage, 0.0) + late.seconds.get(stage, 0.0)
        for stage in {**early.seconds, **late.seconds}
    }
    return Result(seconds=seconds, facts=facts, **joined)


def _process(found: Batch, wanted: Wanted, clock: _Clock) -> Result:
    with clock("import"):
        rows, blobs, rejects = _read(found.entries, wanted)
        paths = pl.DataFrame(rows, schema=_PATHS, orient="row")
        stems = [PurePath(name).stem for name in paths["name"]]
        stemmed = paths.lazy().with_columns(stem=pl.Series(stems, dtype=pl.String))
        # The threads of the streaming engine cost more than a batch has to do.
        named = with_name_figures(stemmed).collect(engine="in-memory")
        digests = list(blobs)
        keys = pl.DataFrame(
            {"file": range(len(digests)), "sha256": digests}, schema={"file": pl.Int32, "sha256": pl.String}
        )
        batch = read_files(list(blobs.values()), keep_all=wanted.split)
        names = keys.join(named, on="sha256", maintain_order="left")
        is_first = names["file"].is_first_distinct()
        # Figures and category follow from the first place alone, not from what happens to be one batch.
        first = names.filter(is_first)
        if wanted.before:
            first = with_evidence_of_before(first, batch, wanted.before)
        counted = survey(batch, first)
        tags = find_tags(first.select("file", "stem", "folder"), counted.files, counted.parts)
        if not is_first.all():
            others = names.filter(~is_first).select("file", "stem", "folder")
            tags = pl.concat([tags, name_tags(others, counted.files)]).unique(maintain_order=True)
        sizes = pl.Series([len(blob) for blob in blobs.values()], dtype=pl.Int64)
        files = _file_rows(counted.files.join(keys, on="file", maintain_order="left"), sizes)
        unreadable = files.filter(~pl.col("valid")).join(paths, on="sha256", maintain_order="left")
        rejects += [
            (path, "import", "not MIDI", why) for path, why in unreadable.select("path", "reason").rows()
        ]
    result = Result(
        paths=named.drop("stem", "folder"),
        files=files,
        analysis=pl.DataFrame(),
        parts=counted.parts.join(keys, on="file", maintain_order="left").drop("file"),
        part_analysis=pl.DataFrame(),
        tags=tags.join(keys, on="file", maintain_order="left").drop("file"),
        split=pl.DataFrame(schema=SPLIT),
        rejects=pl.DataFrame(rejects, schema=REJECTS, orient="row"),
        seconds=clock.seconds,
        facts=_facts(batch, counted.files, keys),
    )
    if wanted.analyze:
        with clock("analyze"):
            result.analysis, result.part_analysis = _analysis_rows(batch, counted, first, tags, keys)
    if wanted.incoming:
        with clock("sanitize"):
            for digest in files.filter("valid")["sha256"]:
                _write(f"{wanted.incoming}/{digest}", plain_midi(blobs[digest]))
        if wanted.split:
            with clock("split"):
                result.split, refused = _split(batch, counted.parts, digests, wanted.incoming)
                result.rejects.extend(refused.join(paths, on="sha256").select(*REJECTS))
    return result


def _read(
    entries: Sequence[Entry], wanted: Wanted
) -> tuple[list[tuple[Any, ...]], dict[str, bytes], list[tuple[str, str, str, str]]]:
    """Read and hash files: rows of `_PATHS`, different contents by hash, rejects."""
    rows, blobs, rejects = [], {}, []
    for entry in entries:
        try:
            blob = _content(entry, wanted.member_bytes)
        except OSError as error:
            rejects.append((entry.path, "import", "unreadable", error.strerror or str(error)))
            continue
        digest = hashlib.sha256(blob).hexdigest()
        blobs[digest] = blob
        on_disk = entry.path if entry.blob is None else None
        folder = _below(entry.path.removesuffix(entry.name), wanted.roots)
        name, encoding = _name(entry)
        rows.append(
            (entry.path, on_disk, len(blob), entry.mtime_ns, digest, name, folder, entry.archive, *encoding)
        )
    return rows, blobs, rejects


def _below(path: str, roots: tuple[str, ...]) -> str:
    """Give the part of a path that is below its source."""
    return next((path[len(root) :] for root in roots if path.startswith(root)), path)


def _name(entry: Entry) -> tuple[str, Encoding]:
    """Name a file as text, in whatever encoding the name on disk is, and say which that is."""
    if entry.location is None:
        return plain_name(entry.name), entry.encoding or find_encoding([entry.name.encode()])
    raw = os.fsencode(os.path.basename(entry.location))  # noqa: PTH119 - once per file
    encoding = find_encoding([raw])
    return plain_name(decode_text(raw, encoding.name)), encoding


def _facts(batch: MidiBatch, files: pl.DataFrame, keys: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Give rows of the tables that say what files hold beside notes, and the signatures of the notes."""
    encodings = files["text_encoding"].to_list()
    ragged = {
        "midi_texts": text_rows(batch, encodings),
        "midi_tempos": tempo_rows(batch),
        "midi_metres": metre_rows(batch),
        "midi_key_signatures": key_signature_rows(batch),
    }
    numbered = {
        name: rows.with_columns(ordinal=pl.int_range(pl.len(), dtype=pl.Int32).over("file"))
        for name, rows in ragged.items()
    }
    signed = files.select(
        "file", "notes", signature=pl.Series(signatures(batch), dtype=pl.Array(pl.UInt32, HASHES))
    )
    numbered["midi_signatures"] = signed.filter(pl.col("notes") > 0)
    return {
        name: rows.join(keys, on="file", maintain_order="left").drop("file")
        for name, rows in numbered.items()
    }


def _file_rows(files: pl.DataFrame, sizes: pl.Series) -> pl.DataFrame:
    """Give rows of ``midi_files``."""
    reason = (
        pl.when("valid").then(None)
        .when(pl.col("size_bytes") == 0).then(pl.lit("empty file"))
        .otherwise(pl.lit("no MThd in the first 64 KB"))
    )  # fmt: skip
    return files.select("sha256", "valid", *_OF_FILES, size_bytes=sizes).with_columns(reason=reason)


def _analysis_rows(
    batch: MidiBatch, counted: Analysis, names: pl.DataFrame, tags: pl.DataFrame, keys: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Give rows of ``midi_analysis`` and of ``midi_parts``."""
    found = analyze(batch, counted, names)
    figures = without_progressions(found.files, names) if "is_part" in names.columns else found.files
    files = found.files.join(categorize(figures, tags), on="file", maintain_order="left")
    parts = with_categories(found.parts, files)
    columns = [name for name in parts.columns if name not in counted.parts.columns]
    return (
        files.join(keys, on="file", maintain_order="left")
        .filter("valid")
        .drop("file", "valid", "is_one_pitch", *_OF_FILES),
        parts.join(keys, on="file", maintain_order="left").select("sha256", "track", "channel", *columns),
    )


def _content(entry: Entry, most_bytes: int) -> bytes:
    if entry.blob is not None:
        return entry.blob
    with open_file(entry.location or "") as file:
        content = file.read(most_bytes + 1)
    if len(content) > most_bytes:
        raise OSError(0, f"grew to more than {most_bytes >> 20} MB")
    return content


def _write(target: str, blob: bytes | memoryview) -> None:
    """Write a file under its hash; renamed into place whole, so that the name vouches for the content."""
    temporary = f"{target}.{os.getpid()}.tmp"
    with open(temporary, "wb", buffering=0) as file:  # noqa: PTH123 - in the innermost loop
        if file.write(blob) != len(blob):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), target)
    os.replace(temporary, target)  # noqa: PTH105 - the same


def _split(
    batch: MidiBatch, parts: pl.DataFrame, digests: list[str], incoming: Path
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Write the parts of every file that has several: rows of `SPLIT`, and files with too many."""
    rows, refused = [], []
    several = parts.filter(pl.len().over("file") > 1).select(
        "file", "track", "channel", "program", "drum_score"
    )
    for (file,), group in several.group_by("file", maintain_order=True):
        number = int(str(file))
        digest = digests[number]
        try:
            found = split_file(batch, number, group.drop("file").rows())
        except TooMuchError as error:
            refused.append((digest, "split", "cap", str(error)))
            continue
        for part in found:
            _write(f"{incoming}/{part_key(digest, part.track, part.channel)}", part.blob)
            content = hashlib.sha256(part.blob).hexdigest()
            rows.append((digest, part.track, part.channel, part.suffix, content))
    return (
        pl.DataFrame(rows, schema=SPLIT, orient="row"),
        pl.DataFrame(refused, schema={"sha256": pl.String, **_REFUSED}, orient="row"),
    )
