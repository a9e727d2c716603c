"""Scan folders for audio: what is new, changed, moved or gone, and the tags of what is new."""

from __future__ import annotations

import time
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import polars as pl

from etl.pipelines.audio.difference import Difference, ScanOptions, compare
from etl.runtime.disk.hashing import text_hash
from etl.runtime.work.crew import crew
from etl.sources.audio.containers import SUFFIXES, ending
from etl.sources.audio.files import FILE_SCHEMA
from etl.sources.audio.payload import Payload
from etl.sources.audio.tag_frames import tag_values, tags_frame
from etl.sources.audio.tags import TAG_VERSION, not_read
from etl.store.library import known_files, mark_files, move_files, paths_without_audio, put_files
from etl.store.roots import known_roots, put_roots
from etl.store.runs import record_rejects

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping, Sequence
    from pathlib import Path
    from typing import Any

    from etl.runtime.watch.progress import Watch
    from etl.store.bursts import BurstWriter

TAG_READER: Final = "etl.sources.audio.tags"
_READ: Final = f"{TAG_READER}:read_all"
_PORTION: Final = 50
"""Files that are read in one go."""

_WORTH_PROCESSES: Final = 2000
"""Files from which on several processes read: they start in about the time that one needs for these."""

_BATCH_SECONDS: Final = 1.0
"""Tags are put into the store at least so often, so that a slow disk does not hold back what is read."""


@dataclass
class ScanResult:
    """What a scan found, or would find, in files.

    Attributes
    ----------
    unchanged, new, changed, moved, gone, returned
        Files by how they differ from what the store had; those that returned are as they were.
    reread
        Unchanged files whose tags an earlier version of the reader has read.
    tracks
        Of the files that were read, those that are tracks.
    rejected
        Files and folders that could not be looked at, or are not what they should be.
    left_out
        Of all files known now, those that are no audio, by the ending of their names, most frequent first.
    links
        Links to folders that were not followed.
    """

    unchanged: int = 0
    new: int = 0
    changed: int = 0
    moved: int = 0
    gone: int = 0
    returned: int = 0
    reread: int = 0
    tracks: int = 0
    rejected: int = 0
    left_out: dict[str, int] = field(default_factory=dict)
    links: tuple[str, ...] = ()


def scan(
    store: BurstWriter,
    watch: Watch,
    sources: Sequence[Path],
    options: ScanOptions = ScanOptions(),  # noqa: B008 -- it is frozen
    *,
    most_at_once: int = 1000,
    workers: int = 1,
    preload: Sequence[str] = (TAG_READER,),
    on_new: Callable[[], None] | None = None,
) -> ScanResult:
    """Bring the inventory up to date with folders or inventory files.

    Parameters
    ----------
    store
        What is found goes there as it is read.
    watch
        Its stage ``scan`` counts files.
    sources, options
        As in :func:`etl.pipelines.audio.difference.compare`.
    most_at_once
        Files whose tags are put into the store together, at most.
    workers
        Processes that read tags, where there are many files to read.
    preload
        Modules that a later stage wants in its processes, which come from the same server.
    on_new
        Called before any tags are read, if there are files whose sound may be new.

    Returns
    -------
    ScanResult
        Counts.

    Raises
    ------
    EtlError
        As :func:`etl.pipelines.audio.difference.compare`; then nothing is changed.
    """
    with watch.timed("scan"):
        with store.reading() as connection:
            known, remembered = known_files(connection), known_roots(connection)
        watch.waiting_for("the list of files")
        difference = compare(known, remembered, sources, options)
        watch.waiting_for(None)
        if on_new is not None and _has_new_sound(difference.fresh):
            on_new()
        _put_difference(store, difference)
        result = count(difference)
        ids = dict(known.select("path", "track_id").iter_rows())
        for old, path in difference.moves.select("old_path", "path").iter_rows():
            ids[path] = ids.pop(old)
        fresh = difference.fresh.with_columns(_track_ids(ids, difference.fresh["path"]))
        watch.total("scan", fresh.height)
        with closing(_read(fresh, most_at_once, workers, preload)) as read:
            for files, tags in read:
                tracks, refused = put_tagged(store, files, tags)
                result.tracks += tracks
                result.rejected += refused
                watch.advance("scan", done=files.height, errors=refused)
        _put_places(store, difference)  # before the store is read, so that both take one burst
        with store.reading() as connection:
            result.left_out = dict(Counter(map(ending, paths_without_audio(connection))).most_common())
    counted = (result.unchanged, result.new, result.changed, result.moved, result.returned, result.reread)
    store.run.items_in += sum(counted)
    return result


def count(difference: Difference) -> ScanResult:
    """Count what a scan would do."""
    fresh = difference.fresh
    return ScanResult(
        unchanged=difference.unchanged,
        new=fresh.filter("is_new", ~pl.col("is_moved")).height,
        changed=fresh.filter(~(pl.col("is_new") | pl.col("is_same"))).height,
        moved=difference.moves.height,
        gone=len(difference.gone),
        returned=len(difference.returned),
        reread=fresh.filter("is_same", ~pl.col("is_new")).height,
        rejected=difference.problems.height,
        links=difference.links,
    )


