"""Speaks HTTP/1.1 to Proxmox: its own error texts, a short-lived pool, two ways to be known."""

import json
import ssl
from collections.abc import Mapping
from typing import Final, Protocol, TypeAlias
from urllib.parse import quote

import httpx

from stead.engines import errors, trust
from stead.engines.drivers.proxmox import errors as native
from stead.engines.drivers.proxmox.calls import Call
from stead.engines.transport import to_engine

Json: TypeAlias = "str | int | float | bool | list[Json] | dict[str, Json] | None"
Param: TypeAlias = str | int | bool
_OK: Final = 200
# The server hangs up after 5 s without a request; a connection must not be used after that.
_IDLE_SECONDS: Final = 4
_MAX_ANSWER: Final = 16 * 1024 * 1024
# A dead node is told after 30 s, and the per-guest lock is waited for up to 10 s.
_TIMEOUT: Final = httpx.Timeout(45, connect=5)
_ROOT: Final = "/api2/json"


class Credentials(Protocol):
    """Something that makes Proxmox know us."""

    async def headers(self, http: httpx.AsyncClient, *, changes: bool) -> Mapping[str, str]:
        """Return the headers for a request that reads or changes."""
        ...

    def rejected(self) -> bool:
        """Forget what was refused; tell whether asking again may help."""
        ...


class ProxmoxClient:
    """Sends declared calls to one host. Answers are the ``data`` of Proxmox's envelopes."""

    def __init__(
        self, http: httpx.AsyncClient, credentials: Credentials, tls: ssl.SSLContext | None = None
    ) -> None:
        self.http = http
        self.tls = tls or ssl.create_default_context()
        self._credentials = credentials

    async def call(
        self, call: Call, doing: str, params: Mapping[str, Param] | None = None, **where: str | int
    ) -> Json:
        """Make one call. Raises one of the port's errors, with Proxmox's words in ``native``.

        A change whose answer never came raises OutcomeUnknown: look up, then decide.
        """
        unknown = set(params or ()) - call.params
        if unknown:
            raise errors.InvalidError(f"{call.method} {call.path} does not take {sorted(unknown)}")
        return (await self._twice(call, doing, params or {}, where))["data"]

    async def envelope(self, call: Call, doing: str, **where: str | int) -> dict[str, Json]:
        """Make a call whose answer has more to say than its ``data``."""
        return await self._twice(call, doing, {}, where)

    async def close(self) -> None:
        """Close all connections."""
        await self.http.aclose()

    async def _twice(
        self, call: Call, doing: str, params: Mapping[str, Param], where: Mapping[str, str | int]
    ) -> dict[str, Json]:
        try:
            return await self._once(call, doing, params, where)
        except errors.AuthRejectedError:
            if not self._credentials.rejected():
                raise
        return await self._once(call, doing, params, where)

    async def _once(
        self, call: Call, doing: str, params: Mapping[str, Param], where: Mapping[str, str | int]
    ) -> dict[str, Json]:
        path = call.path.format_map({k: quote(str(v), safe="") for k, v in where.items()})
        form = {name: _plain(value) for name, value in params.items()}
        in_query = call.method in {"GET", "DELETE"}
        try:
            headers = await self._credentials.headers(self.http, changes=call.changes)
            request = self.http.build_request(
                call.method,
                _ROOT + path,
                params=form if in_query and form else None,
                data=None if in_query else form,
                headers=dict(headers),
            )
            response = await self._send(request, again=not call.changes)
        except httpx.TransportError as error:
            raise _broken(error, doing, changes=call.changes) from error
        return _read(response, doing, changes=call.changes)

    async def _send(self, request: httpx.Request, *, again: bool) -> httpx.Response:
        try:
            return await self._stream(request)
        except (httpx.RemoteProtocolError, httpx.ReadError):
            # The server closed an idle connection just as it was used.
            if not again:
                raise
        return await self._stream(request)

    async def _stream(self, request: httpx.Request) -> httpx.Response:
        response = await self.http.send(request, stream=True)
        try:
            content = bytearray()
            async for piece in response.aiter_bytes():
                content += piece
                if len(content) > _MAX_ANSWER:
                    raise httpx.ReadError("the answer is longer than any that Proxmox gives")
        finally:
            await response.aclose()
        reason = {"reason_phrase": response.extensions.get("reason_phrase", b"")}
        return httpx.Response(response.status_code, content=bytes(content), extensions=reason)


def open_http(url: str, tls: ssl.SSLContext) -> httpx.AsyncClient:
    """Return a pool for one host that respects how long Proxmox keeps connections."""
    limits = httpx.Limits(
        max_connections=32, max_keepalive_connections=16, keepalive_expiry=_IDLE_SECONDS
    )
    return httpx.AsyncClient(
        base_url=url,
        transport=to_engine(tls, limits),
        timeout=_TIMEOUT,
        trust_env=False,
        headers={"Accept": "application/json"},
    )


def table(value: Json) -> dict[str, Json]:
    """Return an object, or an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def rows(value: Json) -> list[dict[str, Json]]:
    """Return the objects of a list; Proxmox says null where a list is empty."""
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []


def number(value: Json, default: int = 0) -> int:
    """Return a whole number that may come as text."""
    if isinstance(value, int | float):
        return int(value)
    try:
        return int(float(str(value)))
    except (ValueError, OverflowError):
        return default


def _plain(value: Param) -> str:
    # Proxmox knows 1 and 0 only: true and yes are refused.
    return str(int(value)) if isinstance(value, bool) else str(value)


def _read(response: httpx.Response, doing: str, *, changes: bool) -> dict[str, Json]:
    body = _body(response)
    if response.status_code == _OK:
        if not isinstance(body, dict) or "data" not in body:
            raise errors.OutcomeUnknownError(
                f"Proxmox answered something unknown when asked to {doing}",
                native=response.text[:500],
            )
        return body
    words = response.reason_phrase or str(table(body).get("message") or "")
    if response.status_code in {native.PROXY_FAILED, native.PROXY_TIMED_OUT} and changes:
        raise errors.OutcomeUnknownError(
            f"The node did not answer while Proxmox was asked to {doing}",
            native=f"{response.status_code} {words}",
        )
    told = table(body).get("errors")
    fields = {str(k): str(v) for k, v in told.items()} if isinstance(told, dict) else {}
    if not words and isinstance(body, str):
        words = body
    raise native.translate(response.status_code, words or "no reason given", doing, fields)


def _body(response: httpx.Response) -> Json:
    try:
        body: Json = json.loads(response.content)
    except (ValueError, RecursionError):
        return None
    return body


def _broken(error: httpx.TransportError, doing: str, *, changes: bool) -> errors.EngineError:
    never_sent = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout)
    other = trust.changed(error, "Proxmox")
    if other is not None:
        return other
    if never_sent or not changes:
        pinned = isinstance(error.__cause__, ssl.SSLError) or "certificate" in str(error).lower()
        if pinned and never_sent:
            return errors.AuthRejectedError(
                f"The certificate of Proxmox is not the one we trust (asked to {doing})",
                native=str(error),
                hint="Compare the fingerprint with the one shown on the node, then trust it anew",
            )
        return errors.UnreachableError(
            f"Proxmox does not answer (asked to {doing})",
            native=str(error) or type(error).__name__,
            hint="Check that pveproxy runs on the node and that port 8006 is open",
        )
    return errors.OutcomeUnknownError(
        f"The connection to Proxmox broke while it was asked to {doing}",
        native=str(error) or type(error).__name__,
    )
