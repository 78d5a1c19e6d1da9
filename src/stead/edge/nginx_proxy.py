"""Runs nginx and hands it routes: test, reload, wait until it says so, or undo."""

import asyncio
import os
import shutil
import signal
from collections.abc import Sequence
from pathlib import Path

from stead.core import log
from stead.core.log import Logger
from stead.core.settings import EdgeSettings
from stead.edge import nginx, processes
from stead.edge.nginx import Places
from stead.edge.processes import Keeper, Program
from stead.edge.snapshot import TcpRoute
from stead.edge.state import State, StateError, can_listen
from stead.edge.traefik_proxy import bracketed
from stead.edge.values import ActivationError, Rendered
from stead.kit import clock, process
from stead.kit.process import ProcessError

_MODULE = Path("/usr/lib/nginx/modules/ngx_stream_module.so")
_TAKE_OVER_SECONDS = 6.0
_START_SECONDS = 4.0
_ASK_AGAIN_SECONDS = 0.01
_MAX_SOCKET_PATH = 107


class NginxProxy:
    """One nginx with its folder."""

    def __init__(self, settings: EdgeSettings, state: State) -> None:
        self._state = state
        self._config = state.nginx / "nginx.conf"
        self._staged = state.nginx / "staged.conf"
        self._socket = state.root / "nginx.sock"
        self._addresses = _addresses(settings.address)
        self._log: Logger = log.get(__name__)
        self.logs = (state.nginx / "error.log",)
        self.keeper = Keeper(self._describe, self._before_start)
        if len(os.fsencode(self._socket)) > _MAX_SOCKET_PATH:
            raise StateError(
                f"{state.root}: the path is too long for a socket; choose a shorter one"
            )

    async def apply(self, routes: Sequence[TcpRoute]) -> dict[str, str]:
        """Serve exactly these routes; return those that nginx refused, with its reasons.

        Raises ActivationError when the failure cannot be pinned on single routes.
        """
        active = await self._settled()
        if active is None:
            await self.keeper.stop()
        refused = self._occupied(routes, running=active is not None)
        while True:
            good = [route for route in routes if route.id not in refused]
            rendered = self._render(good)
            complaint = await self._switch(rendered, active)
            if not complaint:
                return refused
            guilty = nginx.blame(complaint, rendered.text, good)
            if guilty is None:
                raise ActivationError(f"nginx did not take over the routes: {complaint[-500:]}")
            refused[guilty] = complaint[-500:]
            active = await self._settled()

    async def _switch(self, rendered: Rendered, active: str | None) -> str:
        """Test, replace and reload; on failure put the old file back and say why."""
        before = self._state.read(self._config)
        if rendered.generation == active and rendered.text == before:
            return ""
        complaint = await self._test(rendered.text)
        if complaint:
            if active is None:
                await self.keeper.ensure()
            return complaint
        self._state.write(self._config, rendered.text)
        complaint = await self._reload(rendered.generation, running=active is not None)
        if complaint and before is not None:
            self._state.write(self._config, before)
        return complaint

    async def _test(self, text: str) -> str:
        self._state.write(self._staged, text)
        command = (executable(), "-t", "-q", "-e", "stderr", "-p", f"{self._state.nginx}/", "-c")
        try:
            finished = await process.run((*command, str(self._staged)))
        except ProcessError as error:
            return str(error)
        return finished.output.strip() if finished.code else ""

    async def _reload(self, generation: str, *, running: bool) -> str:
        """Make nginx read its file; return nginx's complaint, or nothing when it serves."""
        old = self._accepting()
        seen = self._log_size()
        if not (running and self.keeper.signal(signal.SIGHUP)):
            await self.keeper.ensure()
        deadline = clock.monotonic() + _TAKE_OVER_SECONDS
        while clock.monotonic() < deadline:
            if await self._generation() == generation and not old & self._accepting():
                return ""
            said = self._emergencies(seen)
            if said and "still could not bind" in said:
                return said
            if not self.keeper.running:
                return said or self.keeper.tail() or "it ended"
            await asyncio.sleep(_ASK_AGAIN_SECONDS)
        return self._emergencies(seen) or "it did not reload in time"

    async def _settled(self) -> str | None:
        """Return the generation nginx serves; None when it does not run or never got there."""
        deadline = clock.monotonic() + _START_SECONDS
        while self.keeper.running and clock.monotonic() < deadline:
            generation = await self._generation()
            if generation is not None:
                return generation
            await asyncio.sleep(_ASK_AGAIN_SECONDS)
        return None

    async def _generation(self) -> str | None:
        try:
            async with asyncio.timeout(1):
                reader, writer = await asyncio.open_unix_connection(self._socket)
                try:
                    return (await reader.read(64)).decode(errors="replace") or None
                finally:
                    writer.close()
        except (OSError, TimeoutError):
            return None

    def _accepting(self) -> set[int]:
        """Return the workers that take new connections; retiring ones have another title."""
        if self.keeper.pid is None:
            return set()
        workers = processes.children(self.keeper.pid)
        return {pid for pid in workers if processes.title(pid).strip() == "nginx: worker process"}

    def _occupied(self, routes: Sequence[TcpRoute], *, running: bool) -> dict[str, str]:
        live = (self._state.read(self._config) or "") if running else ""
        return {
            route.id: f"port {route.port} is in use by another program"
            for route in routes
            if not nginx.listens_on(live, route.port)
            and not all(can_listen((a.strip("[]"), route.port)) for a in self._addresses)
        }

    def _emergencies(self, seen: int) -> str:
        try:
            with self.logs[0].open("rb") as source:
                source.seek(seen)
                lines = source.read(65_536).decode(errors="replace").splitlines()
        except OSError:
            return ""
        return "\n".join(line for line in lines if "[emerg]" in line)

    def _log_size(self) -> int:
        return self.logs[0].stat().st_size if self.logs[0].exists() else 0

    def _render(self, routes: Sequence[TcpRoute]) -> Rendered:
        places = Places(
            module=_MODULE,
            pid=self._state.nginx / "pid",
            log=self.logs[0],
            generation_socket=self._socket,
        )
        return nginx.render(routes, self._addresses, places)

    def _describe(self) -> Program:
        folder = f"{self._state.nginx}/"
        return Program(
            name="nginx",
            # nginx writes its title over its arguments and cuts the end, so -c comes first.
            command=(executable(), "-c", str(self._config), "-p", folder, "-e", str(self.logs[0])),
            family=f"-c {self._config}",
            exact=f"-c {self._config}",
            output=self._state.nginx / "output.log",
            pid_file=self._state.nginx / "master.pid",
        )

    def _before_start(self) -> None:
        self._socket.unlink(missing_ok=True)
        if self._state.read(self._config) is None:
            self._state.write(self._config, self._render(()).text)


def executable() -> str:
    """Return the system's nginx."""
    return shutil.which("nginx") or "/usr/sbin/nginx"


def _addresses(address: str) -> tuple[str, ...]:
    if address:
        return (bracketed(address),)
    interfaces = Path("/proc/net/if_inet6")
    has_ipv6 = interfaces.exists() and interfaces.read_text(encoding="ascii") != ""
    return ("0.0.0.0", "[::]") if has_ipv6 else ("0.0.0.0",)  # noqa: S104  (asked for by an empty address)
