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
import time
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, ClassVar, Final
from urllib.parse import parse_qs, urlsplit

from etl.music.spotify_ids import SPOTIFY_ID
from etl.services.contract import Answer, Kind, Service, Status, failed, gone
from etl.services.credentials import Credentials, spotify_credentials
from etl.services.errors import (
    AppError,
    BadCredentialsError,
    BatchesRefusedError,
    ForbiddenError,
    GarbledError,
    IncompleteError,
    NotFoundError,
    NullAnswerError,
    QuotaError,
    RejectedError,
    TransientError,
    UnauthorizedError,
)
from etl.services.politeness.rates import DAY
from etl.services.politeness.retry import persist, persist_or_park
from etl.services.portions import is_worth_repeating, look_up_halving
from etl.services.spotify_items import ARTIST, KINDS, TRACK, judge_batch, judge_item
from etl.services.statuses import complaint_of, json_object, raise_for_status, retry_after

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import requests
    from spotipy.oauth2 import SpotifyClientCredentials

    from etl.services.politeness.gate import Gate
    from etl.services.settings import ServiceSettings
    from etl.services.state import ServiceState
    from etl.services.statuses import Complaint

BATCH_SIZE: Final = 50
DEFAULT_RATE: Final = 3.0
"""Requests per second; users of small apps report limits of about 180 a minute."""

BATCHES_AGAIN_DAYS: Final = 30
"""After so many days an app that was refused batches tries once more: its quota may have grown."""

WITHDRAWN: Final = 2
"""Refusals in a row after which an app that was allowed batches is taken to be so no more."""

_API: Final = "https://api.spotify.com/v1/"
_TOKENS: Final = "https://accounts.spotify.com/api/token"
_DASHBOARD: Final = "https://developer.spotify.com/dashboard"
# What Spotify says with a 403 when it is not about the item, and not about batches either.
_ABOUT_THE_APP: Final = re.compile(
    r"premium|subscription|scope|quota|developer|dashboard|registered|\bapp\b|application|client"
    r"|blocked|suspended|disabled",
    re.IGNORECASE,
)


def configured(settings: ServiceSettings) -> Spotify:
    """Make the service for the user's app; see :func:`etl.services.catalog.configured`."""
    return Spotify(spotify_credentials(), settings)


def unidentified(settings: ServiceSettings) -> Spotify:
    """Make the service for no app: nothing can be asked, and nothing is known about the app."""
    return Spotify(Credentials("", ""), settings)


