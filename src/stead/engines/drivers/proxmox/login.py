"""The two ways of being known to Proxmox: an API token, or the ticket of a signed-in user."""

from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import quote

import httpx

from stead.engines import errors
from stead.engines.drivers.proxmox import client, errors as native
from stead.kit import clock
from stead.kit.secrets import Secret

# A ticket is good for two hours and may be renewed at any time before.
_RENEW_SECONDS: Final = 3600
_LOST_SECONDS: Final = 7000


class Token:
    """An API token ``USER@REALM!NAME`` with its secret; needs no session and no CSRF token."""

    def __init__(self, name: str, secret: Secret) -> None:
        self._headers = {"Authorization": f"PVEAPIToken={name}={secret.reveal()}"}

    async def headers(self, http: httpx.AsyncClient, *, changes: bool) -> Mapping[str, str]:
        return self._headers

    def rejected(self) -> bool:
        return False


class User:
    """A signed-in user. Consoles need one: Proxmox gives none to tokens."""

    def __init__(
        self, name: str, password: Secret, now: Callable[[], float] = clock.monotonic
    ) -> None:
        self.name = name
        self._password = password
        self._now = now
        self._ticket: Secret | None = None
        self._guard = ""
        self._since = 0.0

    async def headers(self, http: httpx.AsyncClient, *, changes: bool) -> Mapping[str, str]:
        if self._ticket is None or self._now() - self._since > _RENEW_SECONDS:
            await self._sign_in(http)
        known = {"Cookie": self.cookie()}
        return {**known, "CSRFPreventionToken": self._guard} if changes else known

    def rejected(self) -> bool:
        """Sign in anew, unless it was the password itself that was refused."""
        had_ticket = self._ticket is not None
        self._ticket = None
        return had_ticket

    def cookie(self) -> str:
        """Return the cookie that carries the ticket."""
        ticket = self._ticket.reveal() if self._ticket else ""
        return "PVEAuthCookie=" + quote(ticket, safe="")

    async def _sign_in(self, http: httpx.AsyncClient) -> None:
        old = self._ticket if self._now() - self._since < _LOST_SECONDS else None
        # A ticket takes the password's place, so renewing works after a change of password.
        password, self._ticket = old or self._password, None
        response = await http.post(
            "/api2/json/access/ticket",
            data={"username": self.name, "password": password.reveal()},
        )
        if response.status_code != httpx.codes.OK:
            raise native.translate(response.status_code, response.reason_phrase, "sign in")
        answer = client.table(client.table(response.json()).get("data"))
        if answer.get("NeedTFA"):
            raise errors.AuthRejectedError(
                f"Proxmox asks {self.name} for a second factor",
                hint="Use a realm without an enforced second factor for this user",
            )
        self._ticket = Secret(str(answer.get("ticket", "")))
        self._guard = str(answer.get("CSRFPreventionToken", ""))
        self._since = self._now()
