"""`etl db`: look after the store."""

from __future__ import annotations

from typing import Annotated

import typer

from etl.cli.options import Database
from etl.runtime.errors import ExitCode
from etl.runtime.settings import database_path

app = typer.Typer(help="Look after the store.", no_args_is_help=True)


@app.command(epilog="Example: etl db info --db data/music.duckdb")
def info(db: Database = None) -> None:
    """Say what the store holds: its size, tables and their rows, sources, and versions."""
    from etl.cli.tables import table
    from etl.store.database import describe_store, read_store

    path = database_path(db)
    with read_store(path) as connection:
        store = describe_store(connection)
    typer.echo(f"{path}: {path.stat().st_size / 1e6:,.1f} MB, DuckDB {store.duckdb_version}")
    typer.echo(
        f"migration {store.migration}, last written by music-etl {store.etl_version or '(no run yet)'}\n"
    )
    typer.echo(
        table(("table", "rows"), [(name, f"{rows:,}") for name, rows in store.tables], right=[False, True])
    )
    if store.sources:
        sources = [(path, f"{songs:,}", run_id) for path, songs, run_id in store.sources]
        typer.echo("\n" + table(("source", "songs", "run"), sources, right=[False, True, True]))


@app.command(epilog="Example: etl db check && echo sound")
def check(
    db: Database = None,
    examples: Annotated[int, typer.Option(min=0, help="Violations to show of each check.")] = 3,
) -> int:
    """Check that the tables agree with one another; exit code 1 if they do not."""
    from etl.store.database import read_store
    from etl.store.integrity import check_store

    with read_store(database_path(db)) as connection:
        findings = check_store(connection, examples=examples)
    for finding in findings:
        typer.echo(f"{'FAIL' if finding.violations else 'ok':4}  {finding.check}")
        if finding.violations:
            typer.echo(f"      {finding.violations:,} violations")
            for example in finding.examples:
                typer.echo(f"      {example}")
    failed = sum(finding.violations > 0 for finding in findings)
    typer.echo(f"{len(findings) - failed} of {len(findings)} checks hold")
    return ExitCode.FAILURE if failed else ExitCode.OK


@app.command(epilog="Example: etl db migrate --db data/music.duckdb")
def migrate(db: Database = None) -> None:
    """Bring the store's tables and views to this version; makes the store if there is none."""
    from etl.store.database import upgrade_store

    path = database_path(db)
    applied = upgrade_store(path)
    done = f"applied {', '.join(f'{number:04}' for number in applied)}" if applied else "it is up to date"
    typer.echo(f"{path}: {done}")
