"""Deleting from the store: the option and the words that its commands share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, TypeAlias

import typer

from etl.cli.tables import table

DryRun: TypeAlias = Annotated[
    bool, typer.Option("--dry-run", help="Show what would be deleted without deleting it.")
]


def deleted_rows(rows: Mapping[str, int], of: str = "", *, dry_run: bool) -> str:
    """Say how many rows of which tables were deleted, or would be, and of what."""
    counts = [(name, f"{number:,}") for name, number in rows.items()]
    heading = f"{'would be deleted' if dry_run else 'deleted'}: {of}".rstrip()
    return f"{heading}\n\n{table(('table', 'rows'), counts, right=[False, True])}"