class Spotify(Service):
    """Spotify for one app; safe to use from several threads.

    Parameters
    ----------
    credentials
        Of the app.
    settings
        Where and how often; ``url`` is a server that has both ``/v1/`` and ``/api/token``.
    """

    name: ClassVar[str] = "spotify"
    title = "Spotify"
    kinds: ClassVar[tuple[Kind, ...]] = KINDS

    def __init__(self, credentials: Credentials, settings: ServiceSettings) -> None:
        self.account = settings.account or "developer"
        self.rates = settings.rates(DEFAULT_RATE)
        self._credentials = credentials
        self._language = settings.language
        self._batches = f"batches {credentials.app}"  # where it is kept whether the app may send them
        self._refusals = 0  # of batches in a row, in this process; a single look-up has to confirm them
        base = settings.url and settings.url.rstrip("/").removesuffix("/v1")
        self._api = f"{base}/v1/" if base else _API
        self._token_url = f"{base}/api/token" if base else _TOKENS
        self._first_batch = threading.Lock()

    def connect(self, gate: Gate) -> None:
        """Build spotipy's client on polite sessions."""
        # Imported here: the kinds of this module are needed where nothing is sent.
        import spotipy  # noqa: PLC0415
        from spotipy.cache_handler import MemoryCacheHandler  # noqa: PLC0415
        from spotipy.oauth2 import SpotifyClientCredentials  # noqa: PLC0415

        from etl.services.politeness.session import PoliteSession  # noqa: PLC0415

        for name in ("spotipy.client", "spotipy.oauth2"):
            logging.getLogger(name).addFilter(_without_headers)
        super().connect(gate)
        secrets = (self._credentials.client_id, self._credentials.client_secret)
        manager = SpotifyClientCredentials(
            *secrets,
            cache_handler=MemoryCacheHandler(),
            requests_session=PoliteSession(gate, self._judge_token, secrets=secrets, for_tokens=True),
        )
        manager.OAUTH_TOKEN_URL = self._token_url
        self._tokens = _Tokens(manager)
        self._spotipy = spotipy.Spotify(
            auth_manager=self._tokens,
            language=self._language,
            requests_session=PoliteSession(gate, self.judge, connections=self.connections, secrets=secrets),
        )
        self._spotipy.prefix = self._api

    def portions(self, state: ServiceState) -> tuple[int, ...]:
        """Say whether the app may send batches: a refusal lasts for a month, a permission until refusals."""
        kept = state.get(self._batches)
        if kept is not None and kept["allowed"]:
            return (BATCH_SIZE,) if self._refusals < WITHDRAWN else (1,)
        if kept is None or not 0 <= time.time() - kept["at"] < BATCHES_AGAIN_DAYS * DAY:
            return (1,) if self._refusals else (BATCH_SIZE, 1)
        return (1,)

    def judge(self, response: requests.Response) -> list[Answer]:
        """Say what Spotify's answer to a look-up means: an Answer for each id that was asked about.

        Parameters
        ----------
        response
            Of ``artists/ID``, ``tracks/ID``, or ``artists/?ids=ID,ID`` and ``tracks/?ids=ID,ID``.
        """
        address = urlsplit(str(response.request.url))
        batch = parse_qs(address.query).get("ids")
        try:
            _raise_for_status(response, _has_status)
        except ForbiddenError as error:
            # Where batches have worked, several may be under way: no sign that the app is refused.
            raise BatchesRefusedError(*error.args) if batch and self.portion_is_known else error from None
        body = json_object(response)
        kind = ARTIST if "/artists/" in address.path else TRACK
        if batch:
            ids = batch[0].split(",")
            answers = judge_batch(kind, ids, body.get(f"{kind}s"))
            if len(answers) < len(ids):
                raise IncompleteError("the answer does not match the ids", answers)
            return answers
        answer = judge_item(kind, address.path.rpartition("/")[2], body)
        if answer.status is Status.ERROR:
            raise GarbledError(answer.reason.partition(": ")[2])
        return [answer]

    @staticmethod
    def _judge_token(response: requests.Response) -> dict[str, Any]:
        try:
            _raise_for_status(response)
        except (UnauthorizedError, ForbiddenError, NotFoundError, RejectedError) as error:
            raise BadCredentialsError(
                f"Spotify does not accept the client id and secret ({error}).",
                "Check SPOTIPY_CLIENT_ID and SPOTIPY_CLIENT_SECRET, or [spotify] in the configuration file.",
            ) from None
        try:
            body = json_object(response)
        except NullAnswerError:
            body = {}
        token, seconds = body.get("access_token"), body.get("expires_in")
        is_token = isinstance(token, str) and re.fullmatch(r"[!-~]+", token)
        if not is_token or type(seconds) is not int or seconds <= 0:
            raise AppError(
                "Spotify accepts the client id and secret, but grants no usable access token.",
                f"Check the app at {_DASHBOARD}, and that nothing stands between you and {_TOKENS}.",
            )
        return body

    def look_up(self, kind: Kind, ids: Sequence[str]) -> Iterator[list[Answer]]:
        """Ask for artists or tracks; see :meth:`etl.services.contract.Service.look_up`.

        Raises
        ------
        ValueError
            For ids that Spotify could not know.
        """
        if len(ids) > BATCH_SIZE or not all(_IS_VALID.fullmatch(item) for item in ids):
            raise ValueError("At most 50 ids of 22 base-62 characters each are looked up at once.")
        yield from look_up_halving(
            ids,
            together=lambda part: self._permitted_batch(kind, part),
            alone=lambda item: self._single(kind, item),
        )

    def _permitted_batch(self, kind: Kind, ids: Sequence[str]) -> list[Answer]:
        """Ask for a batch; the first request alone finds out for all threads whether that is allowed."""
        refused = "The app may ask for one id at a time only."
        with nullcontext() if self.portion_is_known else self._first_batch:
            if self.portion == 1:
                raise BatchesRefusedError(refused)
            ask = self._spotipy.artists if kind == ARTIST else self._spotipy.tracks
            try:
                answers: list[Answer] = persist(
                    self.gate, lambda: self._with_token(ask, list(ids)), again=is_worth_repeating
                )
            except (ForbiddenError, NotFoundError) as error:
                self._refusals += 1
                raise BatchesRefusedError(refused) from error
            self._refusals = 0
            if not self.portion_is_known:
                self._remember_batches(allowed=True)
            return answers

    def _remember_batches(self, *, allowed: bool) -> None:
        self._refusals = 0
        self.gate.state.put(self._batches, {"allowed": allowed, "at": time.time()})

    def _single(self, kind: Kind, item_id: str) -> Answer:
        ask = self._spotipy.artist if kind == ARTIST else self._spotipy.track
        try:
            (answer,) = persist(self.gate, lambda: self._with_token(ask, item_id))
        except NotFoundError as error:
            return gone(kind, item_id, str(error), is_certain=False)
        except NullAnswerError:
            return gone(kind, item_id, "null answer", is_certain=False)
        except (TransientError, RejectedError, ForbiddenError) as error:
            return failed(kind, item_id, error.category, str(error))
        if self._refusals and self.portion == 1:
            self._remember_batches(allowed=False)
        return answer

    def _with_token(self, ask: Any, argument: Any) -> list[Answer]:
        token = persist_or_park(self.gate, self._tokens.get_access_token)
        try:
            answers: list[Answer] = ask(argument)
        except UnauthorizedError:
            self._tokens.forget(token)
            raise
        return answers


