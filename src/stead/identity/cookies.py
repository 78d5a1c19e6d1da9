"""What a browser brings along: the session cookie, its address and its name."""

from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from stead.core.http import address_of
from stead.identity.sessions import Client

COOKIE: Final = "__Host-stead"


def session_of(request: Request) -> str | None:
    """Return the session token that the browser sent."""
    # Apps below our domain may set cookies for all of it. A parser that gives up at the first
    # odd one would let them sign people out, so each is looked at by itself.
    return request.cookies.get(COOKIE)


def client_of(request: Request) -> Client:
    """Return from where somebody signs in."""
    return Client(address_of(request), request.headers.get("user-agent", ""))


def put_session(response: Response, session: str, seconds: int) -> None:
    """Hand the session to the browser, for this host and its own pages alone."""
    response.set_cookie(
        COOKIE, session, max_age=seconds, path="/", secure=True, httponly=True, samesite="strict"
    )


def drop_session(response: Response) -> None:
    """Make the browser forget the session."""
    response.delete_cookie(COOKIE, path="/", secure=True, httponly=True, samesite="strict")
