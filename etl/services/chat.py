"""Language models by chat completions: one POST, as OpenRouter, OpenAI, Anthropic and local servers take it.

References
----------
.. [1] OpenAI API, "Chat completions": ``POST /chat/completions`` with ``model``, ``messages``,
   ``response_format``; ``choices[0].message.content``, ``finish_reason`` (``stop``, ``length``,
   ``content_filter``), ``usage``.
.. [2] OpenRouter, "Errors", 2026: ``{"error": {"code", "message", "metadata"}}``, also with a status of 200;
   a 402 whose ``limit_source`` is ``openrouter_in_flight_budget`` passes, any other needs credit; 403 for
   what moderation refuses; ``finish_reason`` ``error``. ``GET /key`` says whether an account is on the free
   tier.
.. [3] Anthropic API, "Errors": 529 for an overloaded service.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final
from urllib.parse import urlsplit

from etl.services.contract import Client
from etl.services.errors import (
    AppError,
    BadCredentialsError,
    ForeignError,
    GarbledError,
    InternalError,
    RateLimitedError,
    RefusedError,
    RejectedError,
    ServerError,
)
from etl.services.politeness.rates import DAY, Limit, Rates, Unit, Window
from etl.services.statuses import json_object, retry_after, window_left

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import requests

    from etl.services.chat_settings import ChatSettings
    from etl.services.politeness.gate import Gate
    from etl.services.politeness.rates import Cost

FREE_PER_MINUTE: Final = 20
FREE_PER_DAY: Final = 50
PAID_PER_DAY: Final = 1000
"""Requests to OpenRouter's free models: a minute, and a UTC day before and after credit was bought."""

JITTER_S: Final = 0.05
JITTER_SHARE: Final = 0.02
"""Seconds, and share of the time between requests, that they are further apart than they need be, whichever
is more: one may be on its way longer than the next.
"""

_IN_FLIGHT: Final = "openrouter_in_flight_budget"
_NO_CREDIT: Final = "Add credit to the account, or choose a free model; then run the same command again."
_UNKNOWN_MODEL: Final = ("model_not_found", "not a valid model", "no endpoints found", "does not exist")
_FORMAT: Final = ("response_format", "json_schema", "structured output", "output_config")
_TRUNCATED: Final = ("length", "max_tokens", "max_output_tokens")


@dataclass(frozen=True, slots=True)
class Reply:
    """What a model said.

    Attributes
    ----------
    text
        Its answer.
    is_cut
        Whether it had no room to end.
    prompt_tokens, completion_tokens
        As counted by the service; None if it does not tell.
    cost
        As told by the service; None if it does not tell.
    """

    text: str
    is_cut: bool
    prompt_tokens: int | None
    completion_tokens: int | None
    cost: float | None


