"""Rename files on disk, with a journal that takes it back.

The plan is written to the journal before the first file is touched; a rename that an earlier process was
killed in is taken back first.
"""

from __future__ import annotations

import os
import string
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

import polars as pl

from etl.midi.sanitize import distinct_names, safe_stems
from etl.pipelines.midi_sources import Found, walk
from etl.runtime.errors import EtlError
from etl.store.database import open_store, transaction
from etl.store.runs import recorded_run

if TYPE_CHECKING:
    import duckdb

_FIELDS: Final = frozenset({"bpm", "key", "tags", "category", "bars", "name"})
_MOST_TAGS: Final = 3
_SCHEMA: Final = {"old_path": pl.String, "new_path": pl.String, "sha256": pl.String}


@dataclass
class Renames:
    """What was renamed (old and new paths) and by which run."""

    rows: list[tuple[str, str]] = field(default_factory=list)
    run_id: int = 0


def sanitize_in_place(
    sources: tuple[Path, ...], database: Path, *, pattern: str = "*", dry_run: bool = False
) -> Renames:
    """Give files on disk safe names, each folder by itself; archives are left alone."""
    found = [
        Path(e.location) for e in walk(sources, pattern=pattern) if isinstance(e, Found) and not e.is_archive
    ]
    plan: list[tuple[str, str, None]] = []
    folders: dict[Path, list[Path]] = {}
    for path in found:
        folders.setdefault(path.parent, []).append(path)
    for folder, paths in folders.items():
        stems = pl.DataFrame({"stem": [_text(path.stem) for path in paths]}).select(
            safe_stems(pl.col("stem"))
        )["stem"]
        wanted = dict(zip(paths, stems, strict=True))
        keep = [path for path, stem in wanted.items() if path.name == f"{stem}.mid"]
        moving = [path for path in paths if path not in set(keep)]
        staying = {entry.name.lower() for entry in folder.iterdir()} - {path.name.lower() for path in moving}
        names = distinct_names([wanted[path] for path in moving], staying)
        plan += [(str(path), str(folder / name), None) for path, name in zip(moving, names, strict=True)]
    return _carry_out(database, "midi sanitize --in-place", plan, dry_run=dry_run)


def rename_library(library: Path, database: Path, *, template: str, dry_run: bool = False) -> Renames:
    """Rename the library's files by what they are.

    Raises
    ------
    EtlError
        If the template has an unknown field or none.
    """
    fields = {name for _, name, _, _ in string.Formatter().parse(template) if name is not None}
    if not fields or fields - _FIELDS:
        raise EtlError(
            f"the template `{template}` has {', '.join(sorted(fields - _FIELDS)) or 'no field'}.",
            f"Use of: {', '.join('{' + name + '}' for name in sorted(_FIELDS))}.",
        )
    with open_store(database) as connection:
        rows = connection.sql(
            "SELECT sha256, folder, library.name, bpm, key, category, bars, tags "
            "FROM midi_library AS library JOIN midi_analysis USING (sha256) LEFT JOIN ("
            "  SELECT sha256, list(tag ORDER BY confidence DESC, tag)[:?] AS tags FROM ("
            "    SELECT sha256, tag, max(confidence) AS confidence FROM midi_tags "
            "    WHERE kind IN ('instrument', 'role', 'genre') GROUP BY ALL"
            "  ) GROUP BY ALL"
            ") USING (sha256) WHERE track IS NULL ORDER BY library.name",
            params=[_MOST_TAGS],
        ).pl()
    values = rows.select(
        bpm=pl.col("bpm").round(0).cast(pl.Int64).cast(pl.String),
        key=pl.col("key").str.replace(" Major", "maj").str.replace(" Minor", "min").fill_null("nokey"),
        tags=pl.col("tags").list.join("_").fill_null(""),
        category=pl.col("category").str.to_lowercase().fill_null("other"),
        bars=pl.col("bars").cast(pl.String),
        name=pl.col("name").str.replace(r"\.mid$", ""),
    )
    stem = template.removesuffix(".mid")
    names = [stem.format(**row) for row in values.iter_rows(named=True)]
    stems = pl.DataFrame({"stem": names}, schema={"stem": pl.String}).select(safe_stems(pl.col("stem")))[
        "stem"
    ]
    taken: set[str] = set()
    final = distinct_names(stems, taken)
    plan = [
        (str(library / folder / old), str(library / folder / new), digest)
        for (folder, old, digest), new in zip(
            rows.select("folder", "name", "sha256").rows(), final, strict=True
        )
        if old != new
    ]
    return _carry_out(database, "midi rename", plan, dry_run=dry_run)


