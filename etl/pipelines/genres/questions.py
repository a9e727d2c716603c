"""What services can be asked about the artists and albums of a library, and what of it is open."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from etl.services.catalog import GENRE_SOURCES, unidentified_source
from etl.services.settings import ServiceSettings, limits_path, service_settings
from etl.store.answers import wanted_ids
from etl.store.genres import QUESTIONS, gather_questions, opens_questions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    import duckdb

    from etl.services.contract import Kind
    from etl.store.bursts import BurstWriter

NONE_DAYS: Final = 90
"""After so many days what a service did not know is asked about again; what it knew is kept."""


@dataclass(frozen=True)
class GenreQuestions:
    """What to ask.

    Attributes
    ----------
    force
        Ask again about what has been answered.
    limit
        Artists and albums that each service is asked about at most; None for all.
    workers
        Requests at a time at most; None for as many as the rates of a service can use.
    settings
        Gives what the user has set for a service.
    limits_file
        Record of the requests of all runs, whichever their store.
    """

    force: bool = False
    limit: int | None = None
    workers: int | None = None
    settings: Callable[[str], ServiceSettings] = service_settings
    limits_file: Path = field(default_factory=limits_path)


class OpenIds:
    """What is to be asked of each service, read again only where answers have opened further questions.

    What the library can be asked about takes longer to plan than to read, and is the same for all services.
    """

    def __init__(self, store: BurstWriter, *, anew: bool) -> None:
        self._store = store
        self._anew = set(GENRE_SOURCES) if anew else set()
        self._ids: dict[str, dict[Kind, list[str]]] = {}

    def of(self, name: str) -> dict[Kind, list[str]]:
        """Give what is open by kind, what stands on most tracks first; of the services in their order."""
        if name not in self._ids:
            left = list(GENRE_SOURCES)[list(GENRE_SOURCES).index(name) :]
            with self._store.reading() as connection:
                gather_questions(connection)
                self._ids = {each: open_ids(connection, each, anew=each in self._anew) for each in left}
        self._anew.discard(name)  # what was answered since then is not asked again
        return self._ids[name]

    def answered(self, name: str, kinds: Iterable[Kind]) -> None:
        """Take note that a service has answered about ids of these kinds."""
        if any(opens_questions(name, kind) for kind in kinds):
            self._ids.clear()


def open_ids(
    connection: duckdb.DuckDBPyConnection, name: str, *, anew: bool = False
) -> dict[Kind, list[str]]:
    """Give what of the gathered questions is open at a service by kind, what stands on most tracks first."""
    service = unidentified_source(name, ServiceSettings())
    kinds = {kind: replace(kind, songs=QUESTIONS, gone_days=NONE_DAYS) for kind in service.kinds}
    return {
        kind: wanted_ids(connection, name, asked, anew=anew)["id"].to_list() for kind, asked in kinds.items()
    }
