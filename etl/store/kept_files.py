"""Files that no output may take the place of: inputs, stores and what lies beside them, known sources."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from etl.runtime.disk.targets import check_distinct, is_stream
from etl.runtime.errors import EtlError, ExitCode
from etl.runtime.watch.log_file import log_path
from etl.store.journal import journal_path
from etl.store.run_lock import run_lock_path

if TYPE_CHECKING:
    from collections.abc import Iterable

    import duckdb

_DATABASE: Final = b"DUCK"  # bytes 8 to 12 of every DuckDB file


def check_outputs(
    outputs: Iterable[Path | None], *, inputs: Iterable[Path] = (), database: Path | None = None
) -> None:
    """Refuse to write over an input, over any store or what belongs to it, or two things to one file.

    Parameters
    ----------
    outputs
        What will be written; None for what is not wanted.
    inputs
        What is read.
    database
        The store, if there is one.

    Raises
    ------
    EtlError
        If an output is one of these, by whatever path.
    """
    wanted = [output for output in outputs if output is not None]
    check_distinct(wanted, [*inputs, *(_files_of(database) if database else ())])
    for output in wanted:
        if database is not None and journal_path(database) in output.resolve().parents:
            raise EtlError(
                f"{output} is in the journal of a store.", "Choose another output.", exit_code=ExitCode.USAGE
            )
        if _is_database(output):
            raise EtlError(f"{output} is a store.", "Choose another output.", exit_code=ExitCode.USAGE)


def check_set_aside(folder: Path, *, database: Path) -> None:
    """Refuse to put another folder in the place of one that holds the store.

    Raises
    ------
    EtlError
        If it does.
    """
    if folder.resolve() in database.resolve().parents:
        raise EtlError(f"{folder} holds {database}.", "Choose another folder.", exit_code=ExitCode.USAGE)


def check_known(connection: duckdb.DuckDBPyConnection, outputs: Iterable[Path | None]) -> None:
    """Refuse to write over a file that the store knows as the source of something.

    Raises
    ------
    EtlError
        If an output is one.
    """
    wanted = [output for output in outputs if output is not None and output.exists()]
    sources = [Path(path) for (path,) in connection.execute("SELECT path FROM sources").fetchall()]
    check_distinct(wanted, filter(Path.exists, sources), "is a source of the store")
    for output in wanted:
        if not is_stream(output) and _is_audio_or_midi(connection, output):
            raise EtlError(
                f"{output} is a source of the store.", "Choose another output.", exit_code=ExitCode.USAGE
            )


def _is_audio_or_midi(connection: duckdb.DuckDBPyConnection, path: Path) -> bool:
    names = [str(each).encode(errors="replace").decode() for each in (path.absolute(), path.resolve())]
    return bool(
        connection.execute(
            "SELECT 1 FROM files WHERE path IN (SELECT unnest($names)) UNION ALL "
            "SELECT 1 FROM midi_paths "
            "WHERE coalesce(location, split_part(path, '!', 1)) IN (SELECT unnest($names))",
            {"names": names},
        ).fetchall()
    )


def _files_of(database: Path) -> list[Path]:
    file = database.resolve()
    return [
        database,
        file.with_name(f"{file.name}.wal"),
        run_lock_path(database),
        journal_path(database),
        log_path(database),
        log_path(file),
    ]


def _is_database(path: Path) -> bool:
    if is_stream(path) or not path.is_file():
        return False
    try:
        with path.open("rb") as file:
            return file.read(12)[8:] == _DATABASE
    except OSError:  # whoever writes it will say so
        return False
