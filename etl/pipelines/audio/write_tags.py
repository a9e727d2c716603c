"""Write tempo, key and ReplayGain into the tags of files: plan, journal, then one file after the other.

A file is replaced whole, by one whose sound has the same hash. What each field had is in the journal before a
file is touched, so that it can be put back whenever the process ends.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from etl.audio.features import Mode, version_of
from etl.audio.loudness import REPLAYGAIN_LUFS
from etl.exports.audio_tags import TagError, places, read_fields, write_fields
from etl.music.keys import MAJOR_TONICS, MINOR_TONICS
from etl.pipelines.audio.retagged import Retagged
from etl.runtime.errors import EtlError, ExitCode
from etl.runtime.watch.progress import Stage, Watch
from etl.sources.audio.payload import audio_payload
from etl.store.bursts import writing
from etl.store.database import read_store
from etl.store.tag_writes import WRITES_SCHEMA, mark_tag_writes, measured_tracks, plan_tag_writes, tag_writes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from etl.runtime.watch.progress import Renderer

_R128_LUFS: Final = -23.0
_PEAK_DIGITS: Final = 6
_STAGES: Final = (Stage("read", "files"), Stage("write", "files"))


@dataclass(frozen=True)
class WriteTagsRequest:
    """What to write.

    Attributes
    ----------
    bpm, key, replaygain
        Which tags.
    where
        SQL condition over the columns of view ``library``.
    write
        Whether to do it, or only to tell what would change.
    """

    bpm: bool = False
    key: bool = False
    replaygain: bool = False
    where: str | None = None
    write: bool = False


@dataclass(frozen=True)
class TagChange:
    """A field of a file: what it has, and what it is to have."""

    path: str
    field: str
    old: list[str]
    new: list[str]


@dataclass(frozen=True)
class SkippedFile:
    """A file that was left as it is, and why."""

    path: str
    reason: str


@dataclass
class WrittenTags:
    """What was written, or would be.

    Attributes
    ----------
    changes
        Fields that differ.
    unchanged
        Files that have it all already.
    skipped
        Files that were left as they are.
    written
        Files that were written.
    run_id
        The run that did it, for `etl library undo-tags`; None if nothing was written.
    """

    changes: list[TagChange]
    unchanged: int = 0
    skipped: list[SkippedFile] = field(default_factory=list)
    written: int = 0
    run_id: int | None = None


@dataclass(frozen=True)
class UndoneTags:
    """What was taken back.

    Attributes
    ----------
    run_id
        The run that had written.
    undone
        Files that have their former values.
    skipped
        Files that do not.
    """

    run_id: int
    undone: int
    skipped: list[SkippedFile]


def write_tags(database: Path, request: WriteTagsRequest, renderers: Sequence[Renderer] = ()) -> WrittenTags:
    """Write tags, or tell what would change.

    Raises
    ------
    EtlError
        If no tag is asked for, or the condition is not one.
    """
    if not (request.bpm or request.key or request.replaygain):
        raise EtlError("no tag to write.", "Choose --bpm, --key or --replaygain.", exit_code=ExitCode.USAGE)
    with read_store(database) as connection:
        tracks = measured_tracks(connection, version_of(Mode.BEAT), request.where)
    with Watch("etl library write-tags", _STAGES, renderers) as watch:
        watch.total("read", tracks.height)
        result = _plan(tracks, request, watch)
        if request.write and result.changes:
            _carry_out(database, result, watch)
    return result


def undo_tags(database: Path, run_id: int) -> UndoneTags:
    """Give the fields that a run wrote their former values; fields that have changed since stay.

    Raises
    ------
    EtlError
        If the run wrote no tags.
    """
    with writing(database, "library undo-tags", {"run": run_id}) as store:
        with store.reading() as connection:
            writes = tag_writes(connection, run_id)
        if writes.is_empty():
            raise EtlError(
                f"run {run_id} has no tag changes to undo.",
                "`etl library write-tags` says the number of its run.",
                exit_code=ExitCode.USAGE,
            )
        retagged = Retagged(store, run_id, "undone")
        undone = 0
        skipped = []
        for path, changes in _by_file(TagChange(*row) for row in writes.iter_rows()):
            try:
                now = read_fields(Path(path))
                if any(now.get(each.field, []) not in (each.new, each.old) for each in changes):
                    raise TagError(f"{path}: its tags have changed since.")
                former = {each.field: each.old for each in changes}
                sound = None
                if any(now.get(name, []) != values for name, values in former.items()):
                    sound = write_fields(Path(path), former, sound_of=audio_payload)
                retagged.add(path, sound)
                undone += 1
            except (EtlError, OSError) as error:
                skipped.append(skipped_file(path, error))
        retagged.put()
        store.run.items_in, store.run.items_out = undone + len(skipped), undone
    return UndoneTags(run_id, undone, skipped)


def _plan(tracks: pl.DataFrame, request: WriteTagsRequest, watch: Watch) -> WrittenTags:
    result = WrittenTags([])
    for row in tracks.iter_rows(named=True):
        path = Path(row["path"])
        try:
            status = path.stat()
            if (status.st_size, status.st_mtime_ns) != (row["size_bytes"], row["mtime_ns"]):
                raise TagError(f"{path}: the file has changed since the last scan.")
            now = read_fields(path)
            wanted = tag_values(row, request, opus=row["kind"] == "opus")
        except (EtlError, OSError) as error:
            result.skipped.append(skipped_file(row["path"], error))
            continue
        finally:
            watch.advance("read", done=1)
        changes = [
            TagChange(row["path"], place, now[place], [value])
            for name, value in wanted.items()
            for place in places(now, name)
            if now[place] != [value]
        ]
        result.changes += changes
        result.unchanged += not changes
    return result


def tag_values(row: dict[str, Any], request: WriteTagsRequest, *, opus: bool) -> dict[str, str]:
    """Give the texts of the tags of a track; what is not known is not written.

    Parameters
    ----------
    row
        As of :func:`etl.store.tag_writes.measured_tracks`.
    request
        Which tags.
    opus
        Whether gains are R128's.
    """
    values = {}
    if request.bpm and row["bpm"] is not None:
        values["bpm"] = str(round(row["bpm"]))
    if request.key and row["key"] >= 0:
        values["key"] = (*MAJOR_TONICS, *(f"{tonic}m" for tonic in MINOR_TONICS))[row["key"]]
    if request.replaygain:
        for what, lufs, peak in (
            ("track", row["loudness_lufs"], row["true_peak_dbtp"]),
            ("album", row["album_lufs"], row["album_peak_dbtp"]),
        ):
            if lufs is None:
                continue
            if opus:
                values[f"r128_{what}_gain"] = str(round(256 * (_R128_LUFS - lufs)))
            else:
                values[f"replaygain_{what}_gain"] = f"{REPLAYGAIN_LUFS - lufs:.2f} dB"
                values[f"replaygain_{what}_peak"] = f"{10 ** (peak / 20):.{_PEAK_DIGITS}f}"
    return values


def _carry_out(database: Path, result: WrittenTags, watch: Watch) -> None:
    with writing(database, "library write-tags", {"changes": len(result.changes)}) as store:
        rows = [(each.path, each.field, each.old, each.new) for each in result.changes]
        store.put(plan_tag_writes(store.run.run_id, pl.DataFrame(rows, WRITES_SCHEMA, orient="row")))
        store.flush()  # it is in the journal before a file is touched
        result.run_id = store.run.run_id
        watch.total("write", len({each.path for each in result.changes}))
        retagged = Retagged(store, store.run.run_id, "done")
        for path, changes in _by_file(result.changes):
            values = {each.field: each.new for each in changes}
            try:
                retagged.add(path, write_fields(Path(path), values, sound_of=audio_payload))
            except (EtlError, OSError) as error:
                result.skipped.append(skipped_file(path, error))
                store.put(mark_tag_writes(store.run.run_id, [path], "undone"))
            else:
                result.written += 1
            watch.advance("write", done=1)
        retagged.put()
        store.run.items_in = store.run.items_out = result.written


def _by_file(changes: Iterable[TagChange]) -> Iterator[tuple[str, list[TagChange]]]:
    files: dict[str, list[TagChange]] = {}
    for change in changes:
        files.setdefault(change.path, []).append(change)
    yield from files.items()


def skipped_file(path: str, error: EtlError | OSError) -> SkippedFile:
    """Give a file and the reason why it was left as it is."""
    reason = error.strerror or str(error) if isinstance(error, OSError) else str(error).splitlines()[0]
    return SkippedFile(path, reason.removeprefix(f"{path}: "))
