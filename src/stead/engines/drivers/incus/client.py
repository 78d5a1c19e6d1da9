"""Speaks HTTP to Incus: pinned TLS, one connection pool, operations awaited by long-poll."""

import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

import httpx
from websockets.asyncio.client import ClientConnection, connect as open_socket
from websockets.exceptions import InvalidHandshake

from stead.engines import errors, trust
from stead.engines.drivers.incus.errors import translate
from stead.engines.transport import to_engine

Json: TypeAlias = "str | int | float | bool | list[Json] | dict[str, Json] | None"
_DONE: Final = 200
_FAILED: Final = 400
_ABSENT: Final = 404
# A task's own codes say only that it failed (400) or was cancelled (401), never why.
_TASK_FAILED: Final = 0
_TIMEOUT: Final = httpx.Timeout(30, connect=5)
_WAIT_SECONDS: Final = 20


class IncusClient:
    """Requests in one project. Answers are the ``metadata`` of Incus's envelopes."""

    def __init__(
        self, http: httpx.AsyncClient, project: str, tls: ssl.SSLContext | None = None
    ) -> None:
        self._http = http
        self.project = project
        self._tls = tls

    async def get(self, path: str, doing: str, **query: str) -> Json:
        """Read something; raises NotFound and all other translated errors."""
        answer = await self._send("GET", path, doing, query=query)
        return _object(answer).get("metadata")

    @property
    def url(self) -> str:
        """Return where the server is."""
        return str(self._http.base_url)

    async def date(self, doing: str) -> str:
        """Return when the server thinks that it is, as it writes it."""
        response = await self._request("GET", "", doing)
        return str(response.headers.get("date", ""))

    async def text(self, path: str, doing: str) -> str:
        """Read a plain-text answer such as a console log."""
        response = await self._request("GET", path, doing)
        if response.status_code >= _FAILED:
            _raise(response, doing)
        return response.text

    async def send(
        self,
        method: str,
        path: str,
        doing: str,
        body: Mapping[str, Json] | None = None,
        **query: str,
    ) -> str:
        """Change something; return the id of Incus's operation, or "" when it is done."""
        answer = _object(await self._send(method, path, doing, body=body, query=query))
        return _operation(answer)

    async def begin(
        self, path: str, doing: str, body: Mapping[str, Json]
    ) -> tuple[str, dict[str, Json]]:
        """Begin an operation that is talked to; return its id and how to reach it."""
        answer = _object(await self._send("POST", path, doing, body=body))
        operation = _object(answer.get("metadata"))
        return _operation(answer), _object(operation.get("metadata"))

    async def upload(
        self, path: str, /, doing: str, content: bytes, headers: Mapping[str, str], **query: str
    ) -> None:
        """Send raw bytes, such as a file for a guest."""
        response = await self._request(
            "POST", path, doing, content=content, headers=headers, query=query
        )
        if response.status_code >= _FAILED:
            _raise(response, doing)

    async def wait(self, operation: str, doing: str) -> bool:
        """Wait a while for an operation; True when it ended or is no longer known."""
        return bool(await self.outcome(operation, doing))

    async def outcome(self, operation: str, doing: str) -> dict[str, Json]:
        """Wait a while for an operation; return it when it ended well, nothing while it runs.

        One that Incus no longer knows has ended and says nothing more. Raises what it failed
        with.
        """
        query = {"timeout": str(_WAIT_SECONDS)}
        response = await self._request("GET", f"/operations/{operation}/wait", doing, query=query)
        if response.status_code == _ABSENT:
            return {"status": "forgotten"}
        ended = _object(_object(_read(response, doing)).get("metadata"))
        code = ended.get("status_code")
        if isinstance(code, int) and code >= _FAILED:
            words = str(ended.get("err") or ended.get("status"))
            raise translate(_TASK_FAILED, words, doing)
        return ended if isinstance(code, int) and code >= _DONE else {}

    async def read_file(self, path: str, file: str, limit_bytes: int) -> "FileAnswer | None":
        """Return a guest's file; None for a folder or one above the limit."""
        doing = "read a file"
        async with self._stream(path, doing, path=file) as response:
            if response.headers.get("X-Incus-type", "file") != "file":
                return None
            content = bytearray()
            async for part in response.aiter_raw():
                content += part
                if len(content) > limit_bytes:
                    return None
            return FileAnswer(bytes(content), int(response.headers.get("X-Incus-mode", "0"), 8))

    async def download(self, path: str, doing: str) -> AsyncIterator[bytes]:
        """Stream a large answer."""
        async with self._stream(path, doing) as response:
            async for part in response.aiter_raw():
                yield part

    async def stream_in(self, path: str, doing: str, content: AsyncIterator[bytes]) -> str:
        """Send a stream; return the id of Incus's operation."""
        headers = {"Content-Type": "application/octet-stream", "X-Incus-public": "0"}
        response = await self._request("POST", path, doing, content=content, headers=headers)
        return _operation(_object(_read(response, doing)))

    @asynccontextmanager
    async def socket(self, path: str, doing: str, **query: str) -> AsyncIterator[ClientConnection]:
        """Open a websocket. Raises Unreachable, and NotFound when it is refused."""
        url = self._http.base_url.copy_with(
            scheme="wss" if self._tls is not None else "ws",
            path=f"/1.0{path}",
            params={"project": self.project, **query},
        )
        try:
            connection = await open_socket(
                str(url), ssl=self._tls, proxy=None, compression=None, max_size=None
            )
        except InvalidHandshake as error:
            raise errors.NotFoundError(f"Incus could not {doing}", native=str(error)) from error
        except (OSError, TimeoutError) as error:
            raise _unreachable(doing, error) from error
        try:
            yield connection
        finally:
            await connection.close()

    async def close(self) -> None:
        """Close every connection."""
        await self._http.aclose()

    async def _send(
        self,
        method: str,
        path: str,
        doing: str,
        body: Mapping[str, Json] | None = None,
        query: Mapping[str, str] | None = None,
    ) -> Json:
        return _read(await self._request(method, path, doing, json=body, query=query), doing)

    async def _request(
        self,
        method: str,
        path: str,
        doing: str,
        *,
        query: Mapping[str, str] | None = None,
        **content: object,
    ) -> httpx.Response:
        request = self._http.build_request(
            method,
            f"/1.0{path}",
            params={"project": self.project, **(query or {})},
            **content,  # type: ignore[arg-type]
        )
        try:
            return await self._http.send(request)
        except httpx.TransportError as error:
            raise _broken(doing, error) from error

    @asynccontextmanager
    async def _stream(
        self, path: str, /, doing: str, **query: str
    ) -> AsyncIterator[httpx.Response]:
        params = {"project": self.project, **query}
        try:
            async with self._http.stream("GET", f"/1.0{path}", params=params) as response:
                if response.status_code >= _FAILED:
                    await response.aread()
                    _raise(response, doing)
                yield response
        except httpx.TransportError as error:
            raise _broken(doing, error) from error


