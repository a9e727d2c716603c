"""What files hold beside notes, as tables: texts and lyrics, tempo maps, metres, key signatures, keys."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from etl.pipelines.midi.export import WrittenTable
from etl.runtime.disk.folders import atomic_folder, check_replaceable
from etl.store.database import read_store
from etl.store.kept_files import check_set_aside
from etl.store.midi_notes import TABLES, table_rows

if TYPE_CHECKING:
    from pathlib import Path


class TableFormat(StrEnum):
    """File format of tables."""

    PARQUET = "parquet"
    CSV = "csv"


def export_facts(
    database: Path, folder: Path, file_format: TableFormat = TableFormat.PARQUET, *, dry_run: bool = False
) -> list[WrittenTable]:
    """Write a folder of a file for each table; a former one is replaced.

    Raises
    ------
    EtlError
        If the folder holds anything else, or the store, or cannot be written.
    """
    owned = frozenset(f"{name}.{file_format}" for name in TABLES)
    check_replaceable(folder, owned, force=False)
    check_set_aside(folder, database=database)
    with read_store(database) as connection:
        frames = {name: table_rows(connection, name) for name in TABLES}
    if dry_run:
        return [WrittenTable(folder / f"{name}.{file_format}", None) for name in frames]
    with atomic_folder(folder, owned) as new:
        for name, frame in frames.items():
            if file_format is TableFormat.CSV:
                frame.write_csv(new / f"{name}.csv")
            else:
                frame.write_parquet(new / f"{name}.parquet")
    return [WrittenTable(folder / f"{name}.{file_format}", frame.height) for name, frame in frames.items()]
