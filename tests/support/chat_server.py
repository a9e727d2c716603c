"""A server on the loopback that speaks chat completions, with every fault that services are known for.

It answers from the schema that it is sent: what it says about an item follows from its facts alone, so that
answers are the same whichever items go together.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections import Counter
from typing import TYPE_CHECKING, Any

from etl.runtime.clock import CLOCK, Clock
from tests.support.loopback import Arrival, Loopback, Reply

if TYPE_CHECKING:
    from collections.abc import Callable

PATH = "/v1/chat/completions"


def error(status: int, message: str, *, http: int | None = None, **details: Any) -> Reply:
    """Complain as OpenRouter does; with ``http=200`` inside of a good answer."""
    body = {"error": {"code": status, "message": message, **details}}
    return Reply(http or status, json.dumps(body).encode())


def said(text: object, *, finish: str = "stop", **choice: Any) -> Reply:
    """Answer with a text, or with JSON."""
    content = text if isinstance(text, str | None | list) else json.dumps(text)
    message = {"role": "assistant", "content": content}
    body = {
        "id": "x",
        "choices": [{"index": 0, "message": message, "finish_reason": finish, **choice}],
        "usage": {"prompt_tokens": 100, "completion_tokens": 50},
    }
    return Reply(body=json.dumps(body).encode())


class ChatServer(Loopback):
    """The server; use it as a context manager.

    Attributes
    ----------
    clock
        By which arrivals are noted.
    script
        Called with the number of a request, from 1, and its items; what it gives is served in place of the
        answer.
    poison
        Names that make a request fail with status 500.
    spoken
        Called with the answers about items before they are sent; may change them, and gives what is sent.
    arrivals
        When requests came.
    asked
        How often each name was answered well.
    batches
        Names of each request.
    """

    def __init__(self, clock: Clock = CLOCK) -> None:
        super().__init__()
        self.clock = clock
        self.script: Callable[[int, list[dict[str, Any]]], Reply | None] = lambda _number, _items: None
        self.poison: set[str] = set()
        self.spoken: Callable[[list[dict[str, Any]]], object] = lambda answers: {"items": answers}
        self.arrivals: list[float] = []
        self.asked: Counter[str] = Counter()
        self.batches: list[list[str]] = []
        self.bodies: list[dict[str, Any]] = []
        self.key_info: dict[str, Any] = {"is_free_tier": True}
        self.reply = self._reply
        self._lock = threading.Lock()

    @property
    def base_url(self) -> str:
        """What the client is told."""
        return f"{self.url}/v1"

    def _reply(self, arrival: Arrival) -> Reply:
        if arrival.path == "/v1/key":
            return Reply(body=json.dumps({"data": self.key_info}).encode())
        if arrival.path != PATH:
            return error(404, "Not found")
        body = json.loads(arrival.body)
        items = json.loads(body["messages"][-1]["content"])["items"]
        names = [str(item.get("name") or item.get("title") or item["item"]) for item in items]
        with self._lock:
            self.arrivals.append(self.clock.time())
            self.batches.append(names)
            self.bodies.append(body)
            number = len(self.arrivals)
        if scripted := self.script(number, items):
            return scripted
        if self.poison & set(names):
            return error(500, "Internal server error")
        answers = [answer(body["response_format"], item) for item in items]
        with self._lock:
            self.asked.update(names)
        return said(self.spoken(answers))


def answer(form: dict[str, Any], item: dict[str, Any]) -> dict[str, Any]:
    """Make a valid answer about an item that follows from its facts."""
    schema = form["json_schema"]["schema"]["properties"]["items"]["items"]
    facts = json.dumps({key: value for key, value in item.items() if key != "item"}, sort_keys=True)
    values = {
        name: _value(spec, hashlib.sha256(f"{name} {facts}".encode()).digest()[0])
        for name, spec in schema["properties"].items()
    }
    return {**values, "item": item["item"]}


def _value(spec: dict[str, Any], dice: int) -> Any:
    kind = spec["type"] if isinstance(spec["type"], str) else spec["type"][0]
    if "enum" in spec:
        return spec["enum"][dice % len(spec["enum"])]
    if kind == "array":
        return [_value(spec["items"], dice)]
    least, most = spec.get("minimum", 0), spec.get("maximum", 1)
    if kind == "integer":
        return least + dice % (most - least + 1)
    if kind == "number":
        return round(least + dice / 255 * (most - least), 3)
    return f"word{dice % 10}"