def _has_new_sound(fresh: pl.DataFrame) -> bool:
    """Whether there are files that by their names are audio, and whose sound may be new."""
    unknown = fresh.filter(pl.col("content_hash").is_null())
    return any(ending(path) in SUFFIXES for path in unknown["path"])


def _put_difference(store: BurstWriter, difference: Difference) -> None:
    writes = []
    if difference.moves.height:
        writes.append(move_files(difference.moves.drop("track_id")))
    if len(difference.gone) or len(difference.returned):
        writes.append(mark_files(gone=difference.gone, returned=difference.returned))
    if difference.problems.height:
        writes.append(record_rejects(store.run, _rejects(difference.problems, "unreadable")))
    if writes:
        store.put(*writes)


def _put_places(store: BurstWriter, difference: Difference) -> None:
    for link in difference.links:
        store.run.tell(f"scan: {link}: a link to a folder, not followed; see --follow-links")
    if difference.places.height:
        store.put(put_roots(difference.places))


def _track_ids(known: Mapping[str, str], paths: pl.Series) -> pl.Series:
    """Give each file its identity: the one it has, else a hash of its path.

    A file that was moved keeps the identity of its first place; what appears there later gets another.
    """
    taken = set(known.values())
    ids = []
    for path in paths:
        track_id = known.get(path) or text_hash(path)
        while path not in known and track_id in taken:
            track_id = text_hash(f"{track_id} {path}")
        ids.append(track_id)
    return pl.Series("track_id", ids, dtype=pl.String)


def _read(
    fresh: pl.DataFrame, most: int, workers: int, preload: Sequence[str]
) -> Generator[tuple[pl.DataFrame, list[tuple[Any, ...]]]]:
    """Read tags, and give them with their files, a limited number of files or seconds at a time.

    A file that was changed, and whose sound is what it was, keeps its hash.
    """
    first = 0
    tags: list[tuple[tuple[Any, ...], bool]] = []
    due = time.monotonic() + _BATCH_SECONDS
    sounds = zip(*(fresh[name] for name in ("path", "former_hash", "former_bytes")), strict=True)
    files = [(path, Payload(known, size) if size else None) for path, known, size in sounds]
    portions = [files[start : start + _PORTION] for start in range(0, len(files), _PORTION)]
    if len(files) < _WORTH_PROCESSES or workers < 2:
        workers = 0
    with crew(workers=workers, preload=preload) as members:
        for outcome in members.map(
            _READ,
            portions,
            in_flight=4 * max(workers, 1),
            divide=lambda portion: [[file] for file in portion],
        ):
            if outcome.problem is not None and outcome.problem.is_lost:
                tags += [(not_read(path, outcome.problem.text), False) for path, _ in outcome.item]
            else:
                tags += outcome.unwrap()
            if len(tags) >= most or time.monotonic() >= due:
                yield _recognised(fresh.slice(first, len(tags)), tags)
                first, tags = first + len(tags), []
                due = time.monotonic() + _BATCH_SECONDS
    if tags:
        yield _recognised(fresh.slice(first), tags)


def _recognised(
    files: pl.DataFrame, read: list[tuple[tuple[Any, ...], bool]]
) -> tuple[pl.DataFrame, list[tuple[Any, ...]]]:
    """Give the hash of the sound to files that have still the same."""
    is_same = pl.Series([is_same for _, is_same in read])
    known = {"content_hash": "former_hash", "audio_bytes": "former_bytes"}
    files = files.with_columns(
        **{name: pl.when(is_same).then(former).otherwise(name) for name, former in known.items()}
    )
    return files, [row for row, _ in read]


def put_tagged(store: BurstWriter, batch: pl.DataFrame, read: list[tuple[Any, ...]]) -> tuple[int, int]:
    """Put files and their tags into the store; give how many are tracks, and how many are refused."""
    tags = tags_frame(read).with_columns(batch["track_id"])
    files = batch.select(*FILE_SCHEMA, "content_hash", "audio_bytes").with_columns(
        tags["track_id"], tags["kind"], tags["problem"], tag_version=pl.lit(TAG_VERSION)
    )
    is_track = pl.col("kind").is_not_null() & pl.col("problem").is_null()
    tracks = tags.filter(is_track).drop("kind", "problem")
    refused = files.filter(pl.col("problem").is_not_null() & (pl.col("problem") != "no audio"))
    values = tag_values(read, tags["track_id"]).join(tracks, on="track_id", how="semi", maintain_order="left")
    writes = [put_files(files, tracks, values)]
    if refused.height:
        writes.append(record_rejects(store.run, _rejects(refused, "tags")))
    store.put(*writes, items=batch.height)
    return tracks.height, refused.height


def _rejects(files: pl.DataFrame, category: str) -> pl.DataFrame:
    return files.select(source="path", stage=pl.lit("scan"), category=pl.lit(category), reason="problem")
