"""What routes and pages share: who asks, the services they were given, problem documents."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Final, TypeVar

from fastapi import Depends, Request
from fastapi.responses import JSONResponse

from stead.core import authz
from stead.core.authz import Actor, UnauthenticatedError
from stead.core.db import Database
from stead.core.errors import HTTP_STATUS, Kind, SteadError
from stead.kit.text import sendable

Service = TypeVar("Service")
# What is not there right now has mostly come back by then.
RETRY_SECONDS: Final = 2


class Provided:
    """The services that an application was assembled with, found by their type."""

    def __init__(self) -> None:
        self._services: dict[type, object] = {}

    def add(self, service: object) -> None:
        """Offer a service under its own type."""
        self._services[type(service)] = service

    def get(self, kind: type[Service]) -> Service:
        """Return the service of this type; KeyError is an assembly bug."""
        found = self._services[kind]
        if not isinstance(found, kind):
            raise TypeError(f"not a {kind.__name__}")
        return found

    def find(self, kind: type[Service]) -> Service | None:
        """Return the service of this type, None where it was not asked for."""
        return self.get(kind) if kind in self._services else None


# Dependencies that wait for nothing are coroutines too: the framework hands all others to
# threads, which takes longer than the whole rest of many requests.
def provided(kind: type[Service]) -> Callable[[Request], Awaitable[Service]]:
    """Return a dependency that finds a service by type."""

    async def find(request: Request) -> Service:
        services: Provided = request.app.state.provided
        return services.get(kind)

    return find


async def require_actor(request: Request) -> Actor:
    """Return who is signed in and may enter this endpoint.

    Raises UnauthenticatedError, ScopeError and ForbiddenError.
    """
    actor: Actor | None = getattr(request.state, "actor", None)
    if actor is None:
        raise UnauthenticatedError("Sign in first")
    asked = authz.action_of(request.scope.get("endpoint"))
    if asked is not None:
        authz.enter(actor, asked)
    return actor


def address_of(request: Request) -> str:
    """Return the address that a request comes from."""
    found: str = getattr(request.state, "address", "")
    return found


ActorDep = Annotated[Actor, Depends(require_actor)]
DatabaseDep = Annotated[Database, Depends(provided(Database))]


def problem(error: SteadError) -> JSONResponse:
    """Return an expected failure as a problem document."""
    body: dict[str, Any] = {
        "type": f"urn:stead:error:{error.code}",
        "title": error.message,
        "status": HTTP_STATUS[error.kind],
        "code": error.code,
    }
    if error.fields:
        # A name may be the caller's own invention.
        body["fields"] = {sendable(name): text for name, text in error.fields.items()}
    if error.hint:
        body["hint"] = error.hint
    answer = JSONResponse(
        body, status_code=HTTP_STATUS[error.kind], media_type="application/problem+json"
    )
    if error.kind in {Kind.UNAVAILABLE, Kind.RATE_LIMITED} or error.retry_seconds:
        answer.headers["Retry-After"] = str(error.retry_seconds or RETRY_SECONDS)
    return answer
