"""What an enrichment leaves when it has to stop on the way: a partial CSV, and when to come back."""

from __future__ import annotations

import time
from datetime import datetime
from typing import TYPE_CHECKING

from etl.runtime.errors import EtlError, ExitCode
from etl.runtime.watch.format import duration

if TYPE_CHECKING:
    from pathlib import Path

    from etl.pipelines.enrich.result import EnrichmentResult
    from etl.services.errors import ParkedError


def partial_path(folder: Path, songs: int, now: datetime) -> Path:
    """Name a partial CSV.

    Examples
    --------
    >>> from pathlib import Path
    >>> partial_path(Path("out"), 12345, datetime(2026, 1, 2, 3, 4, 5)).name
    'data3_partial_20260102_030405_12,345_songs.csv'
    """
    return folder / f"data3_partial_{now:%Y%m%d_%H%M%S}_{songs:,}_songs.csv"


class ServiceParkedError(EtlError):
    """Nothing more may be asked now.

    Parameters
    ----------
    message, hint
        As of any error.
    reason
        What the service said.
    not_before
        When it may be asked again, seconds since the epoch.
    """

    def __init__(self, message: str, hint: str, *, reason: str, not_before: float) -> None:
        super().__init__(message, hint, exit_code=ExitCode.PARKED)
        self.reason = reason
        self.not_before = not_before


def parked_error(
    parked: ParkedError, result: EnrichmentResult, partial: Path | None, command: str
) -> ServiceParkedError:
    """Say why nothing more may be asked, what there is by now, and when to come back with which command."""
    until = datetime.fromtimestamp(parked.not_before).astimezone()
    rest = duration(max(0.0, parked.not_before - time.time()))
    lines = [f"What was fetched is kept: {result.songs_settled:,} of {result.songs:,} songs are complete."]
    if partial is not None:
        lines.append(f"All songs as far as they are known are in {partial}.")
    lines += [
        f"Come back after {until:%Y-%m-%d %H:%M:%S %Z} (in {rest}) with:\n  {command}",
        "With --wait it waits until then and continues automatically.",
    ]
    return ServiceParkedError(
        f"{parked.service} refuses further requests for now ({parked.reason}).",
        "\n".join(lines),
        reason=parked.reason,
        not_before=parked.not_before,
    )
