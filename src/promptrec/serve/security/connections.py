"""How many connections there may be, and how long a request may take to arrive."""

from __future__ import annotations

import asyncio
import resource
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MOST_CONNECTIONS = 1_000
ARRIVAL_SECONDS = 10.0
MOST_HEAD_BYTES = 64 * 1_024
OTHER_FILES = 256


class BoundedProtocol(HttpToolsProtocol):
    """uvicorn's protocol that turns connection 1,001 away, and ends one whose request is too slow or whose headers are
    too long.
    """

    _timer: asyncio.TimerHandle | None = None
    _in_head = True
    _head_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > MOST_CONNECTIONS:
            self._end(503, "Service Unavailable")
        else:
            self._expect_request()

    def connection_lost(self, exc: Exception | None) -> None:
        self._arrived()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > MOST_HEAD_BYTES:
                self._end(431, "Request Header Fields Too Large")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._expect_request()

    def on_headers_complete(self) -> None:
        self._in_head = False
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._arrived()
        super().on_message_complete()

    def _expect_request(self) -> None:
        self._arrived()
        self._in_head, self._head_bytes = True, 0
        self._timer = self.loop.call_later(ARRIVAL_SECONDS, self._end, 408, "Request Timeout")

    def _arrived(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _end(self, status: int, phrase: str) -> None:
        self._arrived()
        if not self.transport.is_closing():
            retry = "Retry-After: 1\r\n" if status == 503 else ""
            head = f"HTTP/1.1 {status} {phrase}\r\n{retry}Content-Length: 0\r\nConnection: close\r\n\r\n"
            self.transport.write(head.encode())
            self.transport.close()


def options() -> dict[str, Any]:
    """uvicorn's settings that belong to these bounds."""
    return {
        "http": BoundedProtocol,
        "timeout_keep_alive": 5,
        "timeout_graceful_shutdown": 30,
        "ws": "none",
        "access_log": False,  # nobody reads it below warnings, and each call would compose its line
    }


def make_room() -> None:
    """Let this process open as many files as that many connections need: many systems start one with 1,024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_CONNECTIONS + OTHER_FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
