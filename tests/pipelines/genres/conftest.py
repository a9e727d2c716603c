"""What the tests of genres share: servers, and stores of tagged tracks."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from etl.pipelines.genres.ask import STAGES, SourceResult, ask_sources
from etl.pipelines.genres.fetch import FetchResult, fetch_genres
from etl.pipelines.genres.questions import GenreQuestions
from etl.runtime.watch.progress import Watch
from etl.services.politeness.retry import Patience
from etl.services.settings import ServiceSettings
from etl.store.bursts import writing
from etl.store.database import open_store
from etl.store.frames import insert
from tests.support.empty_store import empty_store
from tests.support.genre_servers import LastFmServer, MusicBrainzGenreServer
from tests.support.listenbrainz_server import ListenBrainzServer
from tests.support.stored import stored_rows

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
    _tracks: list[dict[str, Any]] = field(default_factory=list)
    _tags: list[tuple[str, str, int, str]] = field(default_factory=list)
    _number: int = 0

    def track(
        self,
        artist: str | None = None,
        genre: str | None = None,
        times: int = 1,
        *,
        folder: str = "",
        album: str | None = None,
        albumartist: str | None = None,
        **tags: str | list[str],
    ) -> None:
        """Tag tracks; further fields are those of MusicBrainz without their prefix."""
        for _ in range(times):
            track, self._number = f"t{self._number}", self._number + 1
            row = {"artist": artist, "album": album, "albumartist": albumartist, "genre": genre}
            self._tracks.append({"track_id": track, "path": f"{folder}/{track}", **row})
            self._tags += [
                (track, f"musicbrainz_{name}", place, value)
                for name, values in tags.items()
                for place, value in enumerate([values] if isinstance(values, str) else values, 1)
            ]

    def written(self) -> Path:
        """Give the store, with all tracks in it."""
        if self._tracks:
            rows = pl.DataFrame(self._tracks, schema=dict.fromkeys(self._tracks[0], pl.String))
            files = rows.select("track_id", "path", size_bytes=1, mtime_ns=1, first_seen=datetime.now(UTC))
            tracks = rows.drop("path")
            tags = pl.DataFrame(self._tags, schema=["track_id", "field", "position", "value"], orient="row")
            with open_store(self.database) as connection:
                for table, frame in (("files", files), ("tracks", tracks), ("track_tags", tags)):
                    if frame.height:
                        insert(connection, table, frame)
            self._tracks, self._tags = [], []
        return self.database

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
        return fetch_genres(self.written(), self.questions(**options))

    def ask(self, **options: Any) -> list[SourceResult]:
        """Ask, and compare nothing."""
        with Watch("ask", STAGES) as watch, writing(self.written(), "ask", {}) as store:
            return ask_sources(store, watch, self.questions(**options))

    def ask_as_set(self) -> None:
        """Ask at the rates that the environment sets."""
        fetch_genres(self.written(), GenreQuestions())

    def age(self, table: str, days: int) -> None:
        """Let answers be so many days old."""
        with open_store(self.database) as connection:
            connection.execute(f"UPDATE {table} SET fetched_at = now() - INTERVAL {days} DAY")

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Query the store."""
        return stored_rows(self.written(), sql)

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
    with ExitStack() as stack:
        servers = [
            stack.enter_context(each()) for each in (MusicBrainzGenreServer, ListenBrainzServer, LastFmServer)
        ]
        yield World(empty_store(tmp_path / "music.duckdb"), *servers)  # type: ignore[arg-type]
