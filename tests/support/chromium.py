"""A headless Chromium, spoken to over two pipes in its DevTools protocol: no driver and no port."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from select import select
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PROGRAM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
"""The browser, None where there is none."""

_PATIENCE_S = 120.0

_AT_3_AND_4 = """
import fcntl, os, sys
for wanted, had in zip((3, 4), [fcntl.fcntl(int(each), fcntl.F_DUPFD, 10) for each in sys.argv[1:3]]):
    os.dup2(had, wanted)
os.execv(sys.argv[3], sys.argv[3:])
"""
"""Becomes the browser, which reads from descriptor 3 and writes to 4."""


@dataclass
class Browser:
    """A browser with one page.

    Attributes
    ----------
    said
        What the page has said on the console and what the browser has to say of it, in order.
    asked_for
        Addresses that were asked for.
    """

    reading: int
    writing: int
    said: list[str] = field(default_factory=list)
    asked_for: list[str] = field(default_factory=list)
    session: str | None = None
    _sent: int = 0
    _rest: bytes = b""

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Ask for something and wait for the answer; events go where they belong."""
        self._sent += 1
        message = {"id": self._sent, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.writing, json.dumps(message).encode() + b"\0")
        while (answer := self._next()).get("id") != self._sent:
            self._note(answer)
        assert "error" not in answer, answer
        result: dict[str, Any] = answer["result"]
        return result

    def open(self, path: Path, width: int, *, dark: bool = False, height: int = 900) -> None:
        """Show a file at a width, and wait until it is loaded."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=1, mobile=width < 500,
        )  # fmt: skip
        scheme = "dark" if dark else "light"
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.call("Page.navigate", url=path.absolute().as_uri())
        until = time.monotonic() + _PATIENCE_S
        while self.evaluate("document.readyState") != "complete" and time.monotonic() < until:
            time.sleep(0.05)

    def evaluate(self, expression: str) -> Any:
        """Give the value of an expression in the page."""
        found = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def picture(self, path: Path) -> None:
        """Write the whole page as a PNG."""
        found = self.call("Page.captureScreenshot", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(found["data"]))

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            assert select([self.reading], [], [], _PATIENCE_S)[0], "the browser says nothing"
            more = os.read(self.reading, 1 << 20)
            assert more, "the browser has ended"
            self._rest += more
        first, _, self._rest = self._rest.partition(b"\0")
        message: dict[str, Any] = json.loads(first)
        return message

    def _note(self, event: dict[str, Any]) -> None:
        params = event.get("params", {})
        match event.get("method"):
            case "Runtime.consoleAPICalled":
                self.said.append(str(params["args"]))
            case "Runtime.exceptionThrown":
                self.said.append(str(params["exceptionDetails"]))
            case "Log.entryAdded":
                self.said.append(params["entry"]["text"])
            case "Page.javascriptDialogOpening":
                self.said.append(params["message"])
            case "Network.requestWillBeSent":
                self.asked_for.append(params["request"]["url"])


@contextmanager
def browser(folder: Path) -> Iterator[Browser]:
    """Run a browser whose profile is in a folder."""
    assert PROGRAM
    to_child, writing = os.pipe()
    reading, from_child = os.pipe()
    command = [sys.executable, "-c", _AT_3_AND_4, str(to_child), str(from_child), PROGRAM]
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-dev-shm-usage"]
    process = subprocess.Popen(
        [*command, *options, "--remote-debugging-pipe", f"--user-data-dir={folder}", "about:blank"],
        pass_fds=(to_child, from_child), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        env={**os.environ, "HOME": str(folder)},
    )  # fmt: skip
    os.close(to_child)
    os.close(from_child)
    shown = Browser(reading, writing)
    try:
        targets = shown.call("Target.getTargets")["targetInfos"]
        page = next(each["targetId"] for each in targets if each["type"] == "page")
        attached = shown.call("Target.attachToTarget", targetId=page, flatten=True)
        shown.session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            shown.call(f"{domain}.enable")
        yield shown
    finally:
        process.kill()
        process.wait()
        os.close(reading)
        os.close(writing)
