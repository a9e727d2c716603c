"""How the disk differs from the store: what is new, changed, moved, gone or back, and whether to believe it.

A drive that is not mounted looks like an empty folder. So a place that held tracks, fewer than half of which
are left, stops the scan, unless that is said to be right. A file that moved keeps its identity where the old
and the new place are the same, or where both were known and sound: a copy on a backup drive is not the file
that is gone. A known folder that is not there any more, though its drive is, was renamed.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from etl.pipelines.audio.moves import Moves
from etl.runtime.disk.drives import drive_of, is_below, mounted_drives
from etl.sources.audio.files import FILE_SCHEMA, FoundFiles, find_files, located
from etl.sources.audio.tags import TAG_VERSION
from etl.sources.folders.losses import Loss, below, lost_places, refusal, with_drives

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence


@dataclass(frozen=True)
class ScanOptions:
    """How to look through folders.

    Attributes
    ----------
    force
        Take unchanged files for changed ones.
    limit
        Stop after the tags of this many files.
    follow_links
        Whether links to folders are followed.
    exclude
        Patterns of what to leave out.
    allow_gone
        Whether over half of the tracks of a place may be gone.
    """

    force: bool = False
    limit: int | None = None
    follow_links: bool = False
    exclude: tuple[str, ...] = ()
    allow_gone: bool = False


@dataclass(frozen=True)
class Difference:
    """How the disk differs from the store.

    Attributes
    ----------
    unchanged
        How many files are as the store knows them.
    fresh
        Files whose tags are to be read: `FILE_SCHEMA`; ``is_new``; ``is_same`` if only the reader is another;
        ``content_hash`` and ``audio_bytes`` if the sound is known; ``former_hash`` and ``former_bytes`` of
        files that were changed, whose sound may be the same.
    moves
        ``old_path``, ``path``, ``mtime_ns``, ``size_bytes``, ``track_id`` of files in another place.
    gone, returned
        Paths that are no more, and those that are there again as they were.
    problems
        Path and problem of what could not be listed, or is not as an inventory says.
    places
        ``path``, ``mount_point`` and ``device`` of what was looked through.
    links
        Links to folders that were not followed.
    """

    unchanged: int
    fresh: pl.DataFrame
    moves: pl.DataFrame
    gone: pl.Series
    returned: pl.Series
    problems: pl.DataFrame
    places: pl.DataFrame
    links: tuple[str, ...]


def compare(
    known: pl.DataFrame,
    remembered: pl.DataFrame,
    sources: Sequence[Path],
    options: ScanOptions = ScanOptions(),
) -> Difference:
    """Compare folders or inventory files with what the store knows, changing nothing.

    Parameters
    ----------
    known
        As :func:`etl.store.library.known_files` gives it.
    remembered
        As :func:`etl.store.roots.known_roots` gives it.
    sources
        Folders or inventories, as in :func:`etl.sources.audio.files.find_files`.
    options
        How.

    Raises
    ------
    EtlError
        If a source does not exist, is no inventory, or has lost over half of its tracks.
    """
    roots = located(sources, remembered["path"])
    found = find_files(roots, follow_links=options.follow_links, exclude=options.exclude)
    files = _with_what_is_known(found.files, known, force=options.force)
    fresh = files.filter(~(pl.col("is_same") & pl.col("is_read"))) if not options.force else files
    back = files.filter("is_same", "is_gone", "is_read") if not options.force else files.clear()
    missing = _missing(known, found, roots)
    places = [*map(str, roots), *map(str, found.drives), *_below(remembered["path"], roots)]
    vanished = _vanished(remembered, roots)
    moves = Moves(fresh.filter("is_new"), pl.concat([missing, known.filter(below(vanished))]))
    place = _place_finder([*places, *vanished])
    moves.pair(lambda old, new: place(old) in {place(new), *vanished})
    lost = _lost_places(known, missing, moves.old_paths, places, found)
    if lost and not options.allow_gone:
        raise refusal(lost, remembered, what="track", kept="Nothing was changed.")
    if len(set(places)) > 1:
        sound = {place(path) for path in known["path"]}
        moves.pair(lambda old, new: place(old) not in lost and place(new) in sound)
    moved = moves.frame().join(found.files, on="path", how="left")
    keeps = moved.select("path", new_hash="content_hash", new_bytes="audio_bytes", is_moved="is_retagged")
    fresh = (
        fresh.join(keeps, on="path", how="left", maintain_order="left")
        .filter(pl.col("is_moved").fill_null(value=True))  # those whose tags are the same need no reading
        .select(
            *FILE_SCHEMA,
            "is_new",
            "is_same",
            "former_hash",
            "former_bytes",
            content_hash=pl.coalesce("new_hash", "known_hash"),
            audio_bytes=pl.coalesce("new_bytes", "known_bytes"),
            is_moved=pl.col("is_moved").is_not_null(),
        )
    )
    gone = missing.filter(~pl.col("is_gone"), ~pl.col("path").is_in(moved["old_path"].to_list()))
    return Difference(
        unchanged=files.height - back.height - fresh.height - moved.filter(~pl.col("is_retagged")).height,
        fresh=fresh if options.limit is None else fresh.head(options.limit),
        moves=moved.select("old_path", "path", "mtime_ns", "size_bytes", "track_id"),
        gone=gone["path"],
        returned=back["path"],
        problems=pl.DataFrame(found.problems, {"path": pl.String, "problem": pl.String}, orient="row"),
        places=with_drives(places, [root for root in roots if root.is_dir()]),
        links=tuple(found.links),
    )


def _with_what_is_known(files: pl.DataFrame, known: pl.DataFrame, *, force: bool) -> pl.DataFrame:
    facts = known.select(
        "path",
        "is_gone",
        known_size="size_bytes",
        known_mtime="mtime_ns",
        known_hash="content_hash",
        known_bytes="audio_bytes",
        is_read=pl.col("tag_version") == TAG_VERSION,
    )
    same = (pl.col("size_bytes") == pl.col("known_size")) & (pl.col("mtime_ns") == pl.col("known_mtime"))
    is_same = same.fill_null(value=False) & (not force)
    return files.join(facts, on="path", how="left", maintain_order="left").with_columns(
        pl.col("is_gone", "is_read").fill_null(value=False),
        is_same=is_same,
        is_new=pl.col("known_size").is_null() | (pl.col("is_gone").fill_null(value=False) & ~is_same),
        known_hash=pl.when(is_same).then("known_hash"),
        known_bytes=pl.when(is_same).then("known_bytes"),
        former_hash=pl.when(~is_same).then("known_hash"),
        former_bytes=pl.when(~is_same).then("known_bytes"),
    )


def _missing(known: pl.DataFrame, found: FoundFiles, roots: Sequence[Path]) -> pl.DataFrame:
    """Keep the known files that should have been found and were not; of other places a scan says nothing."""
    missing = known.join(found.files, on="path", how="anti", maintain_order="left")
    return missing.filter((below(roots) & ~below(found.unlisted)) | pl.col("path").is_in(found.absent))


def _below(remembered: pl.Series, roots: Sequence[Path]) -> Iterator[str]:
    return (path for path in remembered if any(is_below(path, str(root)) for root in roots))


def _vanished(remembered: pl.DataFrame, roots: Sequence[Path]) -> list[str]:
    """Find the known places that are not there any more, though their drive is: they were renamed."""
    away = [
        (path, mount_point)
        for path, mount_point, _ in remembered.iter_rows()
        if not any(is_below(path, str(root)) for root in roots) and not Path(path).exists()
    ]
    drives = mounted_drives() if away else []
    found = [(path, mount_point, drive_of(Path(path), drives)) for path, mount_point in away]
    return [path for path, mount_point, drive in found if drive and drive.mount_point == mount_point]


def _place_finder(places: Collection[str]) -> Callable[[str], str | None]:
    """Give a function that finds the innermost place of a path."""
    by_length = sorted(set(places), key=len, reverse=True)
    return lambda path: next((place for place in by_length if is_below(path, place)), None)


def _lost_places(
    known: pl.DataFrame,
    missing: pl.DataFrame,
    moved: Collection[str],
    places: Iterable[str],
    found: FoundFiles,
) -> dict[str, Loss]:
    """Find the places of which over half of the tracks are gone."""
    tracks = known.filter("is_track", ~pl.col("is_gone"))
    gone = missing.filter("is_track", ~pl.col("is_gone"), ~pl.col("path").is_in(list(moved)))
    listed = pl.col("path").is_in([*found.absent, *found.files["path"]])

    def here(place: str) -> pl.Expr:
        return listed if Path(place).is_file() else below([place])  # a file is an inventory

    return lost_places(tracks, gone, places, here)
