"""Talks to the control plane: asks for the snapshot after ours and reports back."""

from dataclasses import dataclass
from http import HTTPStatus

import httpx

from stead.core.settings import EdgeSettings
from stead.edge.snapshot import Report

_WAIT_SECONDS = 25
_GRACE_SECONDS = 10
_MAX_BODY = 64 * 1024 * 1024


class ControlError(Exception):
    """The control plane did not answer as it should; trying again is right."""


class TokenError(ControlError):
    """The control plane does not accept this edge's token, or there is none."""


@dataclass(frozen=True, slots=True)
class Control:
    """One connection to the control plane; the token is read anew for every request."""

    settings: EdgeSettings
    client: httpx.AsyncClient

    @classmethod
    def connect(cls, settings: EdgeSettings) -> "Control":
        """Return a client that ignores proxies of the environment."""
        timeout = httpx.Timeout(_GRACE_SECONDS, connect=3, read=_WAIT_SECONDS + _GRACE_SECONDS)
        client = httpx.AsyncClient(base_url=settings.control_url, timeout=timeout, trust_env=False)
        return cls(settings, client)

    async def snapshot(self, etag: str | None) -> bytes | None:
        """Return the current snapshot, or None when it is still the one with this tag."""
        headers = self._headers() | ({"If-None-Match": etag} if etag else {})
        wait = {"wait": str(_WAIT_SECONDS)}
        try:
            request = self.client.stream("GET", "/edge/v1/snapshot", params=wait, headers=headers)
            async with request as answer:
                if answer.status_code == HTTPStatus.NOT_MODIFIED:
                    return None
                self._expect(answer, HTTPStatus.OK)
                return await _limited(answer)
        except httpx.HTTPError as error:
            raise ControlError(f"{type(error).__name__}: {error}") from error

    async def report(self, report: Report) -> None:
        """Tell the control plane what became of a snapshot."""
        try:
            answer = await self.client.post(
                "/edge/v1/reports",
                content=report.model_dump_json(),
                headers=self._headers() | {"Content-Type": "application/json"},
            )
        except httpx.HTTPError as error:
            raise ControlError(f"{type(error).__name__}: {error}") from error
        self._expect(answer, HTTPStatus.NO_CONTENT)

    def _headers(self) -> dict[str, str]:
        path = self.settings.token_file
        try:
            token = path.read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise TokenError(f"{path} cannot be read") from error
        if not token.isprintable() or not token:
            raise TokenError(f"{path} holds no token")
        return {"Authorization": f"Bearer {token}"}

    def _expect(self, answer: httpx.Response, status: HTTPStatus) -> None:
        if answer.status_code in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
            raise TokenError(f"the control plane refused the token in {self.settings.token_file}")
        if answer.status_code != status:
            raise ControlError(f"the control plane answered {answer.status_code}")


async def _limited(answer: httpx.Response) -> bytes:
    body = bytearray()
    async for chunk in answer.aiter_bytes():
        body += chunk
        if len(body) > _MAX_BODY:
            raise ControlError(f"the snapshot is larger than {_MAX_BODY} bytes")
    return bytes(body)
