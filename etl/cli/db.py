"""`etl db`: inspect and maintain the store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from etl.cli.deletions import DryRun, deleted_rows
from etl.cli.groups import examples
from etl.cli.options import AsJson, Database, Yes, ask
from etl.cli.output import show
from etl.runtime.errors import ExitCode
from etl.runtime.settings import database_path
from etl.runtime.wording import number_of

if TYPE_CHECKING:
    from etl.store.contents import StoreInfo
    from etl.store.database import Upgrade
    from etl.store.integrity import Finding

app = typer.Typer(help="Inspect and maintain the store.", no_args_is_help=True)


@app.command(epilog="Example: etl db info --db data/music.duckdb")
def info(db: Database = None, as_json: AsJson = False) -> None:
    """Show what the store holds: its size, tables and their rows, sources, and versions."""
    from etl.store.contents import describe_store
    from etl.store.database import read_store

    path = database_path(db)
    with read_store(path) as connection:
        store = describe_store(connection, path)
    show(store, _describe_info, as_json=as_json)


def _describe_info(store: StoreInfo) -> str:
    from etl.cli.tables import table

    parts = [
        (
            f"{store.path}: {store.size_bytes / 1e6:,.1f} MB, DuckDB {store.duckdb_version}\n"
            f"migration {store.migration}, last written by music-etl {store.etl_version or '(no run yet)'}"
        ),
        table(
            ("table", "rows"),
            [(each.name, f"{each.rows:,}") for each in store.tables],
            right=[False, True],
        ),
    ]
    if store.sources:
        rows = [
            (each.source_id, each.path, f"{each.songs:,}", each.run_id, "current" if each.is_current else "")
            for each in store.sources
        ]
        columns = ("number", "source", "songs", "run", "set")
        parts.append(table(columns, rows, right=[True, False, True, True, False]))
    return "\n\n".join(parts)


@app.command(epilog="Example: etl db check && echo sound")
def check(
    db: Database = None,
    examples: Annotated[int, typer.Option(min=0, help="Violations to show for each check.")] = 3,
    deep: Annotated[
        bool, typer.Option("--deep", help="Analyze every song again, not only a sample of 5,000.")
    ] = False,
    as_json: AsJson = False,
) -> int:
    """Check that the tables agree with one another and with a new analysis; exit code 1 if they do not."""
    from etl.pipelines.data3.check import SAMPLE, check as check_store
    from etl.runtime.watch.renderers import renderers

    sample = None if deep else SAMPLE
    findings = check_store(database_path(db), sample=sample, examples=examples, renderers=renderers())
    show(findings, _describe_findings, as_json=as_json)
    return ExitCode.FAILURE if any(finding.violations for finding in findings) else ExitCode.OK


def _describe_findings(findings: list[Finding]) -> str:
    lines = []
    for finding in findings:
        extent = ""
        if finding.computed is not None and finding.songs is not None:
            extent = f" ({finding.computed:,} of {number_of(finding.songs, 'song')} analyzed again)"
        lines.append(f"{'FAIL' if finding.violations else 'ok':4}  {finding.check}{extent}")
        if finding.violations:
            lines.append(f"      {number_of(finding.violations, 'violation')}")
        lines += [
            "      " + ", ".join(f"{name} {value}" for name, value in example.items())
            for example in finding.examples
        ]
    held = sum(not finding.violations for finding in findings)
    return "\n".join([*lines, f"{held} of {len(findings)} checks passed"])


@app.command(epilog="Example: etl db migrate --db data/music.duckdb")
def migrate(db: Database = None, as_json: AsJson = False) -> None:
    """Bring the store's tables and views up to this version; creates the store if there is none."""
    from etl.store.database import upgrade_store

    show(upgrade_store(database_path(db)), _describe_upgrade, as_json=as_json)


def _describe_upgrade(upgrade: Upgrade) -> str:
    numbers = ", ".join(f"{number:04}" for number in upgrade.applied)
    done = [f"applied {numbers}"] if numbers else []
    done += [f"{problem}: made again" for problem in upgrade.mended]
    return f"{upgrade.path}: {'; '.join(done) or 'already up to date'}"


@app.command(epilog=examples("etl db forget songs.csv --dry-run", "etl db forget 3 --yes"))
def forget(
    source: Annotated[
        str, typer.Argument(help="A source: its path, the end of it, or its number in `etl db info`.")
    ],
    db: Database = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Delete a source from the store: songs, harmony, tokens, section keys, rejects and ledger entries."""
    from etl.store.database import open_store, read_store
    from etl.store.forget import forget_source, rows_of_source
    from etl.store.scope import find_source

    path = database_path(db)
    with read_store(path) as connection:
        found = rows_of_source(connection, find_source(connection, source))
    if not dry_run:
        if not yes:
            songs = number_of(found.rows["songs"], "song")
            ask(f"Delete {songs} of {found.path} from {path}?")
        with open_store(path) as connection:
            found = forget_source(connection, found.path)
    show(found, lambda result: deleted_rows(result.rows, result.path, dry_run=dry_run), as_json=as_json)
