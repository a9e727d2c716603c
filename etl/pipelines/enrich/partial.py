"""What an enrichment leaves when it has to stop on the way: a partial CSV, and when to come back."""

from __future__ import annotations

import re
import time
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from etl.runtime.disk.staging import sweep
from etl.runtime.errors import EtlError, ExitCode
from etl.runtime.watch.format import duration
from etl.runtime.wording import number_of
from etl.services.errors import (
    ForeignError,
    GarbledError,
    NetworkError,
    NotFoundError,
    RejectedError,
    ServerError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from etl.pipelines.enrich.result import EnrichmentResult
    from etl.services.contract import Service
    from etl.services.errors import ParkedError
    from etl.services.state import ServiceState

_PARTIALS: Final = "partials"  # where it is kept which partial CSVs were written

_UNREACHABLE: Final = {
    NetworkError.category: "Check the network, a VPN or proxy (HTTPS_PROXY)",
    ForeignError.category: "Something else answers: check for a proxy or a login page of the network",
    NotFoundError.category: "Nothing that was asked for is known there: check the network's proxy",
    RejectedError.category: "Nothing that was asked for is accepted there: check the network's proxy",
}
"""What to check, by the category of failures that are not the service's."""

_OUT_OF_ORDER: Final = (ServerError.category, GarbledError.category)


def partial_path(folder: Path, songs: int, now: datetime) -> Path:
    """Name a partial CSV.

    Examples
    --------
    >>> from pathlib import Path
    >>> partial_path(Path("out"), 12345, datetime(2026, 1, 2, 3, 4, 5)).name
    'data3_partial_20260102_030405_12,345_songs.csv'
    """
    return folder / f"data3_partial_{now:%Y%m%d_%H%M%S}_{songs:,}_songs.csv"


def sweep_partials(folder: Path) -> None:
    """Remove what killed runs have left of partial CSVs."""
    for path in folder.glob(".data3_partial_*_songs.csv.*.tmp"):
        if whole := re.fullmatch(r"\.(data3_partial_.*_songs\.csv)\.\d+\.tmp", path.name):
            sweep(folder / whole[1])


@contextmanager
def keeping_newest(state: ServiceState, path: Path, number: int) -> Iterator[None]:
    """Note a partial CSV before it is written, and remove all but the newest ones of this store after it."""
    newest = str(path.absolute())
    # Two within one second have one name.
    known = [*(old for old in state.get(_PARTIALS) or [] if old != newest), newest]
    state.put(_PARTIALS, known)
    yield
    there = [each for each in known if Path(each).exists()]
    for old in there[:-number]:
        Path(old).unlink(missing_ok=True)
    state.put(_PARTIALS, there[-number:])


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
    parked: ParkedError, service: Service, result: EnrichmentResult, partial: Path | None, command: str
) -> ServiceParkedError:
    """Say why nothing more may be asked, what there is by now, and when to come back with which command."""
    until = datetime.fromtimestamp(parked.not_before).astimezone()
    rest = duration(max(0.0, parked.not_before - time.time()))
    lines = []
    what = "does not work for now" if parked.cause in _OUT_OF_ORDER else "refuses further requests for now"
    if check := _UNREACHABLE.get(parked.cause):
        what = "cannot be reached"
        lines.append(f"{check}, and ETL_{service.name.upper()}_URL or url in [{service.name}] if you set it.")
    lines.append(
        f"What was fetched is kept: {result.songs_named:,} of {number_of(result.songs, 'song')} have "
        f"{result.gives}, {result.songs_complete:,} are complete."
    )
    if partial is not None:
        lines.append(f"All songs as far as they are known are in {partial}.")
    lines += [
        f"Come back after {until:%Y-%m-%d %H:%M:%S %Z} (in {rest}) with:\n  {command}",
        "With --wait it waits until then and continues automatically.",
    ]
    return ServiceParkedError(
        f"{parked.service} {what} ({parked.reason}).",
        "\n".join(lines),
        reason=parked.reason,
        not_before=parked.not_before,
    )
