"""The server of `chat_server` with Anthropic's Message Batches in place of chat completions."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from etl.runtime.clock import CLOCK, Clock
from tests.support.chat_server import PATH, ChatServer
from tests.support.loopback import Arrival, Reply

if TYPE_CHECKING:
    from collections.abc import Callable

BATCHES = "/v1/messages/batches"
_TYPES = {400: "invalid_request_error", 404: "not_found_error", 429: "rate_limit_error", 500: "api_error"}
_REFUSED = {"minimum", "maximum", "minLength", "maxLength", "pattern", "minItems", "maxItems"}


class MessageBatchServer(ChatServer):
    """The server; use it as a context manager.

    Attributes
    ----------
    key
        That it takes.
    looks
        How often a batch is looked at, or listed, before it has ended.
    made
        The batches, by id, oldest first.
    expired
        Names whose requests the service does not get to.
    refused
        Names whose requests the model refuses.
    takes_schemas
        Whether the model takes a schema for answers.
    cancelled
        Whether batches are cancelled before the last of their requests is done.
    fault
        Called with ``create``, ``look``, ``list`` or ``results``; what it gives is served in place of the
        answer, after the work is done.
    spoil
        Called with the lines of results; gives those that are served.
    page
        Batches on a page of the list.
    """

    def __init__(self, key: str, clock: Clock = CLOCK) -> None:
        super().__init__(clock)
        self.key = key
        self.looks = 0
        self.made: dict[str, dict[str, Any]] = {}
        self.expired: set[str] = set()
        self.refused: set[str] = set()
        self.takes_schemas = True
        self.cancelled = False
        self.fault: Callable[[str], Reply | None] = lambda _what: None
        self.spoil: Callable[[list[str]], list[str]] = lambda lines: lines
        self.page = 100
        self._form: dict[str, Any] = {}
        self._asked: dict[str, list[dict[str, Any]]] = {}
        self._lines: dict[str, list[str]] = {}
        self._turn = threading.Lock()
        self.reply = self._route

    def add(self, count: int, **others: Any) -> dict[str, Any]:
        """Have a batch of so many requests that somebody else has made."""
        return self._make([{"custom_id": f"theirs{number}"} for number in range(count)], others)

    def _route(self, arrival: Arrival) -> Reply:
        if arrival.headers.get("x-api-key") != self.key or "Authorization" in arrival.headers:
            return _error(401, "invalid x-api-key", kind="authentication_error")
        if arrival.headers.get("anthropic-version") != "2023-06-01":
            return _error(400, "anthropic-version: header is required")
        if not arrival.path.startswith(BATCHES):
            return self._reply(arrival)
        with self._turn:
            what, told = self._done(arrival)
        return self.fault(what) or told

    def _done(self, arrival: Arrival) -> tuple[str, Reply]:
        path, _, query = arrival.path.partition("?")
        parts = path.removeprefix(BATCHES).strip("/").split("/")
        if parts == [""] and arrival.body:
            asked = json.loads(arrival.body)["requests"]
            for each in asked:
                _check(each["params"])
            return "create", _json(self._make(asked, {}))
        if parts == [""]:
            return "list", self._listed(query)
        batch = self.made.get(parts[0])
        if batch is None:
            return "look", _error(404, "batch not found")
        if parts[1:] == ["results"]:
            return "results", Reply(body="\n".join(self.spoil(self._lines[batch["id"]])).encode())
        self._go_on(batch)
        return "look", _json(batch)

    def _listed(self, query: str) -> Reply:
        wanted = dict(pair.split("=") for pair in query.split("&"))
        newest = list(self.made)[::-1]
        start = newest.index(wanted["after_id"]) + 1 if "after_id" in wanted else 0
        shown = newest[start : start + self.page]
        for name in shown:
            self._go_on(self.made[name])
        told = {"data": [self.made[name] for name in shown], "has_more": start + self.page < len(newest)}
        return _json(told)

    def _make(self, asked: list[dict[str, Any]], others: dict[str, Any]) -> dict[str, Any]:
        name = f"msgbatch_{len(self.made)}"
        made_at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=self.clock.time())
        counts = dict.fromkeys(("succeeded", "errored", "canceled", "expired"), 0)
        batch = {
            "id": name, "type": "message_batch", "processing_status": "in_progress",
            "created_at": made_at.isoformat().replace("+00:00", "Z"), "cancel_initiated_at": None,
            "request_counts": {"processing": len(asked), **counts}, "seen": 0, **others,
        }  # fmt: skip
        self.made[name], self._asked[name], self._lines[name] = batch, asked, []
        return batch

    def _go_on(self, batch: dict[str, Any]) -> None:
        batch["seen"] += 1
        if batch["seen"] <= self.looks or batch["processing_status"] == "ended":
            return
        asked = self._asked[batch["id"]]
        results = [self._result(each) for each in asked]
        if self.cancelled:
            batch["cancel_initiated_at"] = batch["created_at"]
            results[-1] = {"type": "canceled"}
        counts = batch["request_counts"]
        counts["processing"] = 0
        for result in results:
            counts[result["type"]] += 1
        batch["processing_status"] = "ended"
        self._lines[batch["id"]] = [
            json.dumps({"custom_id": each["custom_id"], "result": result})
            for each, result in zip(asked, results, strict=True)
        ]

    def _result(self, asked: dict[str, Any]) -> dict[str, Any]:
        params = asked.get("params")
        if params is None:
            return {"type": "errored", "error": {"type": "error", "error": {"type": "api_error"}}}
        items = json.loads(params["messages"][-1]["content"])["items"]
        names = {str(item.get("name") or item.get("title")) for item in items}
        if names & self.expired:
            return {"type": "expired"}
        if "output_config" in params:
            self._form = {"json_schema": {"schema": params["output_config"]["format"]["schema"]}}
            if not self.takes_schemas:
                error = {"type": _TYPES[400], "message": "output_config.format: not supported by this model"}
                return {"type": "errored", "error": {"type": "error", "error": error}}
        body = {"messages": params["messages"], "response_format": self._form}
        reply = self._reply(Arrival(PATH, {}, 0, json.dumps(body).encode()))
        told = json.loads(reply.body)
        if reply.status != 200:
            error = {"type": _TYPES[reply.status], "message": told["error"]["message"]}
            return {"type": "errored", "error": {"type": "error", "error": error}}
        choice = told["choices"][0]
        reason = {"stop": "end_turn", "length": "max_tokens"}[choice["finish_reason"]]
        content = [{"type": "text", "text": choice["message"]["content"]}]
        if names & self.refused:
            content, reason = [], "refusal"
        usage = {"input_tokens": 100, "output_tokens": 50}
        message = {"type": "message", "content": content, "stop_reason": reason, "usage": usage}
        return {"type": "succeeded", "message": message}


def _check(params: dict[str, Any]) -> None:
    """See that a request is one that the service takes."""
    assert set(params) <= {"model", "max_tokens", "system", "messages", "output_config"}, set(params)
    assert [each["role"] for each in params["messages"]][::2] == ["user"] * -(-len(params["messages"]) // 2)

    def walk(schema: object) -> None:
        if isinstance(schema, dict):
            assert not (set(schema) & _REFUSED and "type" in schema), schema
            for each in schema.values():
                walk(each)

    walk(params.get("output_config"))


def _error(status: int, message: str, *, kind: str | None = None) -> Reply:
    error = {"type": kind or _TYPES[status], "message": message}
    return Reply(status, json.dumps({"type": "error", "error": error}).encode())


def _json(value: object) -> Reply:
    return Reply(body=json.dumps(value).encode())
