"""Rename files on disk, with a journal that takes it back, whenever the process ends.

Every file first moves to a name of its own between the old and the new one, since a new name may be another
file's old one. The journal says for each whether it is on its way there or on its way on: ``planned`` and
``undone`` belong at the old path, ``done`` at the new one. A file found at a name between goes where its
journal entry says.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from etl.runtime.errors import EtlError
from etl.sources.folders.walk import shown
from etl.store.database import open_store, transaction
from etl.store.runs import recorded_run

if TYPE_CHECKING:
    from collections.abc import Sequence

    import duckdb

_UNDO: Final = "midi undo"
_COMMANDS: Final = ("midi rename", "midi sanitize --in-place", _UNDO)
_COLUMNS: Final = {
    "ordinal": "BIGINT", "old_path": "VARCHAR", "new_path": "VARCHAR", "sha256": "VARCHAR",
    "track": "INTEGER", "channel": "SMALLINT",
}  # fmt: skip


class Rename(NamedTuple):
    """A file's old and new path; content hash, track and channel if it is in the library."""

    old: str
    new: str
    sha256: str | None = None
    track: int | None = None
    channel: int | None = None


@dataclass
class Renames:
    """What was renamed (old and new paths, as text) and by which run."""

    rows: list[tuple[str, str]] = field(default_factory=list)
    run_id: int = 0


def carry_out(database: Path, command: str, plan: Sequence[Rename], *, dry_run: bool) -> Renames:
    """Rename files, all or none.

    Raises
    ------
    EtlError
        If one cannot be renamed; then none is.
    """
    renames = Renames([(shown(entry.old), shown(entry.new)) for entry in plan])
    if dry_run or not plan:
        return renames
    with open_store(database) as connection:
        recover_renames(connection)
        with recorded_run(connection, command, {"files": len(plan)}) as run:
            renames.run_id = run.run_id
            _plan(connection, run.run_id, plan)
            try:
                for ordinal, entry in enumerate(plan):
                    _move(entry.old, _between(entry.old, run.run_id, ordinal))
                _mark(connection, run.run_id, range(len(plan)), "done")
                for ordinal, entry in enumerate(plan):
                    _move(_between(entry.old, run.run_id, ordinal), entry.new)
            except BaseException as error:
                _take_back(connection, run.run_id)
                if isinstance(error, OSError):
                    raise _stuck(error) from error
                raise
            run.items_in = run.items_out = len(plan)
    return renames


def undo(database: Path, run_id: int) -> tuple[int, int]:
    """Take back the renames of a run; give how many were, and how many could not be.

    A file that is gone, or whose old name is another file's by now, is left.

    Raises
    ------
    EtlError
        If the run renamed nothing, or a later one renamed the same files.
    """
    with open_store(database) as connection:
        recover_renames(connection)
        count = connection.execute(
            "SELECT count(*) FROM midi_renames WHERE run_id = ? AND status = 'done'", [run_id]
        ).fetchall()[0][0]
        if not count:
            raise EtlError(
                f"run {run_id} has no renames to take back.", "`etl midi rename` says the number of its run."
            )
        _check_order(connection, run_id)
        with recorded_run(connection, _UNDO, {"run": run_id}) as run:
            try:
                undone = _take_back(connection, run_id)
            except OSError as error:
                recover_renames(connection)
                raise _stuck(error) from error
            run.items_in, run.items_out = count, undone
    return undone, count - undone


def _check_order(connection: duckdb.DuckDBPyConnection, run_id: int) -> None:
    """Raise an `EtlError` if a later run has renamed what a run has named."""
    ((later, files),) = connection.execute(
        "SELECT max(later.run_id), count(DISTINCT mine.ordinal) FROM midi_renames AS mine "
        "JOIN midi_renames AS later ON later.old_path = mine.new_path AND later.run_id > mine.run_id "
        "WHERE mine.run_id = ? AND mine.status = 'done' AND later.status = 'done'",
        [run_id],
    ).fetchall()
    if files:
        raise EtlError(
            f"{files:,} of these files have been renamed since.",
            f"Take that back first: etl midi undo {later}",
        )


def recover_renames(connection: duckdb.DuckDBPyConnection) -> None:
    """Bring files that a killed rename or undo left at names between to where they belong."""
    runs = connection.execute(
        "SELECT DISTINCT CASE WHEN command = ? THEN CAST(arguments ->> 'run' AS BIGINT) ELSE run_id END "
        "FROM runs WHERE command IN (SELECT unnest(?)) AND status <> 'done'",
        [_UNDO, list(_COMMANDS)],
    ).fetchall()
    for (run_id,) in runs:
        for ordinal, old, new, status in _entries(connection, run_id):
            between = _between(old, run_id, ordinal)
            if os.path.lexists(between):
                target = new if status == "done" else old
                try:
                    _move(between, target)
                except OSError as error:
                    raise EtlError(
                        f"{shown(between)}, left by a rename that was killed, cannot become {shown(target)}: "
                        f"{error.strerror}.",
                        "Move it there by hand.",
                    ) from error
        connection.execute(
            "UPDATE midi_renames SET status = 'undone' WHERE status = 'planned' AND run_id = ?", [run_id]
        )


