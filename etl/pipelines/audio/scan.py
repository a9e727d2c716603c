"""Scan folders for audio: what is new, changed, moved or gone, and the tags of what is new."""

from __future__ import annotations

import os
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import polars as pl

from etl.runtime.disk.hashing import content_hash, text_hash
from etl.sources.audio.containers import ending
from etl.sources.audio.files import FILE_SCHEMA, FoundFiles, find_files, located
from etl.sources.audio.tags import read_tags, tags_frame
from etl.store.library import (
    known_files,
    mark_gone,
    move_files,
    paths_without_audio,
    put_files,
    track_ids,
)
from etl.store.runs import record_rejects

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path
    from typing import Any

    from etl.runtime.watch.progress import Watch
    from etl.store.bursts import BurstWriter

_BATCH_SECONDS: Final = 1.0
"""Tags are put into the store at least so often, so that a slow disk does not hold back what is read."""


@dataclass
class ScanResult:
    """What a scan found, or would find, in files.

    Attributes
    ----------
    unchanged, new, changed, moved, gone
        Files by how they differ from what the store had.
    tracks
        Of the files that were read, those that are tracks.
    rejected
        Files and folders that could not be looked at, or are not what they should be.
    left_out
        Of all files known now, those that are no audio, by the ending of their names, most frequent first.
    """

    unchanged: int = 0
    new: int = 0
    changed: int = 0
    moved: int = 0
    gone: int = 0
    tracks: int = 0
    rejected: int = 0
    left_out: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Difference:
    """How the disk differs from the store.

    Attributes
    ----------
    unchanged
        How many files are as the store knows them.
    fresh
        Files whose tags are to be read: `FILE_SCHEMA`, and ``is_new``.
    moves
        ``old_path``, ``path`` and ``mtime_ns`` of files that only changed their place.
    gone
        Paths that are no more.
    problems
        Rejects: what could not be listed, or is not as an inventory says.
    """

    unchanged: int
    fresh: pl.DataFrame
    moves: pl.DataFrame
    gone: pl.Series
    problems: pl.DataFrame

    def counts(self) -> ScanResult:
        """Count."""
        new = int(self.fresh["is_new"].sum())
        return ScanResult(
            unchanged=self.unchanged,
            new=new,
            changed=self.fresh.height - new,
            moved=self.moves.height,
            gone=len(self.gone),
            rejected=self.problems.height,
        )


def scan(
    store: BurstWriter,
    watch: Watch,
    sources: Sequence[Path],
    *,
    force: bool = False,
    limit: int | None = None,
    most_at_once: int = 1000,
) -> ScanResult:
    """Bring the inventory up to date with folders or inventory files.

    Parameters
    ----------
    store
        What is found goes there as it is read.
    watch
        Its stage ``scan`` counts files.
    sources, force, limit
        As in :func:`compare`.
    most_at_once
        Files whose tags are put into the store together, at most.

    Returns
    -------
    ScanResult
        Counts.
    """
    with watch.timed("scan"):
        with store.reading() as connection:
            known, ids = known_files(connection), track_ids(connection)
        watch.waiting_for("the list of files")
        difference = compare(known, sources, force=force, limit=limit)
        watch.waiting_for(None)
        _put_difference(store, difference)
        result = difference.counts()
        for old, path in difference.moves.select("old_path", "path").iter_rows():
            ids[path] = ids.pop(old)
        fresh = difference.fresh.with_columns(_track_ids(ids, difference.fresh["path"]))
        watch.total("scan", fresh.height)
        for files, tags in _read(fresh, most_at_once):
            tracks, refused = _put_tagged(store, files, tags)
            result.tracks += tracks
            result.rejected += refused
            watch.advance("scan", done=files.height, errors=refused)
        with store.reading() as connection:
            result.left_out = dict(Counter(map(ending, paths_without_audio(connection))).most_common())
    store.run.items_in += result.unchanged + result.new + result.changed + result.moved
    return result