class Chat(Client):
    """A model behind one endpoint, as one account may use it.

    Parameters
    ----------
    settings
        Where it is, with which key, how often it may be asked.
    """

    name: ClassVar[str] = "chat"

    def __init__(self, settings: ChatSettings) -> None:
        self._settings = settings
        self._url = settings.url.rstrip("/").removesuffix("/chat/completions")
        self.host = urlsplit(self._url).hostname or "the server"
        self.title = settings.provider.title() if settings.provider else self.host
        known = f"{self._url} {settings.key}"
        self.account = settings.account or hashlib.sha256(known.encode()).hexdigest()[:12]
        self.model = settings.model
        self.is_plain = False
        self.rates = _rates(settings, FREE_PER_DAY)

    def connect(self, gate: Gate) -> None:
        """Build the session."""
        from etl.services.politeness.session import PoliteSession  # noqa: PLC0415 - estimates send nothing

        super().connect(gate)
        key = self._settings.key
        self._session = PoliteSession(gate, self.judge, secrets=[key] if key else [])
        self._asides = PoliteSession(gate, _judge_key, secrets=[key] if key else [], for_tokens=True)
        if key:
            for session in (self._session, self._asides):
                session.headers["Authorization"] = f"Bearer {key}"

    def reconcile(self) -> None:
        """Ask OpenRouter which limits the account has; other services have no such question.

        Raises
        ------
        AppError
            When the key is not accepted.
        ServiceError
            When there is no answer; limits are then as they were.
        """
        if self._settings.provider != "openrouter" or not self._settings.key:
            return
        told: Mapping[str, Any] = self._asides.request("GET", f"{self._url}/key").json()
        self.rates = _rates(self._settings, FREE_PER_DAY if told.get("is_free_tier", True) else PAID_PER_DAY)
        self.gate.permits.rates = self.rates

    def complete(
        self,
        messages: Sequence[Mapping[str, str]],
        *,
        response_format: Mapping[str, Any],
        most_tokens: int,
        cost: Cost,
        admitted: Callable[[], None],
    ) -> Reply:
        """Send one request; nothing is repeated.

        Parameters
        ----------
        messages
            What is said.
        response_format
            Schema of the answer; left out once the service has refused it.
        most_tokens
            Tokens that the answer may have.
        cost
            What the request may cost, for the limits.
        admitted
            Called when the request may go, right before it does.

        Raises
        ------
        ServiceError
            The class says whose trouble it is.
        """
        body = self.body(messages, response_format=response_format, most_tokens=most_tokens)
        sent = json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        url = f"{self._url}/chat/completions"
        response = self._session.request(
            "POST", url, data=sent, headers=headers, cost=cost, admitted=admitted
        )
        reply: Reply = response.json()
        return reply

    def body(
        self, messages: Sequence[Mapping[str, str]], *, response_format: Mapping[str, Any], most_tokens: int
    ) -> dict[str, Any]:
        """Write a request as it is sent; parameters as of :meth:`complete`."""
        return {
            "model": self.model,
            "messages": list(messages),
            **self._parameters(most_tokens),
            **({} if self.is_plain else {"response_format": response_format}),
        }

    def _parameters(self, most_tokens: int) -> dict[str, Any]:
        # OpenAI's newer models take the other name alone, and no temperature but their own.
        if self._settings.provider == "openai":
            return {"max_completion_tokens": most_tokens}
        return {"temperature": 0, "max_tokens": most_tokens}

    def judge(self, response: requests.Response) -> Reply:
        """Say what an answer means."""
        if response.status_code != 200:
            raise_error(response, response.status_code, error_of(response))
        body = json_object(response)
        if error := error_of(response):
            code = error.get("code")
            raise_error(response, code if type(code) is int and code >= 400 else 502, error)
        choices = body.get("choices")
        first = choices[0] if isinstance(choices, list) and choices else None
        if not isinstance(first, dict):
            raise GarbledError("the answer has no choices")
        return _reply(response, first, body.get("usage"))


def _reply(response: requests.Response, choice: Mapping[str, Any], usage: object) -> Reply:
    error, reason = choice.get("error"), choice.get("finish_reason")
    if isinstance(error, dict):
        code = error.get("code")
        raise_error(response, code if type(code) is int and code >= 400 else 502, error)
    if reason == "error":
        raise ServerError("the model stopped with an error")
    message = choice.get("message")
    message = message if isinstance(message, dict) else {}
    if message.get("refusal") or reason == "content_filter":
        raise RefusedError(f"the model refuses: {_short(message.get('refusal') or reason)}")
    text = message.get("content")
    if isinstance(text, list):  # in parts
        parts = [part.get("text") for part in text if isinstance(part, dict)]
        text = "".join(part for part in parts if isinstance(part, str))
    is_cut = reason in _TRUNCATED
    if text is None and is_cut:
        text = ""
    if not isinstance(text, str) or not (text.strip() or is_cut):
        raise GarbledError("the answer is empty")
    counts = usage if isinstance(usage, dict) else {}
    tokens = [counts.get(key) for key in ("prompt_tokens", "completion_tokens")]
    prompt, completion = [count if type(count) is int and 0 <= count < 1 << 40 else None for count in tokens]
    cost = counts.get("cost")
    is_cost = isinstance(cost, int | float) and not isinstance(cost, bool) and 0 <= cost < 1e9
    return Reply(text, is_cut, prompt, completion, float(cost) if is_cost and cost is not None else None)


