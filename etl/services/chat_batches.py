"""Chat completions that a service works through in its own time, as OpenAI's batch interface has it.

References
----------
.. [1] OpenAI API, "Batch": ``POST /files`` with ``purpose=batch`` and JSON lines of ``custom_id``,
   ``method``, ``url``, ``body``; ``POST /batches``; ``GET /batches/{id}`` with ``status`` (``validating``,
   ``failed``, ``in_progress``, ``finalizing``, ``completed``, ``expired``, ``cancelling``, ``cancelled``),
   ``output_file_id``, ``error_file_id``; ``GET /files/{id}/content``: a line a request, in any order.
"""

from __future__ import annotations

import json
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import requests

from etl.services.chat import error_of, raise_error
from etl.services.errors import AppError, ForeignError, GarbledError, NotFoundError
from etl.services.politeness.session import PoliteSession
from etl.services.statuses import json_object

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from etl.services.chat import Chat, Reply

WITHOUT_BATCHES: Final = frozenset({"openrouter"})
"""Providers that have no batches."""

ENDED: Final = frozenset({"completed", "failed", "expired", "cancelled"})
MOST_REQUESTS: Final = 2000
"""Requests of an upload: their answers are read at once."""

EXPIRED: Final = "batch_expired"
_MARK: Final = "music_etl"
_LISTED: Final = 100


@dataclass(frozen=True)
class Sought:
    """An upload of which it is not known whether it arrived.

    Attributes
    ----------
    upload_id, request_ids
        What we call it and its requests.
    since
        When it was planned, in seconds since the epoch.
    others
        What the service calls uploads that are known to be others.
    """

    upload_id: str
    request_ids: frozenset[str]
    since: float
    others: frozenset[str]


@dataclass(frozen=True)
class VendorBatch:
    """How a service stands with an upload.

    Attributes
    ----------
    vendor_id, status
        What it calls it, and how it stands.
    files
        Where answers and errors are.
    lines
        Lines that these hold at least, as the service counts.
    problem
        Why it was refused as a whole.
    """

    vendor_id: str
    status: str
    files: tuple[str, ...] = ()
    lines: int = 0
    problem: str = ""

    @property
    def has_ended(self) -> bool:
        """Whether nothing more comes."""
        return self.status in ENDED


@dataclass(frozen=True)
class Line:
    """What became of a request: an answer of HTTP, or an error of the service's own."""

    request_id: str
    status: int = 0
    body: Mapping[str, Any] = field(default_factory=dict)
    error: str = ""


class ChatBatches:
    """Uploads of one account; nothing here counts towards requests a minute or a day.

    Parameters
    ----------
    chat
        The model, connected to its gate.
    url, key
        Where, and with which key.
    """

    def __init__(self, chat: Chat, url: str, key: str) -> None:
        self._url = url.rstrip("/").removesuffix("/chat/completions")
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._session, self._files = sessions(chat, key, headers)

    def submit(self, upload_id: str, bodies: Mapping[str, Mapping[str, Any]]) -> str:
        """Hand requests over, by their ids; gives what the service calls the whole.

        Raises
        ------
        ServiceError
            The class says whose trouble it is. Without an answer it may have been taken: see :meth:`find`.
        """
        lines = [
            {"custom_id": request_id, "method": "POST", "url": "/v1/chat/completions", "body": body}
            for request_id, body in bodies.items()
        ]
        text = "".join(f"{json.dumps(line)}\n" for line in lines).encode()
        with known_or_none():
            made = self._session.request(
                "POST",
                f"{self._url}/files",
                files={"file": (f"{upload_id}.jsonl", text, "application/jsonl")},
                data={"purpose": "batch"},
            ).json()
        asked = {
            "input_file_id": id_of(made),
            "endpoint": "/v1/chat/completions",
            "completion_window": "24h",
            "metadata": {_MARK: upload_id},
        }
        return id_of(self._session.request("POST", f"{self._url}/batches", json=asked).json())

    def find(self, sought: Sought) -> str | None:
        """Look for an upload that may have been handed over before a kill; None where it was not."""
        after = ""
        while True:
            query = f"?limit={_LISTED}" + (f"&after={after}" if after else "")
            told = self._session.request("GET", f"{self._url}/batches{query}").json()
            listed = [each for each in told.get("data") or [] if isinstance(each, dict)]
            for each in listed:
                if (each.get("metadata") or {}).get(_MARK) == sought.upload_id:
                    return id_of(each)
            if not told.get("has_more") or not listed:
                return None
            after = id_of(listed[-1])

    def look(self, vendor_id: str) -> VendorBatch:
        """Ask how an upload stands.

        Raises
        ------
        NotFoundError
            When the service does not know it any more.
        """
        told = self._session.request("GET", f"{self._url}/batches/{vendor_id}").json()
        files = tuple(
            each for key in ("output_file_id", "error_file_id") if isinstance(each := told.get(key), str)
        )
        problems = (told.get("errors") or {}).get("data") or []
        said = [str(each.get("message")) for each in problems if isinstance(each, dict)]
        counts = told.get("request_counts") or {}
        counted = [each for key in ("completed", "failed") if type(each := counts.get(key)) is int]
        return VendorBatch(vendor_id, str(told.get("status")), files, sum(counted), "; ".join(said)[:300])

    def lines(self, batch: VendorBatch) -> list[Line]:
        """Read what became of the requests, each once; those of which nothing is said are not among them.

        Raises
        ------
        GarbledError
            If there is less than the service has counted: a page in between, say. It is there still.
        """
        found: dict[str, Line] = {}
        texts = 0
        for file in batch.files:
            try:
                told = self._files.request("GET", f"{self._url}/files/{file}/content").json()
            except NotFoundError:
                continue
            texts += len(told)
            for line in _lines(told):
                found.setdefault(line.request_id, line)
        if texts < batch.lines or (texts and not found):
            raise GarbledError("the files of the batch are not whole")
        return list(found.values())


