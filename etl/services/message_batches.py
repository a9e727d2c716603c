"""Requests that Anthropic's service works through in its own time: its Message Batches.

A batch there has no room for a mark of ours: one whose submission had no answer is known by the ids of its
requests, which can be read once it has ended.

References
----------
.. [1] Anthropic API, "Message Batches", 2026: ``POST /messages/batches`` with ``requests`` of ``custom_id``
   and ``params``; ``GET /messages/batches/{id}`` with ``processing_status`` (``in_progress``, ``canceling``,
   ``ended``) and ``request_counts``; ``GET /messages/batches/{id}/results``: a line a request, in any order,
   whose ``result`` has the type ``succeeded``, ``errored``, ``canceled`` or ``expired``; lists begin with the
   newest, and go on after ``after_id``.
.. [2] Anthropic API, "Structured outputs": ``output_config.format``, and which keywords of JSON Schema it
   takes. "Errors": types and their statuses. Newer models take no ``temperature`` but their own.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from etl.services.chat_batches import (
    EXPIRED,
    Line,
    Sought,
    VendorBatch,
    entries,
    id_of,
    known_or_none,
    sessions,
)
from etl.services.errors import GarbledError, NotFoundError, ServerError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from etl.services.chat import Chat

_VERSION: Final = "2023-06-01"
_LISTED: Final = 100
_CLOCKS_APART_S: Final = 600.0
"""How far the service's clock may be behind ours."""

_STATUSES: Final = {
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "rate_limit_error": 429,
    "api_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
}
"""Status by the type of an error; any other is of the request (400)."""

_REASONS: Final = {
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "refusal": "content_filter",
}
"""Reasons to stop, as chat completions call them; any other is the end."""

_COUNTED: Final = ("succeeded", "errored", "canceled", "expired")
_NOT_TAKEN: Final = frozenset(
    {"minimum", "maximum", "minLength", "maxLength", "pattern", "minItems", "maxItems"}
)
"""Keywords that the service refuses; answers are held to them here all the same."""


class MessageBatches:
    """Batches of one account; nothing here counts towards requests a minute or a day.

    Parameters
    ----------
    chat
        The model, connected to its gate.
    url, key
        Where, and with which key.
    """

    def __init__(self, chat: Chat, url: str, key: str) -> None:
        self._url = f"{url.rstrip('/').removesuffix('/chat/completions')}/messages/batches"
        headers = {"anthropic-version": _VERSION} | ({"x-api-key": key} if key else {})
        self._session, self._files = sessions(chat, key, headers)

    def submit(self, _upload_id: str, bodies: Mapping[str, Mapping[str, Any]]) -> str:
        """Hand requests over, by their ids; gives what the service calls the whole.

        Raises
        ------
        ServiceError
            The class says whose trouble it is. Without an answer it may have been taken: see :meth:`find`.
        """
        asked = [{"custom_id": request_id, "params": _params(body)} for request_id, body in bodies.items()]
        with known_or_none():
            return id_of(self._session.request("POST", self._url, json={"requests": asked}).json())

    def find(self, sought: Sought) -> str | None:
        """Look for an upload that may have been handed over before a kill; None where it was not.

        Raises
        ------
        ServerError
            If the service is at work on a batch that may be it, which shows when that has ended.
        """
        for told in self._listed(sought.since - _CLOCKS_APART_S):
            if sum(_counts(told).values()) != len(sought.request_ids) or told.get("id") in sought.others:
                continue
            if told.get("processing_status") != "ended":
                raise ServerError("whether a batch there is ours shows when it has ended")
            try:
                lines = self._read(id_of(told))
            except NotFoundError:
                continue
            if any(line["custom_id"] in sought.request_ids for line in entries(lines)):
                return id_of(told)
        return None

    def look(self, vendor_id: str) -> VendorBatch:
        """Ask how an upload stands.

        Raises
        ------
        NotFoundError
            When the service does not know it any more.
        """
        told = self._session.request("GET", f"{self._url}/{vendor_id}").json()
        status = str(told.get("processing_status"))
        if status == "ended":
            status = "cancelled" if told.get("cancel_initiated_at") else "completed"
        counts = _counts(told)
        return VendorBatch(vendor_id, status, (vendor_id,), sum(counts[name] for name in _COUNTED))

    def lines(self, batch: VendorBatch) -> list[Line]:
        """Read what became of the requests, each once; those of which nothing is said are not among them.

        Raises
        ------
        GarbledError
            If there is less than the service has counted: a page in between, say. It is there still.
        """
        try:
            texts = self._read(batch.vendor_id)
        except NotFoundError:  # kept for 29 days
            return []
        found: dict[str, Line] = {}
        for said in entries(texts):
            line = _line(said)
            if line is not None:
                found.setdefault(line.request_id, line)
        if len(texts) < batch.lines or (texts and not any(True for _ in entries(texts))):
            raise GarbledError("the results of the batch are not whole")
        return list(found.values())

    def _read(self, vendor_id: str) -> list[bytes]:
        lines: list[bytes] = self._files.request("GET", f"{self._url}/{vendor_id}/results").json()
        return lines

    def _listed(self, since: float) -> Iterator[Mapping[str, Any]]:
        """Give the batches that were made since, the newest first."""
        after = ""
        while True:
            query = f"?limit={_LISTED}" + (f"&after_id={after}" if after else "")
            told = self._session.request("GET", f"{self._url}{query}").json()
            listed = [each for each in told.get("data") or [] if isinstance(each, dict)]
            for each in listed:
                if _made_at(each) < since:
                    return
                yield each
            if not told.get("has_more") or not listed:
                return
            after = id_of(listed[-1])


