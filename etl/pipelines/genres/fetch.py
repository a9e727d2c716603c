"""Genres from whoever knows them: services are asked, and what songs, files and services say is compared."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from etl.pipelines.genres import ask, refresh
from etl.pipelines.genres.ask import SourceResult, ask_sources
from etl.pipelines.genres.questions import GenreQuestions
from etl.pipelines.genres.refresh import GenresResult, refresh_genres
from etl.runtime.errors import EtlError
from etl.runtime.watch.log_file import LogFile, log_path
from etl.runtime.watch.progress import Watch
from etl.store.bursts import writing

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from etl.runtime.watch.progress import Renderer
    from etl.store.bursts import BurstWriter

STAGES: Final = (*ask.STAGES, *refresh.STAGES)
"""Those of :func:`fetch_into`."""


@dataclass(frozen=True)
class FetchResult:
    """What came of it.

    Attributes
    ----------
    sources
        Services that had something to be asked.
    genres
        All that is known now; None where nobody has said anything.
    """

    sources: list[SourceResult] = field(default_factory=list)
    genres: GenresResult | None = None


def fetch_into(store: BurstWriter, watch: Watch, database: Path, questions: GenreQuestions) -> FetchResult:
    """Ask and compare, as a part of a run; see :func:`fetch_genres`."""
    sources = ask_sources(store, watch, questions)
    return FetchResult(sources, refresh_genres(store, watch, database))


def fetch_genres(
    database: Path, questions: GenreQuestions | None = None, renderers: Sequence[Renderer] = ()
) -> FetchResult:
    """Ask services about the artists and albums of the library, and bring the genres of all up to date.

    Parameters
    ----------
    database
        The store.
    questions
        What to ask.
    renderers
        Where the run is shown.

    Raises
    ------
    EtlError
        If the store has no tags, another run writes to it, or one of the user's files is not of its form.
    KeyboardInterrupt
        On Ctrl-C or SIGTERM; what was answered is kept.
    """
    if not database.exists():
        raise EtlError(f"there is no store at {database}.", "Build one, scan folders first, or check --db.")
    log = LogFile(log_path(database))
    with (
        Watch("etl genres fetch", STAGES, [*renderers, log]) as watch,
        writing(database, "genres fetch", {}, log=log) as store,
    ):
        result = fetch_into(store, watch, database, questions or GenreQuestions())
        if result.genres is None:
            raise EtlError(
                "the store has neither songs nor tracks with a genre.",
                "Run `etl build data3 songs.csv` or `etl library run ~/Music` first.",
            )
        store.run.items_in, store.run.items_out = result.genres.tags, result.genres.genres
    return result
