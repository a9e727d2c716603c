"""Spotify's catalogue: names of artists and tracks, up to 50 ids per request where the app may do that.

References
----------
.. [1] Spotify for Developers, "Get Several Tracks" and "Get Several Artists": at most 50 ids; an unknown id
   is a null in the list.
.. [2] Spotify for Developers, "Spotify URIs and IDs": an id is base 62.
"""

from __future__ import annotations

import logging
import re
import threading
from collections import deque
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

import spotipy
from spotipy.cache_handler import MemoryCacheHandler
from spotipy.oauth2 import SpotifyClientCredentials

from etl.services.errors import (
    BadCredentialsError,
    BatchesRefusedError,
    ForbiddenError,
    GarbledError,
    NotFoundError,
    NullAnswerError,
    RejectedError,
    TransientError,
    UnauthorizedError,
)
from etl.services.session import PoliteSession
from etl.services.spotify_answers import Answer, Kind, failed, gone, judge, judge_batch

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from etl.services.credentials import Credentials
    from etl.services.politeness import Politeness

BATCH_SIZE: Final = 50
VALID_ID: Final = r"^[0-9A-Za-z]{22}$"
_VALID_ID: Final = re.compile(r"[0-9A-Za-z]{22}")


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where the service is."""

    api: str = "https://api.spotify.com/v1/"
    token: str = "https://accounts.spotify.com/api/token"  # noqa: S105 - an address

    @classmethod
    def at(cls, base: str) -> Endpoints:
        """Return the endpoints of a server that holds both parts, such as one for tests."""
        return cls(f"{base.rstrip('/')}/v1/", f"{base.rstrip('/')}/api/token")


class BatchMemory(Protocol):
    """Remembers, per app, whether batches are allowed; called from any thread."""

    def batches_allowed(self) -> bool | None:
        """Return what is known, None for nothing yet."""

    def remember(self, *, allowed: bool) -> None:
        """Keep it durably."""


class MemoryBatchMemory:
    """Remembers for this process only."""

    def __init__(self) -> None:
        self.allowed: bool | None = None

    def batches_allowed(self) -> bool | None:
        """Return what is known."""
        return self.allowed

    def remember(self, *, allowed: bool) -> None:
        """Keep it."""
        self.allowed = allowed


class _Tokens(SpotifyClientCredentials):  # type: ignore[misc]  # spotipy ships no types
    """Fetches one token at a time, however many threads want one, and forgets refused ones."""

    def __init__(
        self,
        credentials: Credentials,
        politeness: Politeness,
        endpoints: Endpoints,
        timeout: tuple[float, float],
    ) -> None:
        self.OAUTH_TOKEN_URL = endpoints.token
        self._one_at_a_time = threading.Lock()
        super().__init__(
            client_id=credentials.client_id,
            client_secret=credentials.client_secret,
            cache_handler=MemoryCacheHandler(),
            requests_session=PoliteSession(politeness, for_tokens=True, timeout=timeout),
        )

    def get_access_token(self, as_dict: bool = False, check_cache: bool = True) -> str:  # noqa: ARG002 - spotipy passes it
        with self._one_at_a_time:
            try:
                token = super().get_access_token(as_dict=False, check_cache=check_cache)
            except (KeyError, TypeError):
                raise GarbledError("the token endpoint gave no token") from None
        if not isinstance(token, str):
            raise GarbledError("the token endpoint gave no token")
        return token

    def forget(self, token: str | None) -> None:
        """Forget a refused token, unless another thread has replaced it already."""
        with self._one_at_a_time:
            cached = self.cache_handler.get_cached_token()
            if cached and cached.get("access_token") == token:
                self.cache_handler.save_token_to_cache(None)


class SpotifyClient:
    """Looks ids up; safe to use from several threads.

    Parameters
    ----------
    credentials
        Of the app.
    politeness
        The gate that every request passes.
    batches
        Remembers whether the app may ask for several ids at once.
    endpoints
        Where the service is.
    connections
        Connections kept open: the number of threads that use the client.
    timeout
        Seconds to connect, and between two pieces of an answer.
    """

    def __init__(
        self,
        credentials: Credentials,
        politeness: Politeness,
        batches: BatchMemory,
        *,
        endpoints: Endpoints | None = None,
        connections: int = 1,
        timeout: tuple[float, float] = (5.0, 15.0),
    ) -> None:
        endpoints = endpoints or Endpoints()
        for name in ("spotipy.client", "spotipy.oauth2"):
            logging.getLogger(name).addFilter(_without_headers)
        # Retries log a warning each; without a handler Python would print them.
        logging.getLogger("stamina").addHandler(logging.NullHandler())
        self.politeness = politeness
        self.connections = connections
        self._batches = batches
        self._first_batch = threading.Lock()
        self._tokens = _Tokens(credentials, politeness, endpoints, timeout)
        self._spotipy = spotipy.Spotify(
            auth_manager=self._tokens,
            requests_session=PoliteSession(politeness, connections=connections, timeout=timeout),
        )
        self._spotipy.prefix = endpoints.api

    @property
    def portion(self) -> int:
        """How many ids a request may hold, as far as is known."""
        return 1 if self._batches.batches_allowed() is False else BATCH_SIZE

    @property
    def portion_is_known(self) -> bool:
        """Whether the app has tried a batch."""
        return self._batches.batches_allowed() is not None

    def look_up(self, kind: Kind, ids: Sequence[str]) -> Iterator[list[Answer]]:
        """Ask for artists or tracks.

        Parameters
        ----------
        kind
            What the ids name.
        ids
            Distinct valid ids, at most 50.

        Yields
        ------
        list of Answer
            What one request has told; every id comes exactly once. Nothing further is sent before the
            caller asks for more, so that it can store what it has.

        Raises
        ------
        ValueError
            For ids that Spotify could not know.
        BatchesRefusedError
            When several ids were given and the app may not do that: ask again, ``portion`` ids at a time.
        ParkedError, BudgetSpentError, StoppedError, BadCredentialsError
            When nothing more can be asked now.
        """
        if len(ids) > BATCH_SIZE or not all(_VALID_ID.fullmatch(item) for item in ids):
            raise ValueError("At most 50 ids of 22 base-62 characters each are looked up at once.")
        parts = deque([list(ids)] if ids else [])
        while parts:
            part = parts.popleft()
            if len(part) == 1:
                yield [self._single(kind, part[0])]
                continue
            try:
                answers = self._permitted_batch(kind, part)
            except (TransientError, RejectedError):
                # One bad item spoils the batch: halve it until the item stands alone. Both halves before
                # their quarters, so that good answers in between keep the breaker closed.
                half = len(part) // 2
                parts.extend((part[:half], part[half:]))
            else:
                yield answers

    def _permitted_batch(self, kind: Kind, ids: Sequence[str]) -> list[Answer]:
        """Ask for a batch; the first request alone finds out for all threads whether that is allowed."""
        with self._first_batch if self._batches.batches_allowed() is None else nullcontext():
            if self._batches.batches_allowed() is False:
                raise BatchesRefusedError("The app may ask for one id at a time only.")
            try:
                answers = self._ask_for_batch(kind, ids)
            except (ForbiddenError, NotFoundError) as error:
                self._batches.remember(allowed=False)
                raise BatchesRefusedError("The app may ask for one id at a time only.") from error
            if self._batches.batches_allowed() is None:
                self._batches.remember(allowed=True)
            return answers

    def _ask_for_batch(self, kind: Kind, ids: Sequence[str]) -> list[Answer]:
        ask = self._spotipy.artists if kind is Kind.ARTIST else self._spotipy.tracks

        def request() -> list[Answer]:
            answers = judge_batch(kind, ids, self._with_token(ask, list(ids)).get(kind.path))
            if answers is None:
                raise GarbledError("the answer does not match the ids")
            return answers

        return self.politeness.persist(request)

    def _single(self, kind: Kind, item_id: str) -> Answer:
        ask = self._spotipy.artist if kind is Kind.ARTIST else self._spotipy.track
        try:
            return judge(kind, item_id, self.politeness.persist(lambda: self._with_token(ask, item_id)))
        except NotFoundError as error:
            return gone(kind, item_id, str(error))
        except NullAnswerError:
            return gone(kind, item_id, "null answer")
        except (TransientError, RejectedError, ForbiddenError) as error:
            return failed(kind, item_id, error.category, str(error))

    def _with_token(self, ask: Any, argument: Any) -> dict[str, Any]:
        token = None
        try:
            token = self._tokens.get_access_token()
            answer: dict[str, Any] = ask(argument)
        except UnauthorizedError:
            self._tokens.forget(token)
            raise
        except BadCredentialsError as error:
            text = f"Spotify does not accept the client id and secret ({error})."
            raise BadCredentialsError(text) from None
        return answer


def _without_headers(record: logging.LogRecord) -> bool:
    """Drop the debug lines of spotipy: they hold the authorization headers."""
    return record.levelno > logging.DEBUG
