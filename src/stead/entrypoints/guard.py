"""In front of every request: size limits, who is signed in, and no writes from elsewhere."""

from math import ceil
from typing import Final

import structlog
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from stead.core import authz
from stead.core.authz import Actor
from stead.core.clients import client_address
from stead.core.db import Database
from stead.core.errors import Kind, SteadError
from stead.core.http import Provided, problem
from stead.core.pace import Pace
from stead.core.settings import Settings
from stead.identity import public as identity

SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
# A person with ten tabs and a script stays far below.
ASKED_PER_SECOND: Final = 100
ASKED_BURST: Final = 1000
WRONG_PER_SECOND: Final = 1
WRONG_BURST: Final = 100
BODY_LIMIT: Final = 1024 * 1024
_LONGEST: Final = 18
# The browser's own address bar is nobody's page.
_OWN: Final = frozenset({"same-origin", "none"})
_NOT_ALLOWED: Final = 1008


class TooLargeError(SteadError):
    """The body is larger than anything we take."""

    kind = Kind.TOO_LARGE
    code = "request.too_large"


class BodyLimit:
    """Refuses bodies above a limit, announced or not, and what is not a request at all."""

    def __init__(self, app: ASGIApp, limit: int = BODY_LIMIT) -> None:
        self._app = app
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, counting what it brings."""
        if scope["type"] == "websocket":
            # Nothing here speaks that, and nobody would have been asked who they are.
            await send({"type": "websocket.close", "code": _NOT_ALLOWED})
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        error = TooLargeError(f"The body may have {self._limit} bytes at most")
        if not self._fits(Headers(scope=scope).get("content-length", "0")):
            await problem(error)(scope, receive, send)
            return
        taken = 0

        async def counted() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > self._limit:
                raise error
            return message

        async def answered(message: Message) -> None:
            # Frameworks tell every failure to read a body as malformed; this one has its own.
            if taken <= self._limit:
                await send(message)
            elif message["type"] == "http.response.start":
                await problem(error)(scope, receive, send)

        await self._app(scope, counted, answered)

    def _fits(self, announced: str) -> bool:
        number = announced.isascii() and announced.isdigit() and len(announced) <= _LONGEST
        return number and int(announced) <= self._limit


class TooOftenError(SteadError):
    """Somebody asks more often than anybody has to."""

    kind = Kind.RATE_LIMITED
    code = "request.too_often"
    retryable = True


class _Paces:
    """How often an address may be wrong about who it is, and a person may ask at all."""

    def __init__(self) -> None:
        self._wrong = Pace(per_second=WRONG_PER_SECOND, burst=WRONG_BURST)
        self._asked = Pace(per_second=ASKED_PER_SECOND, burst=ASKED_BURST)

    def count(self, address: str, actor: Actor | None, *, claimed: bool) -> None:
        """Count a request once it is known whose it is. Raises TooOftenError.

        Whoever is right passes, however often others behind the same address were wrong.
        """
        if claimed:
            self._pass(self._wrong.take(address), "Too many wrong tokens came from your address")
        if actor is not None:
            self._pass(self._asked.take(actor.user_id), "You ask too often")

    def _pass(self, wait: float, reason: str) -> None:
        if wait:
            seconds = ceil(wait)
            raise TooOftenError(reason, hint=f"Try again in {seconds} s", retry_seconds=seconds)


class SignIn:
    """Finds out who asks, by API token or by session cookie.

    A cookie is sent along by the browser whoever made the page, and tenants' apps are on
    the same site. So writes with a cookie must come from the console's own origin, and from
    elsewhere one may follow a link to a page, but not read the API or hold a stream open.
    """

    def __init__(self, app: ASGIApp, provided: Provided) -> None:
        server = provided.get(Settings).server
        self._app = app
        self._database = provided.get(Database)
        self._console = server.console_url
        self._edges = server.edges
        self._paces = _Paces()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Bind the actor to the request and pass it on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        scope.setdefault("state", {})["address"] = self._address(request)
        address: str = scope["state"]["address"]
        try:
            actor, by_cookie = await self._recognise(request)
            self._paces.count(address, actor, claimed=actor is None and _claims(request))
        except SteadError as error:
            await problem(error)(scope, receive, send)
            return
        if by_cookie and not self._is_welcome(request):
            refusal = authz.ForbiddenError("This request does not come from the console itself")
            await problem(refusal)(scope, receive, send)
            return
        scope["state"]["actor"] = actor
        if "\0" in scope["path"]:
            # Nothing is called that, and PostgreSQL cannot even be asked.
            await problem(authz.NotFoundError("There is no such thing"))(scope, receive, send)
            return
        whose = {"actor": actor.user_id} if actor is not None else {}
        with structlog.contextvars.bound_contextvars(**whose):
            await self._app(scope, receive, send)

    async def _recognise(self, request: Request) -> tuple[Actor | None, bool]:
        token = bearer_of(request)
        if token is not None:
            return await identity.recognise_token(self._database, token), False
        session = identity.session_of(request)
        if session is None:
            return None, False
        return await identity.recognise_session(self._database, session), True

    def _address(self, request: Request) -> str:
        peer = request.client.host if request.client is not None else ""
        forwarded = ",".join(request.headers.getlist("x-forwarded-for"))
        return client_address(peer, forwarded, self._edges)

    def _is_welcome(self, request: Request) -> bool:
        """Tell whether a request may use a cookie, as far as its browser says who made it."""
        site = request.headers.get("sec-fetch-site", "same-origin")
        if request.method not in SAFE:
            return request.headers.get("origin") == self._console and site == "same-origin"
        return site in _OWN or (
            request.headers.get("sec-fetch-mode") == "navigate"
            and not request.url.path.startswith("/api/")
        )


def bearer_of(request: Request) -> str | None:
    """Return the API token that a request brings."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token if scheme == "Bearer" and token.startswith("stt_") else None


def _claims(request: Request) -> bool:
    """Tell whether a request says who it is from; edges speak with tokens of their own."""
    own = not request.url.path.startswith("/edge/")
    return own and ("authorization" in request.headers or identity.session_of(request) is not None)
