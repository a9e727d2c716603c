"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Database = Annotated[
    Path | None,
    typer.Option(
        "--db", help="The DuckDB file; default: $ETL_DB, else data/music.duckdb.", show_default=False
    ),
]

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")]
