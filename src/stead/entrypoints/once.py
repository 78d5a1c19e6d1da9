"""Between sign-in and routes: requests that act once, and only on what their sender has seen.

``Idempotency-Key`` on any POST and ``If-Match`` on any change make one transaction of the
whole request. Routes need to know of neither.
"""

import json
import re
from dataclasses import dataclass, field
from typing import Final

from fastapi import FastAPI
from pydantic import JsonValue
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Message, Receive, Scope, Send

from stead.core import answers, replays
from stead.core.authz import Actor
from stead.core.db import Database
from stead.core.db_errors import ClashError
from stead.core.errors import Kind, SteadError
from stead.core.http import Provided, problem
from stead.core.replays import Answer, Asked
from stead.entrypoints import declarations
from stead.entrypoints.declarations import API, CHANGES

KEY_LENGTH: Final = 255
REPLAYED: Final = "Idempotent-Replayed"
# Of an answer's headers, those that belong to what was done.
_KEPT_HEADERS: Final = frozenset({"location", "etag"})
_KEY: Final = re.compile(rf"[!-~]{{1,{KEY_LENGTH}}}")
_TAGS: Final = re.compile(r'\*|(?:W/)?"[!#-~]*"(?:\s*,\s*(?:W/)?"[!#-~]*")*')
_TAG: Final = re.compile(r'(?:W/)?"[!#-~]*"')
# As a byte, or as JSON writes it: not after a backslash that is itself escaped.
_NUL: Final = re.compile(rb"\x00|(?<!\\)(?:\\\\)*\\u0000")
_ATTEMPTS: Final = 5
_OK: Final = 200
_REFUSED: Final = 300
_WRONG_METHOD: Final = 405


class MalformedHeaderError(SteadError):
    """A header that cannot be read; nothing was tried."""

    kind = Kind.MALFORMED
    code = "request.header"


class UnreadableError(SteadError):
    """A body with something in it that is no text."""

    kind = Kind.INVALID
    code = "request.unreadable"


class StaleError(SteadError):
    """Somebody changed it since it was looked at; ``ETag`` is its version now."""

    kind = Kind.STALE
    code = "request.stale"


@dataclass(slots=True)
class _Taken:
    """An answer that has not been sent yet, and the scope in which it was made."""

    scope: Scope
    messages: list[Message] = field(default_factory=list)

    @property
    def status(self) -> int:
        return int(self.messages[0]["status"])

    @property
    def headers(self) -> MutableHeaders:
        return MutableHeaders(raw=self.messages[0]["headers"])

    @property
    def body(self) -> JsonValue:
        content = b"".join(part.get("body", b"") for part in self.messages[1:])
        found: JsonValue = json.loads(content) if content else None
        return found

    @property
    def version(self) -> str:
        return answers.version_of(answers.response_model(self.scope), self.body)

    def kept(self) -> Answer:
        """Return what may be told again."""
        headers = {name: value for name, value in self.headers.items() if name in _KEPT_HEADERS}
        body = answers.without_secrets(answers.response_model(self.scope), self.body)
        return Answer(self.status, headers, body)

    async def send(self, send: Send) -> None:
        for message in self.messages:
            await send(message)