def _carry_out(
    database: Path,
    command: str,
    plan: list[tuple[str, str, str]] | list[tuple[str, str, None]],
    *,
    dry_run: bool,
) -> Renames:
    renames = Renames([(old, new) for old, new, _ in plan])
    if dry_run or not plan:
        return renames
    with open_store(database) as connection, recorded_run(connection, command, {"files": len(plan)}) as run:
        recover_renames(connection)
        renames.run_id = run.run_id
        shown = [(_text(old), _text(new), digest) for old, new, digest in plan]
        journal = pl.DataFrame(shown, schema=_SCHEMA, orient="row").with_row_index("ordinal")  # noqa: F841
        connection.execute(
            "INSERT INTO midi_renames BY NAME SELECT *, ? AS run_id, 'planned' AS status FROM journal",
            [run.run_id],
        )
        # By way of a name of its own, since a new name may be another file's old one.
        for number, (old, _, _) in enumerate(plan):
            os.replace(old, _between(old, run.run_id, number))  # noqa: PTH105
        for number, (old, new, _) in enumerate(plan):
            os.replace(_between(old, run.run_id, number), new)  # noqa: PTH105
        with transaction(connection):
            connection.execute("UPDATE midi_renames SET status = 'done' WHERE run_id = ?", [run.run_id])
            _repoint(connection, run.run_id, "old_path", "new_path")
        run.items_in = run.items_out = len(plan)
    return renames


def _between(old: str, run_id: int, number: int) -> str:
    return str(Path(old).with_name(f".etl-rename-{run_id}-{number}"))


def _repoint(connection: duckdb.DuckDBPyConnection, run_id: int, before: str, after: str) -> None:
    """Let the store's paths and library names follow the files of a run."""
    connection.execute(
        f"UPDATE midi_library SET name = regexp_extract({after}, '[^/\\\\]+$'), "
        f"base = regexp_replace(regexp_replace(lower(regexp_extract({after}, '[^/\\\\]+$')), '[.]mid$', ''), "
        "'(_[0-9]+)+$', '') FROM midi_renames "
        "WHERE midi_renames.run_id = ? AND midi_renames.sha256 = midi_library.sha256 AND track IS NULL",
        [run_id],
    )
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE moved AS SELECT midi_paths.* REPLACE "
        f"(midi_renames.{after} AS path, midi_renames.{after} AS location) FROM midi_paths "
        f"JOIN midi_renames ON path = {before} WHERE run_id = ?",
        [run_id],
    )
    connection.execute(
        f"DELETE FROM midi_paths WHERE path IN (SELECT {before} FROM midi_renames WHERE run_id = ?)", [run_id]
    )
    connection.execute("INSERT OR REPLACE INTO midi_paths SELECT * FROM moved")


def recover_renames(connection: duckdb.DuckDBPyConnection) -> None:
    """Take back renames that a killed process left half done."""
    rows = connection.sql(
        "SELECT run_id, ordinal, old_path, new_path FROM midi_renames WHERE status = 'planned' ORDER BY ALL"
    ).fetchall()
    for run_id, ordinal, old, new in rows:
        between = _between(old, run_id, ordinal)
        if Path(between).exists():
            os.replace(between, old)  # noqa: PTH105
        elif Path(new).exists() and not Path(old).exists():
            os.replace(new, old)  # noqa: PTH105
    connection.execute("UPDATE midi_renames SET status = 'undone' WHERE status = 'planned'")


def undo(database: Path, run_id: int) -> tuple[int, int]:
    """Take back the renames of a run, last first; give how many were, and how many could not be.

    Raises
    ------
    EtlError
        If the run renamed nothing.
    """
    with open_store(database) as connection:
        recover_renames(connection)
        rows = connection.sql(
            "SELECT ordinal, old_path, new_path FROM midi_renames WHERE run_id = ? AND status = 'done' "
            "ORDER BY ordinal DESC",
            params=[run_id],
        ).fetchall()
        if not rows:
            raise EtlError(
                f"run {run_id} has no renames to take back.", "See `etl midi rename` for run numbers."
            )
        movable = [(ordinal, old, new) for ordinal, old, new in rows if Path(new).exists()]
        for ordinal, old, new in movable:
            os.replace(new, _between(old, run_id, ordinal))  # noqa: PTH105
        for ordinal, old, _ in movable:
            os.replace(_between(old, run_id, ordinal), old)  # noqa: PTH105
        with transaction(connection):
            _repoint(connection, run_id, "new_path", "old_path")
            connection.execute("UPDATE midi_renames SET status = 'undone' WHERE run_id = ?", [run_id])
    return len(movable), len(rows) - len(movable)


def _text(name: str) -> str:
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
