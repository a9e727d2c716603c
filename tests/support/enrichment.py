"""An enrichment that shows nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from etl.pipelines.enrich.state import EnrichmentState
    from etl.runtime.errors import EtlError


class Quiet:
    """Shows nothing, and keeps what it was told."""

    def __init__(self) -> None:
        self.partials: list[Path] = []
        self.errors: list[EtlError] = []

    def show(self, state: EnrichmentState) -> None:
        """Look at the state as a view does."""
        state.as_dict()

    def wrote_partial(self, path: Path) -> None:
        """Keep the path."""
        self.partials.append(path)

    def could_not_write_partial(self, error: EtlError) -> None:
        """Keep the error."""
        self.errors.append(error)
