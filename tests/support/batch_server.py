"""The server of `chat_server` with OpenAI's batch interface beside it, and what may go wrong with that."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any

from etl.runtime.clock import CLOCK, Clock
from tests.support.chat_server import PATH, ChatServer, error
from tests.support.loopback import Arrival, Reply

if TYPE_CHECKING:
    from collections.abc import Callable


class BatchServer(ChatServer):
    """The server; use it as a context manager.

    Attributes
    ----------
    looks
        How often an upload is looked at before it has ended.
    made
        The batches, by id.
    ending
        Status with which they end.
    fault
        Called with method-like words (``files``, ``batches``, ``look``, ``list``, ``content``); what it gives
        is served in place of the answer, after the work is done.
    expired
        Names whose requests the service does not get to.
    spoil
        Called with the lines of an output; gives those that are served.
    """

    def __init__(self, clock: Clock = CLOCK) -> None:
        super().__init__(clock)
        self.looks = 0
        self.made: dict[str, dict[str, Any]] = {}
        self.ending = "completed"
        self.fault: Callable[[str], Reply | None] = lambda _what: None
        self.expired: set[str] = set()
        self.spoil: Callable[[list[str]], list[str]] = lambda lines: lines
        self._files: dict[str, bytes] = {}
        self._turn = threading.Lock()
        self.reply = self._route

    def _route(self, arrival: Arrival) -> Reply:
        if not arrival.path.startswith(("/v1/files", "/v1/batches")):
            return self._reply(arrival)
        with self._turn:
            what, told = self._done(arrival)
        return self.fault(what) or told

    def _done(self, arrival: Arrival) -> tuple[str, Reply]:
        path, _, query = arrival.path.partition("?")
        parts = path.split("/")[2:]
        if parts == ["files"]:
            return "files", _json({"id": self._kept(_file_of(arrival.body))})
        if parts[0] == "files":
            content = self._files.get(parts[1])
            return "content", error(404, "No such file") if content is None else Reply(body=content)
        if parts == ["batches"] and arrival.body:
            asked = json.loads(arrival.body)
            batch = {"id": f"batch_{len(self.made)}", "status": "validating", "seen": 0, **asked}
            self.made[batch["id"]] = batch
            return "batches", _json(batch)
        if parts == ["batches"]:
            assert "limit=" in query
            return "list", _json({"data": list(self.made.values())[::-1], "has_more": False})
        batch = self.made[parts[1]]
        batch["seen"] += 1
        if batch["seen"] > self.looks and batch["status"] in {"validating", "in_progress"}:
            self._end(batch)
        elif batch["status"] == "validating":
            batch["status"] = "in_progress"
        return "look", _json(batch)

    def _end(self, batch: dict[str, Any]) -> None:
        batch["status"] = self.ending
        if self.ending == "failed":
            batch["errors"] = {"data": [{"message": "the model is not there", "code": "model_not_found"}]}
            return
        good: list[str] = []
        bad: list[str] = []
        for line in self._files[batch["input_file_id"]].splitlines():
            asked = json.loads(line)
            body = json.dumps(asked["body"]).encode()
            items = json.loads(asked["body"]["messages"][-1]["content"])["items"]
            if self.expired & {str(item.get("name")) for item in items}:
                late = {"response": None, "error": {"code": "batch_expired", "message": "not in time"}}
                bad.append(json.dumps({"custom_id": asked["custom_id"], **late}))
                continue
            reply = self._reply(Arrival(PATH, {}, 0, body))
            answer = {"status_code": reply.status, "body": json.loads(reply.body)}
            told = {"custom_id": asked["custom_id"], "response": answer, "error": None}
            (good if reply.status == 200 else bad).append(json.dumps(told))
        batch["request_counts"] = {"total": len(good) + len(bad), "completed": len(good), "failed": len(bad)}
        batch["output_file_id"] = self._kept("\n".join(self.spoil(good)).encode())
        batch["error_file_id"] = self._kept("\n".join(bad).encode())

    def _kept(self, content: bytes) -> str:
        name = f"file-{len(self._files)}"
        self._files[name] = content
        return name


def _file_of(body: bytes) -> bytes:
    """Give the file in a form."""
    boundary, _, rest = body.partition(b"\r\n")
    part = next(each for each in rest.split(boundary) if b"filename=" in each)
    return part.partition(b"\r\n\r\n")[2].rstrip(b"\r\n-")


def _json(value: object) -> Reply:
    return Reply(body=json.dumps(value).encode())