def _take_back(connection: duckdb.DuckDBPyConnection, run_id: int) -> int:
    """Bring the files of a run to their old paths, from wherever they are; give how many."""
    entries = [entry for entry in _entries(connection, run_id) if entry[3] != "undone"]
    here: dict[int, tuple[str, str]] = {}
    for ordinal, old, new, status in entries:
        between = _between(old, run_id, ordinal)
        if os.path.lexists(between):
            here[ordinal] = between, old
        elif status == "done" and os.path.lexists(new):
            here[ordinal] = new, old
    while blocked := _blocked(here):
        for ordinal in blocked:  # another file has its old name: it stays, and may block others
            del here[ordinal]
    for ordinal, (place, old) in here.items():
        between = _between(old, run_id, ordinal)
        if place != between:
            _move(place, between)
    planned = [ordinal for ordinal, _, _, status in entries if status == "planned"]
    _mark(connection, run_id, [*here, *planned], "undone")
    for ordinal, (_, old) in here.items():
        _move(_between(old, run_id, ordinal), old)
    return len(here)


def _blocked(here: dict[int, tuple[str, str]]) -> list[int]:
    """Name the entries whose old path is that of a file that is not about to move away."""
    leaving = {place for place, _ in here.values()}
    return [
        ordinal
        for ordinal, (place, old) in here.items()
        if old not in leaving and os.path.lexists(old) and not _is_same(place, old)
    ]


def _is_same(place: str, old: str) -> bool:
    """Whether two paths are one file: where upper and lower case are the same, it is in its own way."""
    with suppress(OSError):
        return Path(place).samefile(old)
    return False


def _entries(connection: duckdb.DuckDBPyConnection, run_id: int) -> list[tuple[int, str, str, str]]:
    rows = connection.execute(
        "SELECT ordinal, old_path, new_path, status FROM midi_renames WHERE run_id = ? ORDER BY ordinal",
        [run_id],
    ).fetchall()
    return [(ordinal, _location(old), _location(new), status) for ordinal, old, new, status in rows]


def _plan(connection: duckdb.DuckDBPyConnection, run_id: int, plan: Sequence[Rename]) -> None:
    rows = [(ordinal, shown(entry.old), shown(entry.new), *entry[2:]) for ordinal, entry in enumerate(plan)]
    columns = dict(zip(_COLUMNS, map(list, zip(*rows, strict=True)), strict=True))
    values = ", ".join(f"unnest(CAST(${name} AS {kind}[])) AS {name}" for name, kind in _COLUMNS.items())
    connection.execute(
        f"INSERT INTO midi_renames BY NAME SELECT $run_id AS run_id, 'planned' AS status, {values}",
        {"run_id": run_id, **columns},
    )


def _mark(connection: duckdb.DuckDBPyConnection, run_id: int, ordinals: Sequence[int], status: str) -> None:
    """Set the status of entries, and let the store's paths and library names follow."""
    before, after = ("old_path", "new_path") if status == "done" else ("new_path", "old_path")
    with transaction(connection):
        connection.execute(
            "CREATE OR REPLACE TEMP TABLE turned AS SELECT * FROM midi_renames "
            "WHERE run_id = ? AND ordinal IN (SELECT unnest(CAST(? AS BIGINT[]))) AND status <> ?",
            [run_id, list(ordinals), status],
        )
        connection.execute(
            "UPDATE midi_renames SET status = ? WHERE run_id = ? AND ordinal IN (SELECT ordinal FROM turned)",
            [status, run_id],
        )
        if status == "undone":  # what was planned only has moved nowhere that the store knows
            connection.execute("DELETE FROM turned WHERE status = 'planned'")
        connection.execute(
            f"UPDATE midi_library AS library SET name = regexp_extract({after}, '[^/\\\\]+$'), "
            "base = CASE WHEN library.track IS NULL THEN regexp_replace(regexp_replace("
            f"lower(regexp_extract({after}, '[^/\\\\]+$')), '[.]mid$', ''), '(_[0-9]+)+$', '') "
            "ELSE library.base END "
            "FROM turned WHERE turned.sha256 = library.sha256 "
            "AND turned.track IS NOT DISTINCT FROM library.track "
            "AND turned.channel IS NOT DISTINCT FROM library.channel"
        )
        connection.execute(
            "CREATE OR REPLACE TEMP TABLE moved AS SELECT midi_paths.* REPLACE "
            f"({after} AS path, {after} AS location) FROM midi_paths JOIN turned ON path = {before}"
        )
        connection.execute(f"DELETE FROM midi_paths WHERE path IN (SELECT {before} FROM turned)")
        connection.execute("INSERT OR REPLACE INTO midi_paths SELECT * FROM moved")


def _stuck(error: OSError) -> EtlError:
    return EtlError(
        f"{shown(str(error.filename))} cannot be renamed: {error.strerror or error}.",
        "All names are as they were. Check the permissions, and what else uses the folder.",
    )


def _between(old: str, run_id: int, ordinal: int) -> str:
    return str(Path(old).with_name(f".etl-rename-{run_id}-{ordinal}"))


def _move(source: str, target: str) -> None:
    """Rename a file, never over another one."""
    if os.path.lexists(target):
        raise FileExistsError(17, "there is a file of that name", target)
    os.rename(source, target)  # noqa: PTH104 - names that are no UTF-8 need no detour


def _location(path: str) -> str:
    """Give the path that opens a file, of one that `etl.sources.folders.midi.shown` wrote as text."""
    raw = re.sub(rb"\\x([89a-f][0-9a-f])", lambda byte: bytes([int(byte[1], 16)]), path.encode())
    location = os.fsdecode(raw)
    return location if location == path or not os.path.lexists(path) else path
