"""Makes a snapshot the one that is served, and reports route by route what became of it."""

import asyncio
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass

from stead.core import log
from stead.core.log import Logger
from stead.edge import intake
from stead.edge.intake import Intake, SnapshotError
from stead.edge.nginx_proxy import NginxProxy
from stead.edge.snapshot import HttpRoute, Report, RouteReport, Snapshot, TcpRoute
from stead.edge.state import State
from stead.edge.traefik_proxy import TraefikProxy
from stead.edge.values import ActivationError
from stead.kit.process import ProcessError

_NOTHING = Snapshot(epoch=0, version=0)


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What a proxy refused; with an error it still serves what it served before."""

    refused: dict[str, str]
    error: str = ""


class Activator:
    """Holds what is served; used by one task at a time."""

    def __init__(self, state: State, traefik: TraefikProxy, nginx: NginxProxy) -> None:
        self._state = state
        self._traefik = traefik
        self._nginx = nginx
        self._served = _NOTHING
        self._log: Logger = log.get(__name__)

    def last_good(self, ports: range) -> Intake | None:
        """Return the snapshot that was served before, if it can still be read."""
        text = self._state.read(self._state.last_good)
        if text is None:
            return None
        try:
            return intake.parse(text.encode(), ports)
        except SnapshotError as error:
            self._log.warning("edge.last_good.unreadable", reason=str(error))
            return None

    async def activate(self, wanted: Intake) -> Report:
        """Serve a snapshot as far as possible and return what became of each route.

        Idempotent: proxies that already serve it are left alone.
        """
        snapshot = wanted.snapshot
        http, tcp = await asyncio.gather(
            _attempt(self._traefik.apply(snapshot.http, snapshot.certificates)),
            _attempt(self._nginx.apply(snapshot.tcp)),
        )
        report = _report(wanted, http, tcp, self._served)
        served = _served(snapshot, http, tcp, self._served)
        try:
            if served != self._served:
                self._state.write(self._state.last_good, served.model_dump_json())
        except OSError as error:
            note = f"the last good snapshot was not saved: {error.strerror}"
            report = report.model_copy(update={"error": f"{report.error}; {note}".strip("; ")})
        self._served = served
        return report


async def _attempt(applying: Awaitable[dict[str, str]]) -> _Outcome:
    try:
        return _Outcome(await applying)
    except (ActivationError, ProcessError) as error:
        return _Outcome({}, str(error))
    except OSError as error:
        return _Outcome({}, f"{error.filename}: {error.strerror}")


def _report(wanted: Intake, http: _Outcome, tcp: _Outcome, before: Snapshot) -> Report:
    snapshot = wanted.snapshot
    failed = {**wanted.rejected, **http.refused, **tcp.refused}
    failed |= _not_replaced(snapshot.http, before.http, http.error)
    failed |= _not_replaced(snapshot.tcp, before.tcp, tcp.error)
    routes = {route.id: RouteReport(ok=True) for route in (*snapshot.http, *snapshot.tcp)}
    routes |= {id_: RouteReport(ok=False, error=why) for id_, why in failed.items()}
    errors = "; ".join(part for part in (wanted.error, http.error, tcp.error) if part)
    return Report(epoch=snapshot.epoch, version=snapshot.version, routes=routes, error=errors)


def _not_replaced(
    wanted: Sequence[HttpRoute | TcpRoute], before: Sequence[HttpRoute | TcpRoute], error: str
) -> dict[str, str]:
    """Name the routes that are not served as wanted because the proxy kept the old ones."""
    return {route.id: error for route in wanted if route not in before} if error else {}


def _served(wanted: Snapshot, http: _Outcome, tcp: _Outcome, before: Snapshot) -> Snapshot:
    """Return what is served now; keeps the old version unless all of it was replaced.

    So an edge that starts again after a failure asks for the newer version once more.
    """
    kept_http = {"http": before.http, "certificates": before.certificates} if http.error else {}
    kept_tcp = {"tcp": before.tcp} if tcp.error else {}
    failed = http.error or tcp.error
    version = {"epoch": before.epoch, "version": before.version} if failed else {}
    return wanted.model_copy(update={**kept_http, **kept_tcp, **version})