class Once:
    """Stands in front of the API's routes."""

    def __init__(self, app: FastAPI, provided: Provided) -> None:
        self._app = app
        self._database = provided.get(Database)
        # What shows something that can be changed.
        self._versioned = declarations.versioned(app)
        self._asking = declarations.asking(app)
        self._methods: declarations.Methods = app.state.methods
        self._running: set[tuple[str, str]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or do what its headers ask for."""
        if scope["type"] != "http" or not scope["path"].startswith(API):
            await self._app(scope, receive, send)
        elif b"%00" in scope["query_string"]:
            await problem(_unreadable())(scope, receive, send)
        elif scope["method"] == "GET":
            await self._show(scope, receive, send)
        else:
            await self._change(Request(scope, receive), send)

    async def _show(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Add the version to what can be changed; everything else passes as it comes."""
        held = _Taken(scope)

        async def look(message: Message) -> None:
            begins = message["type"] == "http.response.start"
            versioned = scope.get("endpoint") in self._versioned
            if begins and message["status"] == _OK and versioned:
                held.messages.append(message)
            elif not held.messages:
                await send(message)
            else:
                held.messages.append(message)
                if not message.get("more_body", False):
                    held.headers["ETag"] = held.version
                    await held.send(send)

        await self._app(scope, receive, look)

    async def _change(self, request: Request, send: Send) -> None:
        try:
            key = _key(request.headers) if request.method == "POST" else None
            tags = _tags(request.headers) if self._changes(request) else None
            body = await request.body()
            if _NUL.search(body):
                raise _unreadable()
            asks = any(one.match(request.url.path) for one in self._asking)
            if asks or (key is None and tags is None):
                await self._app(request.scope, _given(body, request.receive), send)
                return
            if key is not None:
                asked = Asked(_owner(request), key, _route(request), body)
                answer = await self._act_once(request, asked)
            else:
                answer = await self._act_on_seen(request, body, tags or frozenset())
        except SteadError as error:
            await problem(error)(request.scope, request.receive, send)
            return
        if isinstance(answer, _Taken):
            await answer.send(send)
        else:
            await answer(request.scope, request.receive, send)

    def _changes(self, request: Request) -> bool:
        """Tell whether somebody asks for a change that there is, of what they say they saw.

        Others are told first to sign in, or that the address takes no such method.
        """
        known = getattr(request.state, "actor", None) is not None
        if not known or request.method not in CHANGES or "if-match" not in request.headers:
            return False
        return request.method in declarations.methods_at(self._methods, request.url.path)

    async def _act_once(self, request: Request, asked: Asked) -> _Taken | Response:
        with_key = (asked.owner, asked.key)
        if with_key in self._running:
            raise replays.still_running()
        self._running.add(with_key)
        try:
            async with self._database.whole() as uow:
                await replays.hold(uow, asked)
                known = await replays.find(uow, asked)
                if known is not None:
                    return _again(known)
                answer = await self._run(request, asked.body)
                if answer.status < _REFUSED:
                    await replays.record(uow, asked, answer.kept())
            return answer
        finally:
            self._running.discard(with_key)

    async def _act_on_seen(
        self, request: Request, body: bytes, tags: frozenset[str]
    ) -> _Taken | Response:
        for _ in range(_ATTEMPTS - 1):
            try:
                return await self._compare_and_act(request, body, tags)
            except ClashError:
                continue
        return await self._compare_and_act(request, body, tags)

    async def _compare_and_act(
        self, request: Request, body: bytes, tags: frozenset[str]
    ) -> _Taken | Response:
        async with self._database.whole(steady=True):
            seen = await self._look(request)
            if seen.status == _WRONG_METHOD:
                raise MalformedHeaderError(
                    "If-Match does not work here, for there is nothing to look at before",
                    hint="Leave it out",
                )
            if seen.status != _OK:
                return seen
            if "*" not in tags and seen.version not in tags:
                return _stale(seen.version)
            answer = await self._run(request, body)
            if answer.status < _REFUSED and request.method != "DELETE":
                now = await self._look(request)
                answer.headers["ETag"] = now.version
            return answer

    async def _look(self, request: Request) -> _Taken:
        """Look at what will be changed as its sender would, in the same transaction."""
        scope = {**request.scope, "method": "GET", "query_string": b""}
        return await self._take(scope, b"")

    async def _run(self, request: Request, body: bytes) -> _Taken:
        return await self._take(request.scope, body)

    async def _take(self, scope: Scope, body: bytes) -> _Taken:
        taken = _Taken(scope)

        async def keep(message: Message) -> None:
            taken.messages.append(message)

        await self._app(scope, _given(body), keep)
        return taken


def _unreadable() -> UnreadableError:
    return UnreadableError("There is a NUL character in this, which no text has")


def _given(body: bytes, after: Receive | None = None) -> Receive:
    """Return what gives a body that was read already; nobody leaves before it is answered."""
    given = False

    async def receive() -> Message:
        nonlocal given
        if given and after is not None:
            return await after()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


def _key(headers: Headers) -> str | None:
    given = headers.getlist("idempotency-key")
    if not given:
        return None
    if len(given) > 1 or not _KEY.fullmatch(given[0]):
        raise MalformedHeaderError(
            f"An Idempotency-Key is one word of up to {KEY_LENGTH} visible ASCII characters"
        )
    return given[0]


def _tags(headers: Headers) -> frozenset[str] | None:
    given = ", ".join(headers.getlist("if-match"))
    if "if-match" not in headers:
        return None
    if not _TAGS.fullmatch(given.strip()):
        raise MalformedHeaderError('If-Match is *, or entity tags like "6fa4…" with their quotes')
    # Weak ones never match, for what is changed has to be the very same.
    return frozenset({"*"}) if given.strip() == "*" else frozenset(_TAG.findall(given))


def _owner(request: Request) -> str:
    """Return whose key it is: one credential's, or an address's while nobody is known."""
    actor: Actor | None = getattr(request.state, "actor", None)
    if actor is None:
        return f"address:{request.state.address}"
    return f"{actor.user_id}:{actor.credential}"


def _route(request: Request) -> str:
    return f"{request.method} {request.url.path}?{request.url.query}"


def _again(known: Answer) -> Response:
    headers = {**known.headers, REPLAYED: "true", "Cache-Control": "no-store"}
    if known.body is None:
        return Response(status_code=known.status, headers=headers)
    return JSONResponse(known.body, status_code=known.status, headers=headers)


def _stale(version: str) -> Response:
    answer = problem(
        StaleError("This was changed meanwhile", hint="Look at it again and decide anew")
    )
    answer.headers["ETag"] = version
    return answer