def read_line(chat: Chat, line: Line) -> Reply:
    """Give what a model said in a line.

    Raises
    ------
    ServiceError
        As the answer of a single request would.
    """
    response = requests.Response()
    response.status_code = line.status
    response._content = json.dumps(line.body).encode()  # noqa: SLF001 - as if it had been received
    return chat.judge(response)


def sessions(chat: Chat, key: str, headers: Mapping[str, str]) -> tuple[PoliteSession, PoliteSession]:
    """Give sessions for objects and for lines, which count towards no limit."""
    secrets = [key] if key else []
    made = [
        PoliteSession(chat.gate, judge, secrets=secrets, for_tokens=True) for judge in (_judge, _judge_lines)
    ]
    for session in made:
        session.headers.update(headers)
    return made[0], made[1]


@contextmanager
def known_or_none() -> Iterator[None]:
    """Say of an address that does not exist that the service takes no batches.

    Raises
    ------
    AppError
        If it does not.
    """
    try:
        yield
    except (NotFoundError, ForeignError) as error:
        if not str(error).startswith(("404", "405")):
            raise
        raise AppError("the service takes no batches.", "Leave --async out.") from error


def _judge(response: requests.Response) -> Mapping[str, Any]:
    if response.status_code != 200:
        error = error_of(response)
        if response.status_code == 404 and error is not None:
            raise NotFoundError("404 the service does not know it (any more)")
        raise_error(response, response.status_code, error)
    return json_object(response)


def _judge_lines(response: requests.Response) -> list[bytes]:
    if response.status_code != 200:
        _judge(response)
    return [text for text in response.content.split(b"\n") if text.strip()]


def entries(texts: Iterable[bytes]) -> Iterator[Mapping[str, Any]]:
    """Read lines of JSON about requests; one that is cut off or broken says nothing."""
    for text in texts:
        with suppress(ValueError, RecursionError):
            said = json.loads(text)
            if isinstance(said, dict) and isinstance(said.get("custom_id"), str):
                yield said


def _lines(texts: Iterable[bytes]) -> Iterator[Line]:
    for said in entries(texts):
        error, response = said.get("error"), said.get("response")
        if isinstance(response, dict) and isinstance(response.get("body"), dict):
            status = response.get("status_code")
            yield Line(said["custom_id"], status if type(status) is int else 0, response["body"])
        elif isinstance(error, dict):
            yield Line(said["custom_id"], error=str(error.get("code") or error.get("message") or "error"))


def id_of(told: Mapping[str, Any]) -> str:
    """Read what the service calls something.

    Raises
    ------
    GarbledError
        If it does not say.
    """
    made = told.get("id")
    if not isinstance(made, str) or not made:
        raise GarbledError("the answer names no id")
    return made
