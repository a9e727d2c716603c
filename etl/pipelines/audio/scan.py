"""Scan folders for audio: what is new, changed, moved or gone, and the tags of what is new."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import polars as pl

from etl.runtime.disk.hashing import content_hash, text_hash
from etl.runtime.errors import EtlError
from etl.sources.audio.tags import read_tags, tags_frame
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


@dataclass(frozen=True)
class Difference:
    """How the disk differs from the store.

    Attributes
    ----------
    unchanged
        Files as the store knows them.
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

    def summary(self) -> ScanSummary:
        """Count."""
        new = int(self.fresh["is_new"].sum())
        return ScanSummary(
            unchanged=self.unchanged,
            new=new,
            changed=self.fresh.height - new,
            moved=self.moves.height,
            gone=len(self.gone),
            rejected=self.problems.height,
        )


def compare(
    connection: duckdb.DuckDBPyConnection,
    sources: Sequence[Path],
    *,
    force: bool = False,
    limit: int | None = None,
) -> Difference:
    """Compare folders or inventory files with the store, changing nothing.

    Parameters
    ----------
    connection
        The store.
    sources
        Folders, or inventories: CSV or Parquet with a column ``path``, relative to the inventory's folder.
        Size and time come from the disk; where a column ``size`` disagrees, that is a problem to report.
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
    found = _found(roots)
    known = known_files(connection)
    facts = known.select("path", known_size="size_bytes", known_mtime="mtime_ns")
    difference = found.files.join(facts, on="path", how="left", maintain_order="left")
    same = (pl.col("size_bytes") == pl.col("known_size")) & (pl.col("mtime_ns") == pl.col("known_mtime"))
    fresh = difference if force else difference.filter(same.fill_null(value=False).not_())
    missing = known.join(found.files, on="path", how="anti", maintain_order="left")
    gone = missing.filter(
        (_is_below(roots) & _is_below(found.unlisted).not_()) | pl.col("path").is_in(found.absent)
    )
    fresh = fresh.select(*FILE_SCHEMA, is_new=pl.col("known_size").is_null())
    moves = _moves(fresh.filter("is_new"), gone)
    unchanged = found.files.height - fresh.height
    fresh = fresh.join(moves, on="path", how="anti", maintain_order="left")
    return Difference(
        unchanged=unchanged,
        fresh=fresh if limit is None else fresh.head(limit),
        moves=moves,
        gone=gone.join(moves, left_on="path", right_on="old_path", how="anti")["path"],
        problems=_rejects(found.problem_frame(), "unreadable"),
    )


def located(sources: Sequence[Path]) -> list[Path]:
    """Give the whole paths of sources, without `..`, so that a file has one path however it is given.

    Raises
    ------
    EtlError
        If one does not exist.
    """
    roots = [Path(os.path.abspath(source)) for source in sources]  # noqa: PTH100 -- links stay
    for root in roots:
        if not root.exists():
            raise EtlError(f"there is no {root}.", "Give folders of audio, or an inventory CSV or Parquet.")
    return roots


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
    sources, force, limit
        As in :func:`compare`.
    progress
        Told of every batch.

    Returns
    -------
    ScanSummary
        Counts; batches of 2,000 files are committed as they are read.
    """
    difference = compare(connection, sources, force=force, limit=limit)
    with transaction(connection):
        if difference.moves.height:
            move_files(connection, difference.moves)
        if len(difference.gone):
            mark_gone(connection, difference.gone)
        if difference.problems.height:
            add_rejects(connection, run, difference.problems)
    summary = difference.summary()
    fresh = difference.fresh.with_columns(_track_ids(connection, difference.fresh["path"]))
    progress.total = fresh.height
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
    return files.select(source="path", stage=pl.lit("scan"), category=pl.lit(category), reason="problem")


class _Found:
    """What is on the disk, as it is found."""

    def __init__(self) -> None:
        self.files = pl.DataFrame(schema=FILE_SCHEMA)
        self.problems: list[tuple[str, str]] = []
        self.unlisted: list[Path] = []
        """Folders and files that could not be looked at: whether they are gone is not known."""
        self.absent: list[str] = []
        """Files that an inventory lists and that are not there."""

    def add(self, rows: Sequence[tuple[str, int, int]]) -> None:
        columns = dict(zip(FILE_SCHEMA, zip(*rows, strict=True), strict=True)) if rows else {}
        self.files = pl.concat([self.files, pl.DataFrame(columns, schema=FILE_SCHEMA)])

    def refuse(self, path: str, error: OSError) -> None:
        self.problems.append((path, f"cannot be looked at: {error.strerror or error}"))
        self.unlisted.append(Path(path))

    def problem_frame(self) -> pl.DataFrame:
        schema = {"path": pl.String, "problem": pl.String}
        return pl.DataFrame(self.problems, schema=schema, orient="row")


def _found(roots: Sequence[Path]) -> _Found:
    """List all files of the sources, sorted by path, each once."""
    found = _Found()
    for root in roots:
        if root.is_dir():
            found.add(list(_walk(str(root), found)))
        else:
            _read_inventory(root, found)
    found.files = found.files.unique("path", maintain_order=False).sort("path")
    return found


def _walk(folder: str, found: _Found) -> Iterator[tuple[str, int, int]]:
    """Yield path, size and time of the files below a folder; links to folders are not followed."""
    folders = [folder]
    while folders:
        place = folders.pop()
        try:
            with os.scandir(place) as entries:
                for entry in entries:
                    try:
                        if not entry.path.isascii() and not _is_text(entry.path):
                            shown = os.fsencode(entry.path).decode("utf-8", "backslashreplace")
                            found.problems.append((shown, "the name is not valid UTF-8; rename it"))
                        elif entry.is_dir(follow_symlinks=False):
                            folders.append(entry.path)
                        elif entry.is_file():
                            status = entry.stat()
                            yield entry.path, status.st_size, status.st_mtime_ns
                    except FileNotFoundError:
                        continue  # deleted since the folder was read
                    except OSError as error:
                        found.refuse(entry.path, error)
        except FileNotFoundError:
            continue
        except OSError as error:
            found.refuse(place, error)


def _is_text(path: str) -> bool:
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def _read_inventory(source: Path, found: _Found) -> None:
    """Look at the files that an inventory lists."""
    try:
        listed = (
            pl.read_parquet(source)
            if source.suffix.lower() == ".parquet"
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
    size = pl.col("size") if "size" in listed.columns else pl.lit(None)
    listed = listed.select(pl.col("path").cast(pl.String), size=size.cast(pl.Int64, strict=False))
    rows = []
    for name, expected in listed.drop_nulls("path").iter_rows():
        path = os.path.abspath(source.parent / name)  # noqa: PTH100 -- as for folders
        try:
            status = os.stat(path)  # noqa: PTH116 -- forty thousand times
        except FileNotFoundError:
            found.problems.append((path, "listed, but there is no such file"))
            found.absent.append(path)
        except ValueError as error:  # a null byte
            found.problems.append((name, f"listed, but no path: {error}"))
        except OSError as error:
            found.refuse(path, error)
        else:
            if not stat.S_ISREG(status.st_mode):
                found.problems.append((path, "listed, but not a file"))
                continue
            if expected is not None and expected != status.st_size:
                words = f"listed with {expected:,} bytes, has {status.st_size:,}; taken as it is"
                found.problems.append((path, words))
            rows.append((path, status.st_size, status.st_mtime_ns))
    found.add(rows)


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