def _params(body: Mapping[str, Any]) -> dict[str, Any]:
    """Write a chat completion as the service's own messages."""
    said = body["messages"]
    params: dict[str, Any] = {
        "model": body["model"],
        "max_tokens": body["max_tokens"],
        "system": "\n\n".join(each["content"] for each in said if each["role"] == "system"),
        "messages": [each for each in said if each["role"] != "system"],
    }
    if "response_format" in body:
        schema = _taken(body["response_format"]["json_schema"]["schema"])
        params["output_config"] = {"format": {"type": "json_schema", "schema": schema}}
    return params


def _taken(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out of a schema what the service refuses."""
    taken: dict[str, Any] = {key: value for key, value in schema.items() if key not in _NOT_TAKEN}
    if "properties" in taken:
        taken["properties"] = {name: _taken(each) for name, each in taken["properties"].items()}
    if "items" in taken:
        taken["items"] = _taken(taken["items"])
    return taken


def _line(said: Mapping[str, Any]) -> Line | None:
    """Say what became of a request as chat completions would; None for one that was cancelled."""
    request_id, result = said["custom_id"], said.get("result")
    result = result if isinstance(result, dict) else {}
    kind = result.get("type")
    if kind == "expired":
        return Line(request_id, error=EXPIRED)
    if kind == "errored":
        error = result.get("error")
        if isinstance(error, dict) and isinstance(error.get("error"), dict):  # as an answer of its own has it
            error = error["error"]
        error = error if isinstance(error, dict) else {}
        return Line(
            request_id, _STATUSES.get(str(error.get("type")), 400), {"error": error or {"type": kind}}
        )
    message = result.get("message")
    if kind != "succeeded" or not isinstance(message, dict):
        return None
    reason, parts = message.get("stop_reason"), message.get("content")
    spoken = [part.get("text") for part in parts if isinstance(part, dict)] if isinstance(parts, list) else []
    choice = {
        "message": {"content": "".join(text for text in spoken if isinstance(text, str))},
        "finish_reason": _REASONS.get(str(reason), "stop"),
    }
    usage = message.get("usage")
    usage = usage if isinstance(usage, dict) else {}
    counts = {"prompt_tokens": usage.get("input_tokens"), "completion_tokens": usage.get("output_tokens")}
    return Line(request_id, 200, {"choices": [choice], "usage": counts})


def _counts(told: Mapping[str, Any]) -> dict[str, int]:
    counts = told.get("request_counts")
    counts = counts if isinstance(counts, dict) else {}
    return {name: each if type(each := counts.get(name)) is int else 0 for name in ("processing", *_COUNTED)}


def _made_at(told: Mapping[str, Any]) -> float:
    """Read when a batch was made, in seconds since the epoch.

    Raises
    ------
    GarbledError
        If that is not said.
    """
    try:
        return datetime.fromisoformat(str(told.get("created_at"))).timestamp()
    except ValueError as error:
        raise GarbledError("the list of batches says not when they were made") from error
