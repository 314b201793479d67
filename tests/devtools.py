"""A real Chromium that tests drive through its DevTools protocol, over pipes: no library, no port.

In: a page's address, a width, media features. Out: what expressions evaluate to, screenshots, PDF
files, requests, messages of the console and the CPU time of the browser. Called by the tests of
pages and by ``python -m benchmarks.report``. Where no Chromium is found, the tests that are marked
``browser`` are skipped before they come here.
"""

from __future__ import annotations

import base64
import contextlib
import fcntl
import json
import os
import select
import signal
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Self

from tests.needs import browser

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-sync",
    "--disable-extensions",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
]


class Browser:
    """One Chromium with one page.

    Attributes
    ----------
    messages : list of str
        What the page wrote to its console, exceptions and refusals of its policy among it.
    requests : list of str
        Addresses that the page asked for, itself first.
    """

    def __init__(self, wait: float = 120) -> None:
        self.wait = wait
        self.messages: list[str] = []
        self.requests: list[str] = []
        self._events: list[dict[str, Any]] = []
        self._number = 0
        self._rest = b""
        self._session: str | None = None

    def __enter__(self) -> Self:
        self._profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        pipes = [os.pipe(), os.pipe()]
        # The protocol reads file 3 and writes file 4 of the browser; they may be other files here.
        ends = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 10) for fd in (pipes[0][0], pipes[1][1])]
        self._in, self._out = pipes[1][0], pipes[0][1]
        os.close(pipes[0][0])
        os.close(pipes[1][1])
        actions = [(os.POSIX_SPAWN_OPEN, fd, os.devnull, os.O_RDWR, 0) for fd in (0, 1, 2)]
        actions += [(os.POSIX_SPAWN_DUP2, fd, to) for fd, to in zip(ends, (3, 4), strict=True)]
        words = [str(browser()), *FLAGS, f"--user-data-dir={self._profile.name}", "about:blank"]
        self._pid = os.posix_spawn(words[0], words, os.environ, file_actions=actions, setsid=True)
        for fd in ends:
            os.close(fd)
        try:
            target = self.call("Target.createTarget", url="about:blank")["targetId"]
            found = self.call("Target.attachToTarget", targetId=target, flatten=True)
            self._session = found["sessionId"]
            for domain in ("Page", "Runtime", "Log", "Network"):
                self.call(f"{domain}.enable")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._out)
        os.close(self._in)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)
        self._profile.cleanup()

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Send a command and wait for its answer."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self._out, data) :]
        end = time.monotonic() + self.wait
        while True:
            answer = self._read(end)
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]

    def _read(self, end: float) -> dict[str, Any]:
        while b"\0" not in self._rest:
            if not select.select([self._in], [], [], max(0, end - time.monotonic()))[0]:
                raise TimeoutError(f"the browser said nothing for {self.wait} seconds")
            piece = os.read(self._in, 1 << 20)
            if not piece:
                raise RuntimeError("the browser has ended")
            self._rest += piece
        text, _, self._rest = self._rest.partition(b"\0")
        message = json.loads(text)
        self._note(message)
        return message

    def _note(self, message: dict[str, Any]) -> None:
        params = message.get("params", {})
        if message.get("method") == "Runtime.consoleAPICalled":
            self.messages.append(str(params["args"]))
        elif message.get("method") == "Runtime.exceptionThrown":
            self.messages.append(str(params["exceptionDetails"]))
        elif message.get("method") == "Log.entryAdded":
            self.messages.append(params["entry"]["text"])
        elif message.get("method") == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        if "method" in message:
            self._events.append(message)

    def open(self, address: str | Path) -> None:
        """Go to an address or a file and wait until it is loaded."""
        where = str(address)
        if "://" not in where:
            name, hash_, fragment = where.partition("#")
            where = Path(name).resolve().as_uri() + hash_ + fragment
        self._events.clear()
        moved = self.call("Page.navigate", url=where)
        if "loaderId" not in moved:  # only the fragment is another
            return
        end = time.monotonic() + self.wait
        while not any(e["method"] == "Page.loadEventFired" for e in self._events):
            self._read(end)

    def size(self, width: int, height: int = 800) -> None:
        """Give the page the size of a window or, below 500 pixels, of a phone."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 500,
        )

    def media(self, kind: str = "", **features: str) -> None:
        """Emulate a medium (``print``) and features (``prefers_color_scheme="dark"``)."""
        named = [{"name": k.replace("_", "-"), "value": v} for k, v in features.items()]
        self.call("Emulation.setEmulatedMedia", media=kind, features=named)

    def script(self, on: bool) -> None:
        """Whether pages may run scripts from now on."""
        self.call("Emulation.setScriptExecutionDisabled", value=not on)

    def js(self, expression: str, context: int | None = None) -> Any:
        """What an expression evaluates to; promises are waited for."""
        params: dict[str, Any] = {"expression": expression, "returnByValue": True}
        if context is not None:
            params["contextId"] = context
        found = self.call("Runtime.evaluate", awaitPromise=True, **params)
        if "exceptionDetails" in found:
            raise RuntimeError(f"{expression[:200]}: {found['exceptionDetails']}")
        return found["result"].get("value")

    def apart(self) -> int:
        """A world of its own on the page, which the page's policy does not reach."""
        frame = self.call("Page.getFrameTree")["frameTree"]["frame"]["id"]
        world = self.call("Page.createIsolatedWorld", frameId=frame, worldName="test")
        return world["executionContextId"]

    def press(self, key: str, code: int = 0, text: str = "") -> None:
        """Press a key where the focus is."""
        params: dict[str, Any] = {"key": key, "windowsVirtualKeyCode": code}
        self.call("Input.dispatchKeyEvent", type="keyDown", text=text, **params)
        self.call("Input.dispatchKeyEvent", type="keyUp", **params)

    def type(self, text: str) -> None:
        """Write a text where the focus is."""
        self.call("Input.insertText", text=text)

    def point(self, x: float, y: float) -> None:
        """Move the mouse to a place of the window."""
        self.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)

    def picture(self, path: Path, whole: bool = False, clip: Iterable[float] = ()) -> None:
        """Write a PNG of the window, of the whole page or of ``clip`` (x, y, width, height)."""
        params: dict[str, Any] = {"captureBeyondViewport": whole or bool(clip)}
        if whole:
            box = self.call("Page.getLayoutMetrics")["cssContentSize"]
            params["clip"] = box | {"scale": 1}
        elif clip:
            names = ("x", "y", "width", "height")
            params["clip"] = dict(zip(names, clip, strict=True)) | {"scale": 1}
        found = self.call("Page.captureScreenshot", format="png", **params)
        path.write_bytes(base64.b64decode(found["data"]))

    def pdf(self, path: Path) -> int:
        """Print the page as it is told to a PDF in A4; the number of pages."""
        found = self.call(
            "Page.printToPDF",
            paperWidth=8.27,
            paperHeight=11.69,
            preferCSSPageSize=True,
            printBackground=True,
        )
        path.write_bytes(base64.b64decode(found["data"]))
        return path.read_bytes().count(b"/Type /Page\n")

    def cpu(self) -> float:
        """Seconds of CPU that the browser and all of its processes have used."""
        ticks = 0.0
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = stat.read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[2]) == self._pid:  # the group that the browser leads
                ticks += sum(map(int, fields[11:13]))
        return ticks / os.sysconf("SC_CLK_TCK")
