"""Answers that last end soon after whoever asked for them may no longer ask.

A stream was allowed when it began; the session, token, role or membership that allowed it
may end while it runs.
"""

import asyncio
from typing import Final

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from stead.core.authz import Actor
from stead.core.db import Database, Uow
from stead.core.db_errors import DatabaseUnavailableError
from stead.core.http import Provided
from stead.entrypoints.guard import bearer_of
from stead.identity import public as identity

# Twice this is well within the ten seconds that are promised.
LOOK_SECONDS: Final = 4.0
STREAM: Final = "text/event-stream"


class Lasting:
    """Looks now and then whether a stream's reader is still who they were when it began.

    Anything that changed ends it: readers come again, and are asked again who they are.
    """

    def __init__(self, app: ASGIApp, provided: Provided) -> None:
        self._app = app
        self._database = provided.get(Database)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        actor: Actor | None = scope.get("state", {}).get("actor")
        if scope["type"] != "http" or actor is None:
            await self._app(scope, receive, send)
            return
        watch: asyncio.Task[None] | None = None
        kind = ""

        async def look(message: Message) -> None:
            nonlocal watch, kind
            if message["type"] == "http.response.start":
                headers = Headers(raw=message["headers"])
                kind = headers.get("content-type", "")
                # What is sent at once says how long it is.
                if "content-length" not in headers:
                    watch = asyncio.create_task(self._watch(Request(scope), actor, limit))
            await send(message)

        limit = asyncio.timeout(None)
        try:
            async with limit:
                try:
                    await self._app(scope, receive, look)
                finally:
                    if watch is not None:
                        watch.cancel()
        except TimeoutError:
            # What is not a stream must not look as if that had been all.
            if not limit.expired() or not kind.startswith(STREAM):
                raise
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _watch(self, request: Request, actor: Actor, limit: asyncio.Timeout) -> None:
        # Who asks was looked up a moment ago, and most streams end before the first look.
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            if not await self._is_still(request, actor):
                break
        limit.reschedule(asyncio.get_running_loop().time())

    async def _is_still(self, request: Request, actor: Actor) -> bool:
        try:
            async with self._database.read() as uow:
                return await _find_actor(uow, request) == actor
        except DatabaseUnavailableError:
            return True


async def _find_actor(uow: Uow, request: Request) -> Actor | None:
    """Return who asked, without noting a use: a stream must not keep its session open."""
    token = bearer_of(request)
    if token is not None:
        return await identity.find_actor_by_token(uow, token)
    session = identity.session_of(request)
    return await identity.find_actor_by_session(uow, session) if session is not None else None
