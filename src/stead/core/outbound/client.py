"""Requests to servers that people name: bounded in time and size, redirects judged anew.

Proxies of the environment are not used, no cookies are kept and no connection is shared.
"""

import asyncio
import re
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Final

import httpcore
import httpx

from stead import __version__
from stead.core import platform_settings
from stead.core.db import Database
from stead.core.outbound import settings
from stead.core.outbound.addresses import Address, Network
from stead.core.outbound.dialling import Dialler, Doorkeeper, look_up
from stead.core.outbound.errors import (
    OutboundRefusedError,
    OutboundTimeoutError,
    OutboundTooLargeError,
    OutboundUnreachableError,
)

_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_SAME_REQUEST: Final = frozenset({307, 308})
_PORTS: Final = {"http": 80, "https": 443}
_LAST_PORT: Final = 65535
_HOST: Final = re.compile(r"[A-Za-z0-9._-]{1,253}|[0-9A-Fa-f:.]{2,45}")
# What may follow a redirect to another server; anything else might be a secret.
_HARMLESS: Final = frozenset({"accept", "accept-language", "content-type", "user-agent"})
# These say where a message ends and who reads it, which is not for callers to tell.
_OURS: Final = frozenset(
    {
        "accept-encoding",
        "connection",
        "content-length",
        "host",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
_WITH_BODY: Final = frozenset({"POST", "PUT", "PATCH"})


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a call may take; ``redirects`` is how many are followed."""

    seconds: float = 10
    body_bytes: int = 1024 * 1024
    redirects: int = 0


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer: names of headers are in lower case, the body is as it was sent."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str


@dataclass(frozen=True, slots=True)
class Streamed:
    """An answer whose body is read piece by piece, until it exceeds its limit."""

    status: int
    headers: Mapping[str, str]
    chunks: AsyncIterator[bytes]
    url: str


@dataclass(frozen=True, slots=True)
class _Call:
    method: str
    url: httpx.URL
    headers: Mapping[str, str]
    content: bytes


@dataclass(frozen=True, slots=True)
class Policy:
    """What holds for all calls: networks besides the internet, and the usual limits."""

    allowed: Sequence[Network] = ()
    limits: Limits = field(default_factory=Limits)


async def _strict() -> Policy:
    return Policy()


def governed(database: Database) -> "Outbound":
    """Return the client that obeys the platform settings of this moment."""

    async def policy() -> Policy:
        async with database.read() as uow:
            allowed = await platform_settings.get(uow, settings.ALLOWED)
            seconds = await platform_settings.get(uow, settings.SECONDS)
            kilobytes = await platform_settings.get(uow, settings.ANSWER_KB)
        return Policy(allowed, Limits(seconds, kilobytes * 1024))

    return Outbound(policy)


def _doorkeeper() -> Doorkeeper:
    return Doorkeeper(look_up)


@dataclass(frozen=True, slots=True)
class Outbound:
    """Calls servers on the internet, and in networks that an admin opened.

    ``tls`` verifies certificates; the system's authorities are trusted unless told otherwise.
    """

    policy: Callable[[], Awaitable[Policy]] = _strict
    tls: ssl.SSLContext = field(default_factory=ssl.create_default_context)
    doorkeeper: Doorkeeper = field(default_factory=_doorkeeper)

    async def check(self, url: str) -> None:
        """Pass if an address could be called now; for forms, it binds nobody later.

        Raises OutboundRefusedError, and OutboundUnreachableError for names without address.
        """
        parsed = _parse(url)
        port = parsed.port or _PORTS[parsed.scheme]
        host = parsed.raw_host.decode("ascii")
        await self.doorkeeper.addresses(host, port, (await self.policy()).allowed)

    async def locate(self, host: str, port: int) -> tuple[Address, ...]:
        """Return where a host may be called now, for programs that then call just that.

        Raises OutboundRefusedError, and OutboundUnreachableError for names without address.
        """
        return await self.doorkeeper.addresses(host, port, (await self.policy()).allowed)

    async def fetch(
        self,
        method: str,
        url: str,
        *,
        content: bytes = b"",
        headers: Mapping[str, str] | None = None,
        limits: Limits | None = None,
    ) -> Answer:
        """Send a request and return the whole answer, whatever its status is.

        Raises the errors of this package. Whether a request that failed with one that is
        retryable has arrived is not known.
        """
        async with self.stream(
            method, url, content=content, headers=headers, limits=limits
        ) as answer:
            body = b"".join([chunk async for chunk in answer.chunks])
        return Answer(answer.status, answer.headers, body, answer.url)

    @asynccontextmanager
    async def stream(
        self,
        method: str,
        url: str,
        *,
        content: bytes = b"",
        headers: Mapping[str, str] | None = None,
        limits: Limits | None = None,
    ) -> AsyncIterator[Streamed]:
        """Send a request and read its answer inside the block, all within the limits."""
        policy = await self.policy()
        given = limits or policy.limits
        call = _call(method, url, headers or {}, content)
        try:
            async with asyncio.timeout(given.seconds):
                dialler = Dialler(self.doorkeeper, policy.allowed)
                async with (
                    httpcore.AsyncConnectionPool(
                        self.tls, max_keepalive_connections=0, network_backend=dialler
                    ) as pool,
                    _follow(pool, call, given) as answer,
                ):
                    yield answer
        except TimeoutError as error:
            raise OutboundTimeoutError(
                f"{call.url.host} took longer than {given.seconds:g} seconds"
            ) from error
        except httpcore.LocalProtocolError as error:
            raise OutboundRefusedError("The method or a header is not valid HTTP") from error
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException) as error:
            raise OutboundUnreachableError(f"{call.url.host}: {_reason(error)}") from error


def _call(method: str, url: str, headers: Mapping[str, str], content: bytes) -> _Call:
    forbidden = sorted(name for name in headers if name.lower() in _OURS)
    if forbidden:
        raise OutboundRefusedError(f"The header {forbidden[0]} cannot be chosen")
    return _Call(method.upper(), _parse(url), dict(headers), content)


@asynccontextmanager
async def _follow(
    pool: httpcore.AsyncConnectionPool, call: _Call, limits: Limits
) -> AsyncIterator[Streamed]:
    for _ in range(limits.redirects + 1):
        async with _send(pool, call) as response:
            headers = _headers(response)
            target = headers.get("location", "") if response.status in _REDIRECTS else ""
            if not target or limits.redirects == 0:
                chunks = _bounded(response, call.url.host, limits.body_bytes)
                yield Streamed(response.status, headers, chunks, str(call.url))
                return
        call = _redirected(call, response.status, target)
    raise OutboundRefusedError(f"{call.url.host} redirects more than {limits.redirects} times")


@asynccontextmanager
async def _send(
    pool: httpcore.AsyncConnectionPool, call: _Call
) -> AsyncIterator[httpcore.Response]:
    url = httpcore.URL(
        scheme=call.url.raw_scheme,
        host=call.url.raw_host,
        port=call.url.port,
        target=call.url.raw_path,
    )
    whole = call.content or call.method in _WITH_BODY
    content = call.content if whole else None
    async with pool.stream(call.method, url, headers=_lines(call), content=content) as response:
        yield response


def _lines(call: _Call) -> list[tuple[bytes, bytes]]:
    headers = {"host": call.url.netloc.decode("ascii"), "user-agent": f"stead/{__version__}"}
    headers |= {name.lower(): text for name, text in call.headers.items()}
    headers["accept-encoding"] = "identity"
    try:
        return [(name.encode("ascii"), text.encode("ascii")) for name, text in headers.items()]
    except UnicodeError as error:
        raise OutboundRefusedError("A header may hold ASCII characters only") from error


async def _bounded(response: httpcore.Response, host: str, limit: int) -> AsyncIterator[bytes]:
    received = 0
    async for chunk in response.aiter_stream():
        received += len(chunk)
        if received > limit:
            raise OutboundTooLargeError(f"{host} answered with more than {limit} bytes")
        yield chunk


def _redirected(call: _Call, status: int, location: str) -> _Call:
    target = _parse(location, relative_to=call.url)
    if call.url.scheme == "https" and target.scheme != "https":
        raise OutboundRefusedError(f"{call.url.host} redirects to an address without TLS")
    elsewhere = (target.scheme, target.raw_host, target.port) != (
        call.url.scheme,
        call.url.raw_host,
        call.url.port,
    )
    if status not in _SAME_REQUEST and call.method != "HEAD":
        call = replace(call, method="GET", content=b"")
    if elsewhere and call.content:
        raise OutboundRefusedError(f"{call.url.host} redirects what it was sent to another server")
    kept = call.headers
    if elsewhere:
        kept = {name: text for name, text in kept.items() if name.lower() in _HARMLESS}
    return replace(call, url=target, headers=kept)


def _parse(url: str, relative_to: httpx.URL | None = None) -> httpx.URL:
    try:
        parsed = httpx.URL(url) if relative_to is None else relative_to.join(url)
        named = parsed.raw_host.decode("ascii")
    except (httpx.InvalidURL, UnicodeError, ValueError) as error:
        raise OutboundRefusedError("This is not an address that can be called") from error
    if parsed.scheme not in _PORTS or not named:
        raise OutboundRefusedError("An address starts with https:// or http:// and names a host")
    if not _HOST.fullmatch(named) or not 0 < (parsed.port or 1) <= _LAST_PORT:
        raise OutboundRefusedError("This is not a host and port that can be called")
    if parsed.userinfo:
        raise OutboundRefusedError("An address may not hold a name or a password")
    return parsed


def _headers(response: httpcore.Response) -> dict[str, str]:
    return {
        name.decode("latin-1").lower(): text.decode("latin-1") for name, text in response.headers
    }


def _reason(error: Exception) -> str:
    # The pool raises what happened anew, so that causes are lost; contexts are not.
    before = error.__context__
    while before is not None:
        if isinstance(before, ssl.SSLError):
            return "its certificate cannot be trusted, or it speaks no TLS"
        before = before.__context__
    return "the connection broke" if isinstance(error, httpcore.NetworkError) else "no valid HTTP"
