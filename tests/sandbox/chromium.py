"""A headless Chromium driven over its DevTools protocol, by the one WebSocket that takes."""

from __future__ import annotations

import base64
import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-component-update"),
    *("--disable-background-networking", "--disable-sync", "--remote-debugging-port=0", "--lang=en"),
)
PATIENCE_SECONDS = 60


class Tab:
    """One page. `ask` sends a DevTools command, `run` evaluates JavaScript, `until` waits for it to be truthy."""

    def __init__(self, url: str) -> None:
        self._socket = _upgraded(url)
        self._buffer = b""
        self._last = 0
        self.complaints: list[str] = []

    def ask(self, method: str, **parameters: object) -> dict[str, Any]:
        self._last += 1
        self._send(json.dumps({"id": self._last, "method": method, "params": parameters}).encode())
        while True:
            message = json.loads(self._receive())
            if message.get("id") == self._last:
                assert "error" not in message, message
                return message["result"]
            self._listen(message)

    def run(self, script: str) -> Any:
        answer = self.ask("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def until(self, script: str) -> Any:
        last = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < last:
            value = self.run(script)
            if value:
                return value
            time.sleep(0.05)
        raise AssertionError(f"never came true: {script}\n{self.run('document.body.innerText')}")

    def open(self, url: str) -> None:
        for domain in ("Page", "Runtime", "Log"):
            self.ask(f"{domain}.enable")
        # By way of an empty page, because a change of what follows the # alone loads nothing.
        for address in ("about:blank", url):
            self.ask("Page.navigate", url=address)
            arrived = "===" if address == "about:blank" else "!=="
            self.until(f"document.readyState === 'complete' && location.href {arrived} 'about:blank'")

    def press(self, key: str, code: int = 0) -> None:
        named = {"key": key, "windowsVirtualKeyCode": code or ord(key.upper()[0])}
        text = {"text": key} if len(key) == 1 else {}
        self.ask("Input.dispatchKeyEvent", type="keyDown", **named, **text)
        self.ask("Input.dispatchKeyEvent", type="keyUp", **named)

    def size(self, width: int, height: int) -> None:
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def prefer(self, **features: str) -> None:
        listed = [{"name": name.replace("_", "-"), "value": value} for name, value in features.items()]
        self.ask("Emulation.setEmulatedMedia", features=listed)

    def allow_clipboard(self, origin: str) -> None:
        granted = ["clipboardReadWrite", "clipboardSanitizedWrite"]
        self.ask("Browser.grantPermissions", origin=origin, permissions=granted)
        self.ask("Page.bringToFront")

    def screenshot(self, path: Path) -> bytes:
        path.write_bytes(base64.b64decode(self.ask("Page.captureScreenshot", format="png")["data"]))
        return path.read_bytes()

    def close(self) -> None:
        self._socket.close()

    def _listen(self, message: dict[str, Any]) -> None:
        # Errors, refusals by the content security policy and missing files all arrive as one of these.
        match message:
            case {"method": "Runtime.exceptionThrown", "params": {"exceptionDetails": details}}:
                self.complaints.append(str(details.get("exception", details).get("description", details)))
            case {"method": "Log.entryAdded", "params": {"entry": {"level": "error" | "warning", "text": text}}}:
                self.complaints.append(text)

    def _send(self, payload: bytes) -> None:
        mask = os.urandom(4)
        size = len(payload)
        if size < 126:
            head = bytes([0x81, 0x80 | size])
        else:
            head = b"\x81\xfe" + size.to_bytes(2, "big") if size < 65_536 else b"\x81\xff" + size.to_bytes(8, "big")
        self._socket.sendall(head + mask + bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload)))

    def _receive(self) -> bytes:
        message = b""
        while True:
            first, second = self._take(2)
            size = second & 0x7F
            if size > 125:
                size = int.from_bytes(self._take(2 if size == 126 else 8), "big")
            part = self._take(size)
            if first & 0x0F in {0, 1, 2}:
                message += part
                if first & 0x80:
                    return message

    def _take(self, size: int) -> bytes:
        while len(self._buffer) < size:
            received = self._socket.recv(1 << 16)
            assert received, "Chromium closed the connection"
            self._buffer += received
        taken, self._buffer = self._buffer[:size], self._buffer[size:]
        return taken


@contextmanager
def chromium() -> Iterator[httpx.Client]:
    """A browser; ask it for tabs with `new_tab`. Without Chromium: fails in CI, is skipped elsewhere."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        if os.environ.get("CI") == "true":
            pytest.fail("CI has to test the page, but there is no Chromium", pytrace=False)
        pytest.skip("the page is not tested: install chromium")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        command = [program, *FLAGS, f"--user-data-dir={folder}", "about:blank"]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            try:
                port = _port(Path(folder, "DevToolsActivePort"), process)
                with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE_SECONDS) as client:
                    yield client
            finally:
                process.terminate()
                process.wait(timeout=PATIENCE_SECONDS)


def new_tab(browser: httpx.Client) -> Tab:
    return Tab(browser.put("/json/new?about:blank").json()["webSocketDebuggerUrl"])


def send(api: httpx.Client, *events: object) -> int:
    return api.post("/v1/track", json={"events": list(events)}).status_code


def wait_for_rows(tab: Tab, count: int) -> None:
    tab.until(f"document.querySelectorAll('#rows tr').length === {count}")


def text(tab: Tab, selector: str) -> str:
    return str(tab.run(f"document.querySelector({selector!r}).innerText"))


def _port(file: Path, process: subprocess.Popen[bytes]) -> int:
    last = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < last:
        assert process.poll() is None, "Chromium ended at its start"
        lines = file.read_text().splitlines() if file.exists() else []
        if lines:
            return int(lines[0])
        time.sleep(0.05)
    raise AssertionError("Chromium did not open its DevTools port")


def _upgraded(url: str) -> socket.socket:
    target = httpx.URL(url)
    connection = socket.create_connection((target.host, target.port or 80), timeout=PATIENCE_SECONDS)
    key = base64.b64encode(os.urandom(16)).decode()
    connection.sendall(
        f"GET {target.path} HTTP/1.1\r\nHost: {target.host}:{target.port}\r\nUpgrade: websocket\r\n"
        f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
    )
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += connection.recv(1)
    assert answer.startswith(b"HTTP/1.1 101"), answer
    return connection


# Elements whose own text has too little contrast with the nearest background that is painted behind it.
WEAK_TEXT = """
(() => {
  const channels = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const linear = (c) => c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => 0.2126 * linear(r / 255) + 0.7152 * linear(g / 255) + 0.0722 * linear(b / 255);
  const behind = (element) => {
    for (let each = element; each; each = each.parentElement) {
      const colour = channels(getComputedStyle(each).backgroundColor);
      if (colour.length === 3 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  return [...document.querySelectorAll('body *')].filter((element) => element.checkVisibility()
    && [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim())
  ).flatMap((element) => {
    const [a, b] = [light(channels(getComputedStyle(element).color)), light(behind(element))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    return ratio < 4.5 ? [`${element.tagName}#${element.id}.${element.className} ${ratio.toFixed(2)}`] : [];
  });
})()
"""
