"""What the tests of genres share: servers, and stores of tagged tracks."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from etl.genres.vocabulary import Vocabulary, read_vocabulary
from etl.pipelines.genres.ask import STAGES, GenreQuestions, SourceResult, ask_sources
from etl.pipelines.genres.fetch import FetchResult, fetch_genres
from etl.runtime.resources import resource
from etl.runtime.watch.progress import Watch
from etl.services.politeness.retry import Patience
from etl.services.settings import ServiceSettings
from etl.store.bursts import writing
from etl.store.database import open_store, read_store
from etl.store.frames import insert
from tests.support.empty_store import empty_store
from tests.support.genre_servers import LastFmServer, MusicBrainzGenreServer
from tests.support.listenbrainz_server import ListenBrainzServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.loopback import Loopback

HURRY = Patience(first_pause=0.001, longest_pause=0.01, jitter=0.0, first_delay=0.0001, longest_delay=0.001)


@dataclass
class World:
    """A store, and the three services as they know the world."""

    database: Path
    musicbrainz: MusicBrainzGenreServer
    listenbrainz: ListenBrainzServer
    lastfm: LastFmServer

    def track(
        self, artist: str | None = None, genre: str | None = None, times: int = 1, **tags: str | list[str]
    ) -> None:
        """Tag tracks; further fields are those of MusicBrainz without their prefix."""
        with open_store(self.database) as connection:
            for _ in range(times):
                (number,) = connection.execute("SELECT count(*) FROM files").fetchall()[0]
                track = f"t{number}"
                connection.execute(
                    "INSERT INTO files (path, track_id, size_bytes, mtime_ns, first_seen) "
                    "VALUES ($t, $t, 1, 1, now())",
                    {"t": track},
                )
                connection.execute(
                    "INSERT INTO tracks (track_id, artist, genre) VALUES (?, ?, ?)", [track, artist, genre]
                )
                for name, values in tags.items():
                    connection.executemany(
                        "INSERT INTO track_tags VALUES (?, ?, ?, ?)",
                        [
                            [track, f"musicbrainz_{name}", place, value]
                            for place, value in enumerate([values] if isinstance(values, str) else values, 1)
                        ],
                    )

    def tag_many(self, tracks: list[dict[str, str]]) -> None:
        """Put many tracks that have nothing but tags of MusicBrainz."""
        frame = pl.DataFrame(tracks).with_row_index("track_id")
        tags = frame.unpivot(index="track_id", variable_name="field").select(
            pl.format("t{}", "track_id").alias("track_id"),
            pl.format("musicbrainz_{}", "field").alias("field"),
            pl.lit(1).alias("position"),
            "value",
        )
        with open_store(self.database) as connection:
            insert(connection, "track_tags", tags)
            for table, more in (
                ("tracks", ""),
                ("files", ", track_id AS path, 1 AS size_bytes, 1 AS mtime_ns, now() AS first_seen"),
            ):
                connection.execute(
                    f"INSERT INTO {table} BY NAME SELECT DISTINCT track_id{more} FROM track_tags"
                )

    def server(self, name: str) -> Loopback:
        """Give the server of a service."""
        found: Loopback = getattr(self, name)
        return found

    def settings(self, name: str) -> ServiceSettings:
        """Ask the servers as fast as it goes."""
        return ServiceSettings(url=self.server(name).url, per_second=5000, patience=HURRY)

    def questions(self, **options: Any) -> GenreQuestions:
        """Make questions to the servers."""
        return GenreQuestions(settings=self.settings, **options)

    def fetch(self, **options: Any) -> FetchResult:
        """Ask."""
        return fetch_genres(self.database, self.questions(**options))

    def ask(self, **options: Any) -> list[SourceResult]:
        """Ask, and compare nothing."""
        with Watch("ask", STAGES) as watch, writing(self.database, "ask", {}) as store:
            return ask_sources(store, watch, self.questions(**options))

    def ask_as_set(self) -> None:
        """Ask at the rates that the environment sets."""
        fetch_genres(self.database, GenreQuestions())

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Query the store."""
        with read_store(self.database) as connection:
            return connection.execute(sql).fetchall()

    def requests(self) -> tuple[int, int, int]:
        """Count the requests to MusicBrainz, ListenBrainz and Last.fm by now."""
        musicbrainz, listenbrainz, lastfm = (
            len(self.server(name).requests) for name in ("musicbrainz", "listenbrainz", "lastfm")
        )
        return musicbrainz, listenbrainz, lastfm


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Serve on the loopback, with a key for Last.fm and an empty store."""
    monkeypatch.setenv("ETL_LIMITS", str(tmp_path / "limits.sqlite"))
    monkeypatch.setenv("LASTFM_API_KEY", "k" * 32)
    monkeypatch.setattr("etl.pipelines.genres.refresh.vocabulary_of", lambda _: _shipped_vocabulary())
    with ExitStack() as stack:
        servers = [
            stack.enter_context(each()) for each in (MusicBrainzGenreServer, ListenBrainzServer, LastFmServer)
        ]
        yield World(empty_store(tmp_path / "music.duckdb"), *servers)  # type: ignore[arg-type]


@cache
def _shipped_vocabulary() -> Vocabulary:
    """Read it once for all tests: that takes a third of a second."""
    return read_vocabulary(resource("genres/vocabulary.yaml").read_text(encoding="utf-8"))
