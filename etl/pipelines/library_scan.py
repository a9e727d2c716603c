"""Scan folders for audio: what is new, changed, moved or gone, and the tags of what is new."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import polars as pl

from etl.audio.tags import read_tags, tags_frame
from etl.runtime.errors import EtlError
from etl.runtime.hashing import content_hash, text_hash
from etl.store.database import transaction
from etl.store.library import FILE_SCHEMA, known_files, mark_gone, move_files, put_files
from etl.store.runs import Run, add_rejects

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import duckdb

    from etl.runtime.progress import Progress

_BATCH: Final = 2000


@dataclass
class ScanSummary:
    """What a scan found, in files."""

    unchanged: int = 0
    new: int = 0
    changed: int = 0
    moved: int = 0
    gone: int = 0
    tracks: int = 0
    rejected: int = 0


def scan(
    connection: duckdb.DuckDBPyConnection,
    run: Run,
    sources: Sequence[Path],
    progress: Progress,
    *,
    force: bool = False,
    limit: int | None = None,
) -> ScanSummary:
    """Bring the inventory up to date with folders or inventory files.

    Parameters
    ----------
    connection, run
        The store, open for writing, and the run that rejects belong to.
    sources
        Folders, or inventories (CSV or Parquet with ``path`` and optionally ``size`` and ``mtime``).
    progress
        Told of every batch.
    force
        Read the tags of unchanged files again.
    limit
        Read the tags of so many files at most.

    Returns
    -------
    ScanSummary
        Counts; batches of 2,000 files are committed as they are read.
    """
    roots = [source.absolute() for source in sources]
    found, problems = _found(roots)
    known = known_files(connection)
    if known.is_empty():
        difference = found.with_columns(known_size=pl.lit(None, pl.Int64), known_mtime=pl.lit(None, pl.Int64))
    else:
        facts = known.select("path", known_size="size_bytes", known_mtime="mtime_ns")
        difference = found.join(facts, on="path", how="left", maintain_order="left")
    same = (pl.col("size_bytes") == pl.col("known_size")) & (pl.col("mtime_ns") == pl.col("known_mtime"))
    fresh = difference if force else difference.filter(same.fill_null(value=False).not_())
    gone = _within(known.join(found, on="path", how="anti", maintain_order="left"), roots)
    summary = ScanSummary(unchanged=found.height - fresh.height)
    moves = _moves(fresh.filter(pl.col("known_size").is_null()), gone)
    with transaction(connection):
        if moves.height:
            move_files(connection, moves)
        lost = gone.join(moves, left_on="path", right_on="old_path", how="anti")
        if lost.height:
            mark_gone(connection, lost["path"])
        if problems.height:
            add_rejects(connection, run, problems)
    summary.moved, summary.gone = moves.height, lost.height
    summary.rejected = problems.height
    fresh = fresh.join(moves, on="path", how="anti", maintain_order="left")
    if limit is not None:
        fresh = fresh.head(limit)
    summary.new = fresh["known_size"].null_count()
    summary.changed = fresh.height - summary.new
    fresh = fresh.with_columns(_track_ids(connection, fresh["path"]))
    for batch in fresh.iter_slices(_BATCH):
        _store_batch(connection, run, batch, summary)
        progress.advance(items=batch.height, work=batch.height)
    return summary


def _track_ids(connection: duckdb.DuckDBPyConnection, paths: pl.Series) -> pl.Series:
    """Give each file its identity: the one it has, else a hash of its path.

    A file that was moved keeps the identity of its first place; what appears there later gets another.
    """
    known = dict(connection.sql("SELECT path, track_id FROM files").fetchall())
    taken = set(known.values())
    ids = []
    for path in paths:
        track_id = known.get(path) or text_hash(path)
        while path not in known and track_id in taken:
            track_id = text_hash(f"{track_id} {path}")
        ids.append(track_id)
    return pl.Series("track_id", ids, dtype=pl.String)


def _store_batch(
    connection: duckdb.DuckDBPyConnection, run: Run, batch: pl.DataFrame, summary: ScanSummary
) -> None:
    """Read the tags of a batch and commit them."""
    paths = batch["path"].to_list()
    tags = tags_frame([read_tags(path) for path in paths]).with_columns(batch["track_id"])
    files = batch.select(*FILE_SCHEMA).with_columns(tags["track_id"], tags["kind"], tags["problem"])
    is_track = pl.col("kind").is_not_null() & pl.col("problem").is_null()
    tracks = tags.filter(is_track).drop("kind", "problem")
    refused = files.filter(pl.col("problem").is_not_null() & (pl.col("problem") != "no audio"))
    with transaction(connection):
        put_files(connection, files, tracks)
        if refused.height:
            add_rejects(connection, run, _rejects(refused, "tags"))
    summary.tracks += tracks.height
    summary.rejected += refused.height


def _rejects(files: pl.DataFrame, category: str) -> pl.DataFrame:
    return files.select(
        source="path",
        line=pl.lit(None, pl.Int64),
        stage=pl.lit("scan"),
        category=pl.lit(category),
        reason="problem",
        raw=pl.lit(None, pl.String),
    )


def _found(roots: Sequence[Path]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """List all files of the sources, sorted by path, each once; and what could not be listed."""
    frames: list[pl.DataFrame] = []
    problems: list[tuple[str, str]] = []
    for root in roots:
        if root.is_dir():
            rows = list(_walk(str(root), problems))
            columns = dict(zip(FILE_SCHEMA, zip(*rows, strict=True), strict=True)) if rows else {}
            frames.append(pl.DataFrame(columns, schema=FILE_SCHEMA))
        elif root.exists():
            frames.append(_inventory(root, problems))
        else:
            raise EtlError(f"there is no {root}.", "Give folders of audio, or an inventory CSV or Parquet.")
    files = pl.concat(frames).unique("path", maintain_order=False).sort("path")
    schema = {"path": pl.String, "problem": pl.String}
    return files, _rejects(pl.DataFrame(problems, schema=schema, orient="row"), "unreadable")


def _walk(folder: str, problems: list[tuple[str, str]]) -> Iterator[tuple[str, int, int]]:
    """Yield path, size and time of the files below a folder; links to folders are not followed."""
    folders = [folder]
    while folders:
        place = folders.pop()
        try:
            with os.scandir(place) as entries:
                for entry in entries:
                    if not entry.path.isascii() and not _is_text(entry.path):
                        shown = os.fsencode(entry.path).decode("utf-8", "backslashreplace")
                        problems.append((shown, "the name is not valid UTF-8; rename it"))
                    elif entry.is_dir(follow_symlinks=False):
                        folders.append(entry.path)
                    elif entry.is_file():
                        status = entry.stat()
                        yield entry.path, status.st_size, status.st_mtime_ns
        except OSError as error:
            problems.append((place, f"cannot list the folder: {error.strerror or error}"))


def _is_text(path: str) -> bool:
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def _inventory(source: Path, problems: list[tuple[str, str]]) -> pl.DataFrame:
    """Read an inventory; sizes and times it lacks come from the disk."""
    try:
        listed = (
            pl.read_parquet(source)
            if source.suffix == ".parquet"
            else pl.read_csv(source, infer_schema=False)
        )
    except (pl.exceptions.PolarsError, OSError) as error:
        raise EtlError(
            f"cannot read the inventory {source}: {error}", "Give a CSV or Parquet file."
        ) from error
    if "path" not in listed.columns:
        raise EtlError(
            f"the inventory {source} has no column `path`.", f"It has: {', '.join(listed.columns)}."
        )
    rows = []
    for name in listed["path"].cast(pl.String).drop_nulls():
        path = Path(name) if Path(name).is_absolute() else source.parent / name
        try:
            status = path.stat()
        except (OSError, ValueError) as error:
            problems.append((name, f"listed but not readable: {error}"))
        else:
            rows.append((str(path), status.st_size, status.st_mtime_ns))
    return pl.DataFrame(rows, schema=FILE_SCHEMA, orient="row")


def _within(files: pl.DataFrame, roots: Sequence[Path]) -> pl.DataFrame:
    """Keep files below the folders scanned; of others a scan says nothing."""
    below = [pl.col("path").str.starts_with(f"{root}{os.sep}") for root in roots if root.is_dir()]
    return files.filter(pl.any_horizontal(below)) if below else files.clear()


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