def compare(
    known: pl.DataFrame, sources: Sequence[Path], *, force: bool = False, limit: int | None = None
) -> Difference:
    """Compare folders or inventory files with what the store knows, changing nothing.

    Parameters
    ----------
    known
        As :func:`etl.store.library.known_files` gives it.
    sources
        Folders or inventories, as in :func:`etl.sources.audio.files.find_files`.
    force
        Take unchanged files for changed ones.
    limit
        So many fresh files at most.

    Raises
    ------
    EtlError
        If a source does not exist, or is no inventory.
    """
    roots = located(sources)
    found = find_files(roots)
    facts = known.select("path", known_size="size_bytes", known_mtime="mtime_ns")
    difference = found.files.join(facts, on="path", how="left", maintain_order="left")
    same = (pl.col("size_bytes") == pl.col("known_size")) & (pl.col("mtime_ns") == pl.col("known_mtime"))
    fresh = difference if force else difference.filter(same.fill_null(value=False).not_())
    gone = _gone(known, found, roots)
    fresh = fresh.select(*FILE_SCHEMA, is_new=pl.col("known_size").is_null())
    moves = _moves(fresh.filter("is_new"), gone)
    unchanged = found.files.height - fresh.height
    fresh = fresh.join(moves, on="path", how="anti", maintain_order="left")
    problems = pl.DataFrame(found.problems, schema={"path": pl.String, "problem": pl.String}, orient="row")
    return Difference(
        unchanged=unchanged,
        fresh=fresh if limit is None else fresh.head(limit),
        moves=moves,
        gone=gone.join(moves, left_on="path", right_on="old_path", how="anti")["path"],
        problems=_rejects(problems, "unreadable"),
    )


def _gone(known: pl.DataFrame, found: FoundFiles, roots: Sequence[Path]) -> pl.DataFrame:
    """Keep the known files that should have been found and were not."""
    missing = known.join(found.files, on="path", how="anti", maintain_order="left")
    return missing.filter(
        (_is_below(roots) & _is_below(found.unlisted).not_()) | pl.col("path").is_in(found.absent)
    )


def _is_below(places: Sequence[Path]) -> pl.Expr:
    """Whether a path is one of the places or below one; of other files a scan says nothing."""
    expressions = [
        (pl.col("path") == str(place)) | pl.col("path").str.starts_with(str(place).rstrip(os.sep) + os.sep)
        for place in places
    ]
    return pl.any_horizontal(expressions) if expressions else pl.lit(value=False)


def _moves(new: pl.DataFrame, gone: pl.DataFrame) -> pl.DataFrame:
    """Pair new files with gone ones of the same content; hashes only where a size matches."""
    schema = {"old_path": pl.String, "path": pl.String, "mtime_ns": pl.Int64}
    hashed = gone.filter(pl.col("content_hash").is_not_null())
    candidates = new.join(hashed, on="size_bytes", how="semi", maintain_order="left")
    pairs: list[tuple[str, str, int]] = []
    left = {row["content_hash"]: row["path"] for row in hashed.iter_rows(named=True)}
    for row in candidates.iter_rows(named=True):
        try:
            old = left.pop(content_hash(row["path"]), None)
        except OSError:
            continue  # the tag reader will say why
        if old is not None:
            pairs.append((old, row["path"], row["mtime_ns"]))
    return pl.DataFrame(pairs, schema=schema, orient="row")


def _put_difference(store: BurstWriter, difference: Difference) -> None:
    writes = []
    if difference.moves.height:
        writes.append(move_files(difference.moves))
    if len(difference.gone):
        writes.append(mark_gone(difference.gone))
    if difference.problems.height:
        writes.append(record_rejects(store.run, difference.problems))
    if writes:
        store.put(*writes)


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


def _read(fresh: pl.DataFrame, most: int) -> Iterator[tuple[pl.DataFrame, list[tuple[Any, ...]]]]:
    """Read tags, and give them with their files, a limited number of files or seconds at a time."""
    first = 0
    tags: list[tuple[Any, ...]] = []
    due = time.monotonic() + _BATCH_SECONDS
    for path in fresh["path"]:
        tags.append(read_tags(path))
        if len(tags) >= most or time.monotonic() >= due:
            yield fresh.slice(first, len(tags)), tags
            first, tags = first + len(tags), []
            due = time.monotonic() + _BATCH_SECONDS
    if tags:
        yield fresh.slice(first), tags


def _put_tagged(store: BurstWriter, batch: pl.DataFrame, read: list[tuple[Any, ...]]) -> tuple[int, int]:
    """Put files and their tags into the store; give how many are tracks, and how many are refused."""
    tags = tags_frame(read).with_columns(batch["track_id"])
    files = batch.select(*FILE_SCHEMA).with_columns(tags["track_id"], tags["kind"], tags["problem"])
    is_track = pl.col("kind").is_not_null() & pl.col("problem").is_null()
    tracks = tags.filter(is_track).drop("kind", "problem")
    refused = files.filter(pl.col("problem").is_not_null() & (pl.col("problem") != "no audio"))
    writes = [put_files(files, tracks)]
    if refused.height:
        writes.append(record_rejects(store.run, _rejects(refused, "tags")))
    store.put(*writes, items=batch.height)
    return tracks.height, refused.height


def _rejects(files: pl.DataFrame, category: str) -> pl.DataFrame:
    return files.select(source="path", stage=pl.lit("scan"), category=pl.lit(category), reason="problem")
