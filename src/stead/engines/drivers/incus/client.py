"""Speaks HTTP to Incus: pinned TLS, one connection pool, operations awaited by long-poll."""

import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Final, TypeAlias

import httpx

from stead.engines import errors
from stead.engines.drivers.incus.errors import translate

Json: TypeAlias = "str | int | float | bool | list[Json] | dict[str, Json] | None"
_FAILED: Final = 400
_ABSENT: Final = 404
# A task's own codes say only that it failed (400) or was cancelled (401), never why.
_TASK_FAILED: Final = 0
_TIMEOUT: Final = httpx.Timeout(30, connect=5)
_WAIT_SECONDS: Final = 20


class IncusClient:
    """Requests in one project. Answers are the ``metadata`` of Incus's envelopes."""

    def __init__(self, http: httpx.AsyncClient, project: str) -> None:
        self._http = http
        self._project = project

    async def get(self, path: str, doing: str, **query: str) -> Json:
        """Read something; raises NotFound and all other translated errors."""
        answer = await self._send("GET", path, doing, query=query)
        return _object(answer).get("metadata")

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
        operation = answer.get("operation")
        path = operation.split("?")[0] if isinstance(operation, str) else ""
        return path.rsplit("/", 1)[-1]

    async def upload(
        self, path: str, /, doing: str, content: bytes, headers: Mapping[str, str], **query: str
    ) -> None:
        """Send raw bytes, such as a file for a guest."""
        response = await self._request(
            "POST", path, doing, content=content, headers=headers, query=query
        )
        if response.status_code >= _FAILED:
            _raise(response, doing)

    async def download(
        self, path: str, /, doing: str, limit_bytes: int, **query: str
    ) -> tuple[bytes, int]:
        """Read a guest's file and its mode. Raises Invalid for a folder or one that is larger."""
        response = await self._request("GET", path, doing, query=query)
        if response.status_code >= _FAILED:
            _raise(response, doing)
        if response.headers.get("X-Incus-type") != "file":
            raise errors.InvalidError(f"{query['path']} is not a file")
        if len(response.content) > limit_bytes:
            raise errors.InvalidError(f"{query['path']} is larger than {limit_bytes} bytes")
        return response.content, int(response.headers.get("X-Incus-mode", "0600"), 8)

    async def wait(self, operation: str, doing: str) -> bool:
        """Wait a while for an operation; True when it ended or is no longer known."""
        query = {"timeout": str(_WAIT_SECONDS)}
        response = await self._request("GET", f"/operations/{operation}/wait", doing, query=query)
        if response.status_code == _ABSENT:
            return True
        outcome = _object(_object(_read(response, doing)).get("metadata"))
        code = outcome.get("status_code")
        if isinstance(code, int) and code >= _FAILED:
            words = str(outcome.get("err") or outcome.get("status"))
            raise translate(_TASK_FAILED, words, doing)
        return isinstance(code, int) and code >= 200  # noqa: PLR2004  (1xx: still running)

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
            params={"project": self._project, **(query or {})},
            **content,  # type: ignore[arg-type]
        )
        try:
            return await self._http.send(request)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise errors.UnreachableError(
                f"Incus does not answer (asked to {doing})",
                native=str(error),
                hint="Check that the Incus daemon runs on the host",
            ) from error
        except httpx.TransportError as error:
            raise errors.OutcomeUnknownError(
                f"The connection to Incus broke while it was asked to {doing}", native=str(error)
            ) from error


def connect(
    url: str, project: str, *, certificate: Path, key: Path, server_certificate: Path
) -> IncusClient:
    """Return a client that trusts exactly this server certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # The server's certificate is pinned, so its names do not matter.
    context.check_hostname = False
    context.load_verify_locations(cafile=server_certificate)
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.load_cert_chain(certificate, key)
    http = httpx.AsyncClient(
        base_url=url,
        verify=context,
        timeout=_TIMEOUT,
        limits=httpx.Limits(max_connections=64, max_keepalive_connections=16),
        trust_env=False,
    )
    return IncusClient(http, project)


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
