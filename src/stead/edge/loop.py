"""The edge's life: serve the last good snapshot, then whatever the control plane sends.

SIGTERM ends the proxies too. When this process is killed they keep serving, and the next
edge adopts them; so its service unit must not end the whole group (KillMode=process).
"""

import asyncio
import os
import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager

from stead.core import log
from stead.core.log import Logger
from stead.core.settings import EdgeSettings
from stead.edge import intake
from stead.edge.activate import Activator
from stead.edge.control import Control, ControlError, TokenError
from stead.edge.intake import Intake, SnapshotError
from stead.edge.nginx_proxy import NginxProxy
from stead.edge.snapshot import Report
from stead.edge.state import State
from stead.edge.traefik_proxy import TraefikProxy

_FIRST_PAUSE = 0.2
_LONGEST_PAUSE = 10.0


async def run(settings: EdgeSettings, *, ending: asyncio.Event | None = None) -> None:
    """Serve until the event is set, or until SIGTERM or SIGINT when there is none.

    Raises StateError if the state folder cannot be used or belongs to a running edge, and
    ProcessError if Traefik or nginx is not installed.
    """
    state = State(settings.state_dir)
    state.prepare()
    with _claimed(state), _told_to_end(ending) as end:
        _raise_file_limit()
        edge = _Edge(settings, state)
        try:
            await edge.serve(end)
        finally:
            await edge.close()


async def stop(settings: EdgeSettings) -> None:
    """End the proxies that a killed edge left behind; raises StateError when one runs."""
    state = State(settings.state_dir)
    state.prepare()
    with _claimed(state):
        edge = _Edge(settings, state)
        await edge.close()


class _Edge:
    def __init__(self, settings: EdgeSettings, state: State) -> None:
        self._traefik = TraefikProxy(settings, state)
        self._nginx = NginxProxy(settings, state)
        self._activator = Activator(state, self._traefik, self._nginx)
        self._control = Control.connect(settings)
        self._state = state
        self._ports = range(settings.tcp_first, settings.tcp_last + 1)
        self._wanted: Intake | None = None
        self._report: Report | None = None
        self._unsent = False
        self._log: Logger = log.get(__name__)

    async def serve(self, end: asyncio.Event) -> None:
        """Keep the proxies alive and follow the control plane until told to end."""
        await self._traefik.keeper.ensure()
        await self._nginx.keeper.ensure()
        tasks = [
            asyncio.create_task(work)
            for work in (
                self._traefik.keeper.watch(),
                self._nginx.keeper.watch(),
                self._follow(),
                end.wait(),
            )
        ]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def close(self) -> None:
        """End the proxies and let go of all connections."""
        await self._traefik.close()
        await asyncio.gather(self._traefik.keeper.stop(), self._nginx.keeper.stop())
        await self._control.client.aclose()
        self._log.info("edge.stopped")

    async def _follow(self) -> None:
        kept = self._activator.last_good(self._ports)
        if kept is not None:
            await self._activate(kept)
        pause = _FIRST_PAUSE
        while True:
            if await self._cycle_succeeds(pause):
                pause = _FIRST_PAUSE
                continue
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    async def _cycle_succeeds(self, pause: float) -> bool:
        try:
            await self._cycle()
        except TokenError as error:
            self._log.error("edge.token.refused", reason=str(error), retry_in=pause)
        except ControlError as error:
            self._log.warning("edge.control.unreachable", reason=str(error), retry_in=pause)
        except SnapshotError as error:
            self._log.error("edge.snapshot.refused", reason=str(error), retry_in=pause)
        except Exception:  # noqa: BLE001  (the outer loop: whatever breaks, what is served stays)
            self._log.exception("edge.cycle.failed", retry_in=pause)
        else:
            return True
        return False

    async def _cycle(self) -> None:
        self._rotate_logs()
        await self._send_report()
        body = await self._control.snapshot(self._wanted.snapshot.etag if self._wanted else None)
        if body is not None:
            await self._activate(self._newer(intake.parse(body, self._ports)))
        elif self._wanted and self._report and not self._report.clean:
            await self._activate(self._wanted)
        await self._send_report()

    def _newer(self, arrived: Intake) -> Intake:
        now = self._wanted.snapshot if self._wanted else None
        if now is not None and arrived.snapshot.order <= now.order:
            raise SnapshotError(f"{arrived.snapshot.etag} is not newer than {now.etag}")
        return arrived

    async def _activate(self, wanted: Intake) -> None:
        report = await self._activator.activate(wanted)
        self._unsent = self._unsent or report != self._report
        self._wanted, self._report = wanted, report
        failed = {id_: route.error for id_, route in report.routes.items() if not route.ok}
        self._log.info(
            "edge.snapshot.activated",
            version=wanted.snapshot.etag,
            routes=len(report.routes),
            failed=failed,
            error=report.error,
        )

    async def _send_report(self) -> None:
        if self._unsent and self._report is not None:
            await self._control.report(self._report)
            self._unsent = False

    def _rotate_logs(self) -> None:
        for proxy in (self._traefik, self._nginx):
            if self._state.rotate(proxy.logs):
                proxy.keeper.signal(signal.SIGUSR1)


@contextmanager
def _claimed(state: State) -> Iterator[None]:
    descriptor = state.lock()
    try:
        yield
    finally:
        os.close(descriptor)


@contextmanager
def _told_to_end(given: asyncio.Event | None) -> Iterator[asyncio.Event]:
    if given is not None:
        yield given
        return
    end = asyncio.Event()
    loop = asyncio.get_running_loop()
    signals = (signal.SIGTERM, signal.SIGINT)
    for number in signals:
        loop.add_signal_handler(number, end.set)
    try:
        yield end
    finally:
        for number in signals:
            loop.remove_signal_handler(number)


def _raise_file_limit() -> None:
    """Let the proxies, which inherit it, hold as many connections as the system allows."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
