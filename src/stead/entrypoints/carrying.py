"""Hands the calls that a Redis carried to the agents' own application, as a server would."""

import asyncio
from typing import Any

from starlette.types import ASGIApp, Message

from stead.agents import public as agents


async def carry(carrier: agents.Carrier, application: ASGIApp) -> None:
    """Carry until cancelled."""

    async def ask(call: agents.Call) -> tuple[int, str]:
        return await _Exchange(call).run(application)

    await carrier.run(ask)


class _Exchange:
    """One call on its way through the application."""

    def __init__(self, call: agents.Call) -> None:
        self._call = call
        self._given = False
        self._never = asyncio.Event()
        self._status = 500
        self._body = b""

    async def run(self, application: ASGIApp) -> tuple[int, str]:
        path, _, query = self._call.target.partition("?")
        scope: dict[str, Any] = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": self._call.method,
            "scheme": "https",
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "headers": [
                *((name.lower().encode(), text.encode()) for name, text in self._call.headers),
                (b"content-length", str(len(self._call.body)).encode()),
            ],
            "client": None,
            "extensions": {agents.CARRIED: {}},
            "server": ("agents.invalid", 443),
        }
        await application(scope, self._receive, self._send)
        return self._status, self._body.decode()

    async def _receive(self) -> Message:
        if not self._given:
            self._given = True
            return {"type": "http.request", "body": self._call.body, "more_body": False}
        # Nobody hangs up: whoever asks again says so with that.
        await self._never.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
        elif message["type"] == "http.response.body":
            self._body += message.get("body", b"")