class _Tokens:
    """Fetches one token at a time, however many threads want one, and forgets refused ones."""

    def __init__(self, manager: SpotifyClientCredentials) -> None:
        self._manager = manager
        self._one_at_a_time = threading.Lock()

    def get_access_token(self, *, as_dict: bool = False) -> str:
        """Give a token that is good for a minute at least; spotipy passes ``as_dict``."""
        with self._one_at_a_time:
            token: str = self._manager.get_access_token(as_dict=as_dict)
            return token

    def forget(self, token: str) -> None:
        """Forget a refused token, unless another thread has replaced it already."""
        with self._one_at_a_time:
            cached = self._manager.cache_handler.get_cached_token()
            if cached and cached.get("access_token") == token:
                self._manager.cache_handler.save_token_to_cache(None)


_IS_VALID: Final = re.compile(SPOTIFY_ID)


def _raise_for_status(
    response: requests.Response, is_own: Callable[[Complaint | None], bool] = lambda each: each is not None
) -> None:
    """Raise what Spotify complains about, in the header or in the body of an answer that looks well."""
    complaint = complaint_of(response)
    status = response.status_code
    if complaint is None and status == 200:
        return
    message, reason = (complaint.message, complaint.reason) if complaint else (_plain_text(response), "")
    if status == 200 and complaint:
        status = complaint.status or 0
    if reason == "QUOTA_EXCEEDED":
        raise QuotaError(f"{status} {reason}", retry_after(response))
    if status == 403 and _ABOUT_THE_APP.search(message):
        raise AppError(
            f"Spotify refuses the app: {message}",
            f"See the app at {_DASHBOARD}. The owner of an app in development mode needs Spotify Premium.",
        )
    if complaint and status < 400:
        raise GarbledError(f"an error inside a successful answer: {message}".rstrip(": "))
    raise_for_status(
        response, complaint.message if complaint else "", status=status, is_own=is_own(complaint)
    )


def _has_status(complaint: Complaint | None) -> bool:
    return complaint is not None and complaint.status is not None


def _plain_text(response: requests.Response) -> str:
    """Give a short text for people, as some refusals of Spotify are; nothing of a page."""
    text = " ".join(response.content[:300].decode(errors="replace").split())
    return "" if "<" in text else text[:120]


def _without_headers(record: logging.LogRecord) -> bool:
    """Drop the debug lines of spotipy: they hold the authorization headers."""
    return record.levelno > logging.DEBUG
