"""How much services are to be asked about the artists and albums of a library, and how long that takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from etl.pipelines.enrich.estimate import daily_quota, seconds_for
from etl.pipelines.genres.questions import open_ids
from etl.runtime.errors import EtlError
from etl.services.catalog import GENRE_SOURCES, genre_source, unidentified_source
from etl.services.errors import ParkedError
from etl.services.musicbrainz_genres import NAMED_ARTIST, NAMED_RELEASE_GROUP
from etl.services.politeness.breaker import Breaker
from etl.services.politeness.gate import QUOTA_KEY
from etl.services.state import MemoryState
from etl.store import service_state
from etl.store.database import read_store
from etl.store.genres import gather_questions, waiting_albums

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from etl.pipelines.genres.questions import GenreQuestions


@dataclass(frozen=True)
class SourcePlan:
    """What a service is to be asked.

    Attributes
    ----------
    source
        Its title.
    ids
        Artists and albums to ask about, by kind.
    requests, seconds
        How many requests that takes without retries, and how long at the service's rates.
    skipped
        Why it will not be asked now; empty if it will.
    """

    source: str
    ids: Mapping[str, int]
    requests: int
    seconds: float
    skipped: str


@dataclass(frozen=True)
class GenrePlan:
    """What services are to be asked, one after the other.

    Attributes
    ----------
    sources
        Each service.
    requests, seconds
        Of all that will be asked.
    """

    sources: tuple[SourcePlan, ...]

    @property
    def requests(self) -> int:
        """Requests to send."""
        return sum(source.requests for source in self.sources if not source.skipped)

    @property
    def seconds(self) -> float:
        """How long that takes."""
        return sum(source.seconds for source in self.sources if not source.skipped)


def plan_questions(database: Path, questions: GenreQuestions) -> GenrePlan:
    """Count what services would be asked now, and how long that takes; nothing is sent or written.

    Artists whose MBID MusicBrainz has still to tell count for the services that are asked by it, too, and
    so do their albums.

    Raises
    ------
    EtlError
        If there is no store.
    """
    plans = []
    with read_store(database) as connection:
        gather_questions(connection)
        names = 0
        for name in GENRE_SOURCES:
            settings = questions.settings(name)
            service, why = unidentified_source(name, settings), ""
            try:
                service = genre_source(name, settings)
            except EtlError as error:
                why = str(error.args[0])
            found_ids = open_ids(connection, name, anew=questions.force)
            ids = {kind.name: len(found) for kind, found in found_ids.items()}
            if name == "musicbrainz":
                still = open_ids(connection, name) if questions.force else found_ids
                names = 0 if why else len(still[NAMED_ARTIST])
                ids[NAMED_RELEASE_GROUP.name] += waiting_albums(connection)
            elif names:
                ids["artist"] += names
            if questions.limit is not None:
                ids = _at_most(ids, questions.limit)
            known = MemoryState(**service_state.values(connection, name, service.account))
            if (until := Breaker(service.title, known).parked_until()) is not None and not why:
                why = str(ParkedError(service.title, until, "it asked for a pause"))
            portion = service.portions(known)[0]
            requests = sum(-(-number // portion) for number in ids.values())
            quota = daily_quota(service.rates, known.get(QUOTA_KEY))
            seconds = seconds_for(requests, service.rates.per_second, quota)
            plans.append(SourcePlan(service.title, ids, requests, seconds, why if requests else ""))
    return GenrePlan(tuple(plans))


def _at_most(ids: Mapping[str, int], limit: int) -> dict[str, int]:
    taken = {}
    for kind, number in ids.items():
        taken[kind] = min(number, limit)
        limit -= taken[kind]
    return taken
