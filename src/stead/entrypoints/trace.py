"""Leaves a trail of every request that may change something, and records how it ended.

What a request commits is recorded with it, in the same transaction. What was refused, or
changed nothing, is recorded after the answer.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from stead.audit import public as audit
from stead.core import authz, log, telemetry, trail
from stead.core.authz import Actor
from stead.core.db import Database
from stead.core.errors import SteadError
from stead.core.http import Provided
from stead.core.trail import Deed, Trail
from stead.kit import clock, ids

_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
# Edges and agents report what happened to things; operations tell that story.
_MACHINES: Final = ("/edge/", "/agent/")
_ERRORS: Final = 400
_SERVER_ERRORS: Final = 500
_REFUSALS: Final = frozenset({401, 403, 404})
_TOO_OFTEN: Final = 429
# Names of parts of a path that may be written down; a sign-in link's token may not.
_TELLING: Final = ("_id", "app")
REQUEST_ID: Final = b"x-request-id"
logger = log.get(__name__)


class Traced:
    """Numbers every request, and audits those that may change something."""

    def __init__(self, app: ASGIApp, provided: Provided) -> None:
        self._app = app
        self._database = provided.get(Database)
        self._heads = provided.get(audit.Heads)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and look at how it ended."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = ids.new_id()
        status = _SERVER_ERRORS

        async def look(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = [*message.get("headers", []), (REQUEST_ID, request_id.encode())]
                message = {**message, "headers": headers}
            await send(message)

        with (
            structlog.contextvars.bound_contextvars(request=request_id),
            measured(scope, request_id, lambda: status),
        ):
            if scope["method"] in _SAFE or scope["path"].startswith(_MACHINES):
                await self._app(scope, receive, look)
                return
            found = Trail(lambda: _deed(scope, request_id, found))
            with trail.left(found):
                try:
                    await self._app(scope, receive, look)
                finally:
                    await self._conclude(found, status)

    async def _conclude(self, found: Trail, status: int) -> None:
        outcome = _outcome(status)
        if outcome is None or (found.recorded and outcome == "done"):
            return
        deed = found.describe()
        if deed is None:
            return
        found.recorded = True
        try:
            async with self._database.write() as uow:
                await audit.append(
                    uow, self._heads, deed, outcome=outcome, project_id=found.project_id
                )
        except SteadError as error:
            logger.warning("audit.lost", action=deed.action, outcome=outcome, reason=error.code)


@contextmanager
def measured(scope: Scope, request_id: str, status: Callable[[], int]) -> Iterator[None]:
    """Measure a request under the name of its route: an address may hold a secret."""
    if not telemetry.on():
        yield
        return
    began = clock.monotonic()
    with telemetry.span(f"{scope['method']} ?", request=request_id) as span:
        try:
            yield
        finally:
            path = getattr(scope.get("route"), "path", "?")
            span.call(f"{scope['method']} {path}")
            span.set("http.response.status_code", status())
            told = {"route": path, "status": status()}
            telemetry.measure("stead.request.duration", clock.monotonic() - began, **told)


def _outcome(status: int) -> str | None:
    if status < _ERRORS:
        return "done"
    if status == _TOO_OFTEN:
        return None
    if status >= _SERVER_ERRORS:
        return "failed"
    return "refused" if status in _REFUSALS else "rejected"


def _deed(scope: Scope, request_id: str, found: Trail) -> Deed | None:
    """Describe a request once it is known which endpoint it is for; None until then.

    Whoever is not signed in and asks for what needs it changes nothing; recording that would
    let anybody fill the disk.
    """
    endpoint = scope.get("endpoint")
    actor: Actor | None = scope.get("state", {}).get("actor")
    declared = authz.declared(endpoint)
    asked = authz.action_of(endpoint)
    if declared is None or (asked is not None and actor is None):
        return None
    return Deed(
        action=str(asked) if asked is not None else _name(endpoint),
        actor_id=actor.user_id if actor is not None else found.actor_id,
        actor=actor.name if actor is not None else found.actor,
        address=str(scope.get("state", {}).get("address", "")),
        subject=_subject(scope.get("path_params", {})),
        request_id=request_id,
        detail=_detail(scope, actor),
    )


def _name(endpoint: object) -> str:
    """Return what a public endpoint does, in the words of its code."""
    return str(getattr(endpoint, "__name__", "")).replace("_", ".")


def _subject(named: dict[str, str]) -> str:
    return " ".join(
        f"{name.removesuffix('_id')}:{value}"
        for name, value in named.items()
        if name.endswith(_TELLING)
    )


def _detail(scope: Scope, actor: Actor | None) -> dict[str, str | int]:
    if actor is None or not actor.credential:
        return {"method": scope["method"]}
    kind = "token" if actor.scopes is not None else "session"
    return {"method": scope["method"], kind: actor.credential}