def _judge_key(response: requests.Response) -> Mapping[str, Any]:
    if response.status_code != 200:
        raise_error(response, response.status_code, error_of(response))
    told = json_object(response).get("data")
    if not isinstance(told, dict):
        raise GarbledError("the answer says nothing about the key")
    return told


def error_of(response: requests.Response) -> Mapping[str, Any] | None:
    """Read the ``error`` in a body; None if there is none."""
    try:
        body = json.loads(response.content.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return None
    if isinstance(body, list) and body:  # as Google's compatible endpoint wraps it
        body = body[0]
    error = body.get("error") if isinstance(body, dict) else None
    if isinstance(error, str):
        return {"message": error}
    return error if isinstance(error, dict) and error else None


def raise_error(  # noqa: C901, PLR0912 - a status and its reason each
    response: requests.Response, status: int, error: Mapping[str, Any] | None
) -> None:
    """Raise what a status and the error in the body mean."""
    said = error or {}
    message = _short(said.get("message"))
    details = said.get("metadata")
    details = details if isinstance(details, dict) else {}
    code = f"{said.get('code', '')} {said.get('type', '')} {message}".lower()
    text = f"{status} {message}".strip()
    seconds = retry_after(response)
    if seconds is None:
        seconds = window_left(response)
    if status == 402:
        if details.get("limit_source") == _IN_FLIGHT or retry_after(response) is not None:
            raise RateLimitedError(text, seconds)
        raise AppError(f"the account has no credit ({text}).", _NO_CREDIT)
    if status == 429:
        if "insufficient_quota" in code:
            raise AppError(f"the account has no credit ({text}).", _NO_CREDIT)
        raise RateLimitedError(text, seconds)
    if status == 503 and seconds is not None:
        raise RateLimitedError(text, seconds)
    if status == 500:
        raise InternalError(text)
    if status > 500 or status in {408, 425}:
        raise ServerError(text)
    if 300 <= status < 400 or error is None:
        raise ForeignError(f"{status} something else than the service has answered")
    if status == 401:
        raise BadCredentialsError(
            f"the service does not accept the key ({text}).", "Set ETL_CHAT_KEY, or key under [chat]."
        )
    if any(sign in code for sign in _UNKNOWN_MODEL) or status == 404:
        raise AppError(f"the service does not know the model ({text}).", "Check --model, and its provider.")
    if status == 403 and ("reasons" in details or "flagged" in code or "moderation" in code):
        raise RefusedError(text)
    if status == 403:
        raise AppError(f"the service refuses the account ({text}).", "Check what the key may do.")
    if status == 400 and any(sign in code for sign in _FORMAT):
        raise FormatRefusedError(text)
    raise RejectedError(text)


class FormatRefusedError(RejectedError):
    """The service takes no schema for answers; ask without."""


def _short(text: object) -> str:
    return " ".join(text.split())[:160] if isinstance(text, str) else ""


def _rates(settings: ChatSettings, free_per_day: int) -> Rates:
    """Join the limits that are set and those of OpenRouter's free models."""
    limits = []
    per_minute, per_day = settings.per_minute, settings.per_day
    if settings.provider == "openrouter" and settings.model.endswith(":free"):
        per_day = per_day or free_per_day
        per_minute = min(per_minute or FREE_PER_MINUTE, FREE_PER_MINUTE)
    if per_day:
        limits.append(Limit(per_day, Window.UTC_DAY))
    if settings.tokens_per_minute:
        limits.append(Limit(settings.tokens_per_minute, Window.MINUTE, Unit.TOKENS))
    if settings.tokens_per_day:
        limits.append(Limit(settings.tokens_per_day, Window.UTC_DAY, Unit.TOKENS))
    interval = 60.0 / per_minute if per_minute else 0.0
    interval += max(JITTER_S, JITTER_SHARE * interval) if per_minute else 0.0
    if settings.overnight and per_day:
        interval = max(interval, DAY / per_day)
    return Rates(interval, tuple(limits))
