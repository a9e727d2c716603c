"""The Spotify client as the pipelines use it: settings, limits and memory in their places."""

from __future__ import annotations

import math
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from etl.pipelines.service_state import LedgerBatchMemory, LedgerBreakerStore
from etl.runtime.errors import EtlError, ExitCode
from etl.runtime.settings import setting
from etl.services.breaker import Breaker
from etl.services.politeness import Politeness
from etl.services.ratelimit import RateLimit
from etl.services.spotify import Endpoints, SpotifyClient

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterator
    from pathlib import Path

    import duckdb

    from etl.services.credentials import Credentials
    from etl.services.pacing import AdaptiveDelay
    from etl.services.politeness import Retries

SERVICE: Final = "spotify"
DEFAULT_RATE: Final = 3.0
"""Requests per second; users of small apps report limits of about 180 a minute."""

_MAX_CONNECTIONS: Final = 16
_SECONDS_PER_ANSWER: Final = 0.1  # as measured by others; slower answers only lower the rate


@dataclass(frozen=True)
class SpotifySettings:
    """How Spotify is asked.

    Attributes
    ----------
    endpoints
        Where it is.
    per_second
        Requests per second at most.
    per_day
        Requests per rolling day at most, None for as many as Spotify allows.
    timeout
        Seconds to connect, and between two pieces of an answer.
    delay, retries
        The adaptive delay and the patience; None for the usual ones.
    """

    endpoints: Endpoints = field(default_factory=Endpoints)
    per_second: float = DEFAULT_RATE
    per_day: int | None = None
    timeout: tuple[float, float] = (5.0, 15.0)
    delay: AdaptiveDelay | None = None
    retries: Retries | None = None

    @property
    def connections(self) -> int:
        """Connections that the rate can use."""
        return min(max(math.ceil(self.per_second * _SECONDS_PER_ANSWER), 1), _MAX_CONNECTIONS)


def spotify_settings() -> SpotifySettings:
    """Read the settings from the environment and the ``[spotify]`` table of the configuration file.

    Raises
    ------
    EtlError
        When a number is none, or not above 0.
    """
    base = setting("ETL_SPOTIFY_URL", "spotify", "url")
    per_day = setting("ETL_SPOTIFY_PER_DAY", "spotify", "requests_per_day")
    per_second = setting("ETL_SPOTIFY_PER_SECOND", "spotify", "requests_per_second")
    return SpotifySettings(
        endpoints=Endpoints.at(base) if base else Endpoints(),
        per_second=_positive(per_second, "requests_per_second") if per_second else DEFAULT_RATE,
        per_day=max(1, math.floor(_positive(per_day, "requests_per_day"))) if per_day else None,
    )


def _positive(text: str, name: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise EtlError(
            f"{name} is {text!r}, which is no number above 0.",
            f"Correct ETL_SPOTIFY_{name.removeprefix('requests_').upper()} or [spotify] {name}.",
            exit_code=ExitCode.USAGE,
        )
    return value


def limits_path(database: Path) -> Path:
    """Where the record of requests is kept: beside the store."""
    return database.with_name(f"{database.name}.limits.sqlite")


@contextmanager
def spotify_client(
    connection: duckdb.DuckDBPyConnection,
    database: Path,
    credentials: Credentials,
    settings: SpotifySettings,
    stop: threading.Event,
    *,
    budget: int | None,
) -> Iterator[SpotifyClient]:
    """Build the client of one run; its limits and parking outlive the run in the store and beside it."""
    app = credentials.app
    with (
        closing(LedgerBreakerStore(connection, SERVICE, app)) as breaker,
        closing(LedgerBatchMemory(connection, SERVICE, app)) as batches,
        RateLimit(
            limits_path(database), SERVICE, per_second=settings.per_second, per_day=settings.per_day
        ) as limit,
    ):
        politeness = Politeness(
            limit,
            Breaker("Spotify", breaker),
            stop,
            budget=budget,
            delay=settings.delay,
            retries=settings.retries,
        )
        yield SpotifyClient(
            credentials,
            politeness,
            batches,
            endpoints=settings.endpoints,
            connections=settings.connections,
            timeout=settings.timeout,
        )