def by_certificate(server_certificate: Path) -> ssl.SSLContext:
    """Trust exactly this server certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # The server's certificate is pinned, so its names do not matter.
    context.check_hostname = False
    context.load_verify_locations(cafile=server_certificate)
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


def identify(tls: ssl.SSLContext, certificate: Path, key: Path) -> None:
    """Let us be known by a certificate. Raises Invalid for what is none, or not its key."""
    try:
        tls.load_cert_chain(certificate, key, password="")
    except (ssl.SSLError, ValueError) as error:
        raise errors.InvalidError(
            "The client certificate and its key cannot be used together", native=str(error)
        ) from error


def connect(url: str, project: str, tls: ssl.SSLContext) -> IncusClient:
    """Return a client that trusts, and is known, as this context says."""
    limits = httpx.Limits(max_connections=64, max_keepalive_connections=16)
    http = httpx.AsyncClient(
        base_url=url, transport=to_engine(tls, limits), timeout=_TIMEOUT, trust_env=False
    )
    return IncusClient(http, project, tls)


@dataclass(frozen=True, slots=True)
class FileAnswer:
    """A file of a guest."""

    content: bytes
    mode: int


def _broken(doing: str, error: httpx.TransportError) -> errors.EngineError:
    if (other := trust.changed(error, "Incus")) is not None:
        return other
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout):
        return _unreachable(doing, error)
    return errors.OutcomeUnknownError(
        f"The connection to Incus broke while it was asked to {doing}", native=str(error)
    )


def _unreachable(doing: str, error: Exception) -> errors.UnreachableError:
    return errors.UnreachableError(
        f"Incus does not answer (asked to {doing})",
        native=str(error),
        hint="Check that the Incus daemon runs on the host",
    )


def _operation(answer: Mapping[str, Json]) -> str:
    operation = answer.get("operation")
    path = operation.split("?")[0] if isinstance(operation, str) else ""
    return path.rsplit("/", 1)[-1]


def _object(value: Json) -> dict[str, Json]:
    return value if isinstance(value, dict) else {}


def _read(response: httpx.Response, doing: str) -> Json:
    if response.status_code >= _FAILED:
        _raise(response, doing)
    try:
        answer: Json = response.json()
    except ValueError as error:
        raise errors.OutcomeUnknownError(
            f"Incus answered something that is not JSON when asked to {doing}"
        ) from error
    failed = _object(answer)
    if failed.get("type") == "error":
        # Waiting for a task that failed is answered with 200 and an error inside.
        raise translate(_TASK_FAILED, str(failed.get("error")), doing)
    return answer


def _raise(response: httpx.Response, doing: str) -> None:
    try:
        body = _object(response.json())
        words = str(body.get("error") or response.reason_phrase)
    except ValueError:
        words = response.reason_phrase
    raise translate(response.status_code, words, doing)
