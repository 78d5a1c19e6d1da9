"""Runs Traefik and hands it routes: write, wait until it says that it has them, or undo."""

import asyncio
import hashlib
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx

from stead.core.settings import EdgeSettings
from stead.edge import traefik
from stead.edge.processes import Keeper, Program
from stead.edge.snapshot import Certificate, HttpRoute
from stead.edge.state import Admin, State
from stead.edge.traefik import Listen
from stead.edge.values import ActivationError
from stead.kit import clock

_TAKE_OVER_SECONDS = 10.0
_ASK_AGAIN_SECONDS = 0.02
_WRITE_AGAIN_SECONDS = 3.0


class TraefikProxy:
    """One Traefik with its folder."""

    def __init__(self, settings: EdgeSettings, state: State) -> None:
        self._settings = settings
        self._state = state
        self._client = httpx.AsyncClient(timeout=2, trust_env=False)
        self.keeper = Keeper(self._describe, self._before_start)
        self.logs = (state.traefik / "traefik.log", state.traefik / "access.log")

    async def apply(
        self, routes: Sequence[HttpRoute], certificates: Sequence[Certificate]
    ) -> dict[str, str]:
        """Serve exactly these routes; return those that Traefik refused, with its reasons.

        Raises ActivationError when it does not take over the configuration at all.
        """
        pairs = self._state.store_certificates(certificates)
        rendered = traefik.dynamic(
            routes,
            pairs,
            default=self._state.default_pair(),
            token=self._state.admin().token,
            control=self._settings.control_url,
        )
        before = self._state.read(self._state.dynamic)
        if before != rendered.text:
            self._state.write(self._state.dynamic, rendered.text)
        refused = await self._taken_over(rendered.generation)
        if refused is None:
            if before is not None:
                self._state.write(self._state.dynamic, before)
            raise ActivationError(f"Traefik did not take over the routes: {self._complaint()}")
        self._state.forget_certificates(pairs.values())
        return refused

    async def close(self) -> None:
        """Let go of the connection to Traefik's API."""
        await self._client.aclose()

    async def _taken_over(self, generation: str) -> dict[str, str] | None:
        """Wait until Traefik routes by this generation; None when it never does."""
        written = clock.monotonic()
        deadline = written + _TAKE_OVER_SECONDS
        while clock.monotonic() < deadline:
            refused = await self._refused(generation)
            if refused is not None:
                return refused
            if clock.monotonic() - written > _WRITE_AGAIN_SECONDS:
                # The file event may have been lost while Traefik was starting.
                written = clock.monotonic()
                self._state.write(self._state.dynamic, self._state.read(self._state.dynamic) or "")
            await asyncio.sleep(_ASK_AGAIN_SECONDS)
        return None

    async def _refused(self, generation: str) -> dict[str, str] | None:
        """Return the routers Traefik disabled, or None while it has another generation.

        The answer's header comes from the routing table that answers, so it tells which
        generation is really in use.
        """
        admin = self._state.admin()
        try:
            answer = await self._client.get(
                f"http://127.0.0.1:{admin.port}/api/http/routers",
                params={"status": "disabled", "per_page": "10000"},
                headers={traefik.TOKEN_HEADER: admin.token},
            )
            if answer.headers.get(traefik.GENERATION_HEADER) != generation:
                return None
            return _reasons(answer.json())
        except (httpx.HTTPError, ValueError):
            return None

    def _complaint(self) -> str:
        if not self.keeper.running:
            return f"it is not running: {self.keeper.tail()[-500:]}"
        lines = (self._state.read(self.logs[0]) or "").splitlines()
        errors = [line for line in lines[-50:] if '"level":"error"' in line]
        return errors[-1][:500] if errors else "it did not answer in time"

    def _static(self, admin: Admin) -> str:
        listen = Listen(
            address=bracketed(self._settings.address),
            http_port=self._settings.http_port,
            https_port=self._settings.https_port,
            api_port=admin.port,
        )
        log, access_log = self.logs
        return traefik.static(listen, dynamic=self._state.dynamic, log=log, access_log=access_log)

    def _describe(self) -> Program:
        """Name the file by its content, so that a command line tells what runs with it."""
        digest = hashlib.sha256(self._static(self._state.admin()).encode()).hexdigest()[:16]
        path = self._state.traefik / f"static-{digest}.yml"
        return Program(
            name="traefik",
            command=(executable(), f"--configFile={path}"),
            family=f"--configFile={self._state.traefik}/static-",
            exact=str(path),
            output=self._state.traefik / "output.log",
            pid_file=self._state.traefik / "pid",
        )

    def _before_start(self) -> None:
        text = self._static(self._state.admin(fresh_port=True))
        current = Path(self._describe().exact)
        for old in self._state.traefik.glob("static-*.yml"):
            if old != current:
                old.unlink()
        self._state.write(current, text)
        if self._state.read(self._state.dynamic) is None:
            empty = traefik.dynamic(
                (), {}, default=self._state.default_pair(), token=self._state.admin().token
            )
            self._state.write(self._state.dynamic, empty.text)


def executable() -> str:
    """Return the Traefik that was installed beside this Python, or the system's."""
    beside = Path(sys.executable).with_name("traefik")
    return str(beside) if beside.exists() else shutil.which("traefik") or "traefik"


def bracketed(address: str) -> str:
    """Return an address as it is written in front of a port."""
    return f"[{address}]" if ":" in address else address


def _reasons(routers: list[dict[str, Any]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for router in routers:
        route = traefik.route_id(str(router.get("name")))
        if route is not None:
            found[route] = "; ".join(str(e) for e in router.get("error") or ["refused"])[:500]
    return found
