"""Use cases of routes: reserve, publish, withdraw, release, and who serves which version."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import IPv4Address
from typing import Final

from stead.core import epoch, platform_settings
from stead.core.db import Uow
from stead.core.pki import LEAF_DAYS, Authority
from stead.core.vault import Vault
from stead.edge.snapshot import Certificate, HttpRoute, Report, Snapshot, TcpRoute
from stead.exposure import repository
from stead.exposure.errors import EdgeRefusedError, HostTakenError, NoFreePortError
from stead.exposure.models import CertificateRow, EdgeRow, RouteRow
from stead.exposure.settings import APPS_BELOW, CERTIFICATE_DAYS
from stead.kit import clock, ids
from stead.kit.secrets import Secret

SNAPSHOT_TOPIC: Final = "edge-snapshot"
REPORT_TOPIC: Final = "edge-reports"
RENEWED_AFTER: Final = timedelta(days=LEAF_DAYS) * 2 / 3
STOPPED: Final = "stopped"
CONSOLE_OWNER: Final = "console"
_KEY: Final = "key"
_ERROR_LENGTH: Final = 2000


@dataclass(frozen=True, slots=True)
class RouteRequest:
    """What should become reachable."""

    service: str
    protocol: str
    host: str
    backend_ip: IPv4Address
    backend_port: int
    path: str = "/"
    probe_send: str = ""
    probe_expect: str = ""


@dataclass(frozen=True, slots=True)
class Route:
    """A route as other domains see it."""

    id: str
    service: str
    protocol: str
    host: str
    port: int | None
    path: str
    probe_send: str
    probe_expect: str
    state: str


@dataclass(frozen=True, slots=True)
class Served:
    """What the edges say about a wanted version: everywhere, and with which problems."""

    problems: tuple[str, ...]


async def reserve(
    uow: Uow, owner: str, requests: Sequence[RouteRequest], tcp_ports: range
) -> list[Route]:
    """Reserve host names and ports in the caller's transaction."""
    tcp = any(request.protocol != "http" for request in requests)
    used = await repository.used_ports(uow) if tcp else set()
    rows = []
    for request in requests:
        http = request.protocol == "http"
        if http and await repository.find_by_host(uow, request.host) is not None:
            raise HostTakenError(
                f"The address {request.host} is taken",
                fields={"name": "This name's address is taken; choose another"},
            )
        port = None if http else next((p for p in tcp_ports if p not in used), None)
        if not http and port is None:
            raise NoFreePortError("All TCP ports of the edge are in use")
        if port is not None:
            used.add(port)
        rows.append(_row(owner, request, port))
    uow.session.add_all(rows)
    await uow.session.flush()
    return [_route(row) for row in rows]


async def apps_domain(uow: Uow, server_domain: str) -> str:
    """Return the domain below which new apps get their addresses."""
    below = await platform_settings.get(uow, APPS_BELOW)
    return f"{below}.{server_domain}"


async def list_hosts(uow: Uow, beginning: str) -> set[str]:
    """Return the host names in use, of whatever project, that begin like this."""
    return await repository.hosts(uow, beginning)


async def list_routes(uow: Uow, owner: str) -> list[Route]:
    return [_route(row) for row in await repository.routes_of(uow, owner)]


async def publish(uow: Uow, vault: Vault, authority: Authority, owner: str) -> int:
    """Put an owner's routes into the snapshot, with certificates; return its version."""
    rows = await repository.routes_of(uow, owner)
    for row in rows:
        if row.http_host is not None:
            await _ensure_certificate(uow, vault, authority, row.http_host)
    if all(row.state == "published" for row in rows):
        return (await repository.snapshot_row(uow)).version
    await repository.set_state(uow, owner, "published")
    return await bump(uow)


async def withdraw(uow: Uow, owner: str) -> int:
    """Take an owner's routes out of the snapshot; return the version without them."""
    rows = await repository.routes_of(uow, owner)
    if all(row.state == "reserved" for row in rows):
        return (await repository.snapshot_row(uow)).version
    await repository.set_state(uow, owner, "reserved")
    return await bump(uow)


async def shut(uow: Uow, owner: str) -> int:
    """Let edges say that an owner's apps are stopped; return the version that does."""
    rows = await repository.routes_of(uow, owner)
    if all(row.state == STOPPED for row in rows):
        return (await repository.snapshot_row(uow)).version
    await repository.set_state(uow, owner, STOPPED)
    return await bump(uow)


async def release(uow: Uow, vault: Vault, owner: str) -> None:
    """Free an owner's host names, ports and certificates; twice is fine."""
    for row in await repository.routes_of(uow, owner):
        await free_certificate(uow, vault, row)
    await repository.delete_routes(uow, owner)


async def free_certificate(uow: Uow, vault: Vault, row: RouteRow) -> None:
    """Forget the certificate of a route's name; none is fine."""
    certificate = await repository.find_certificate(uow, row.host) if row.http_host else None
    if certificate is not None:
        await vault.forget(uow, certificate.id)
        await repository.delete_certificate(uow, certificate.id)


async def renew(uow: Uow, vault: Vault, authority: Authority, limit: int) -> int:
    """Replace some of the certificates whose last third has begun; return how many.

    One that lasts longer than new ones do is judged as if it were new.
    """
    now = clock.utc_now()
    most = await platform_settings.get(uow, CERTIFICATE_DAYS)
    moments = {d: now - timedelta(days=min(d, most)) * 2 / 3 for d in await repository.lives(uow)}
    old = await repository.issued_before(uow, moments, limit)
    for row in old:
        await vault.forget(uow, row.id)
        await repository.delete_certificate(uow, row.id)
        await _ensure_certificate(uow, vault, authority, row.host)
    if old:
        await bump(uow)
    return len(old)


async def find_served(uow: Uow, version: int, owner: str) -> Served | None:
    """Return how the edges serve an owner's routes, or None while one is still behind."""
    edges = await repository.edges(uow)
    wanted_order = (await epoch.current(uow), version)
    if not edges or any((edge.epoch, edge.version) < wanted_order for edge in edges):
        return None
    wanted = [row.id for row in await repository.routes_of(uow, owner)]
    problems = [
        edge.problems[route] for edge in edges for route in wanted if route in edge.problems
    ]
    problems += [edge.error for edge in edges if edge.error]
    return Served(tuple(problems))


async def ensure_console_route(
    uow: Uow, vault: Vault, authority: Authority, host: str, port: int
) -> None:
    """Serve the console itself through the edges like any other name."""
    rows = await repository.routes_of(uow, CONSOLE_OWNER)
    if [(row.host, row.backend_port) for row in rows] != [(host, port)]:
        await release(uow, vault, CONSOLE_OWNER)
        request = RouteRequest("console", "http", host, IPv4Address("127.0.0.1"), port)
        await reserve(uow, CONSOLE_OWNER, [request], range(0))
    await publish(uow, vault, authority, CONSOLE_OWNER)


async def build_snapshot(uow: Uow, vault: Vault) -> Snapshot:
    """Return everything that edges should serve now."""
    head = await repository.snapshot_row(uow)
    rows = await repository.published(uow)
    found = await repository.certificates(uow, {row.host for row in rows if row.http_host})
    by_host = {certificate.host: certificate.id for certificate in found}
    return Snapshot(
        epoch=await epoch.current(uow),
        version=head.version,
        http=tuple(
            HttpRoute(
                id=row.id,
                host=row.http_host,
                backends=(f"http://{row.backend_ip}:{row.backend_port}",),
                certificate=by_host[row.http_host],
                stopped=row.state == STOPPED,
            )
            for row in rows
            if row.http_host is not None and row.http_host in by_host
        ),
        tcp=tuple(
            TcpRoute(id=row.id, port=row.port, backends=(f"{row.backend_ip}:{row.backend_port}",))
            for row in rows
            if row.port is not None and row.state != STOPPED
        ),
        certificates=tuple([await _certificate(uow, vault, row) for row in found]),
    )


async def head_etag(uow: Uow) -> str:
    head = await repository.snapshot_row(uow)
    return f'"{await epoch.current(uow)}.{head.version}"'


async def ensure_edge(uow: Uow, name: str, token: str) -> None:
    """Let the edge of this name in with this token."""
    row = await repository.find_edge_by_name(uow, name)
    if row is None:
        row = EdgeRow(id=ids.new_id(), name=name, problems={}, epoch=0, version=0, error="")
        uow.session.add(row)
    row.token_hash = ids.token_hash(token)


async def recognise_edge(uow: Uow, token: str) -> str:
    """Return the id of the edge with this token. Raises EdgeRefusedError."""
    row = await repository.find_edge_by_token(uow, ids.token_hash(token))
    if row is None:
        raise EdgeRefusedError("This edge is not known here")
    return row.id


async def record_report(uow: Uow, edge_id: str, report: Report) -> None:
    """Write down what an edge serves; older news than we have is dropped."""
    row = await uow.session.get_one(EdgeRow, edge_id)
    if (report.epoch, report.version) < (row.epoch, row.version):
        return
    row.epoch, row.version = report.epoch, report.version
    row.problems = {name: r.error[:_ERROR_LENGTH] for name, r in report.routes.items() if not r.ok}
    row.error = report.error[:_ERROR_LENGTH]
    row.seen_at = clock.utc_now()
    uow.wake(REPORT_TOPIC)


async def bump(uow: Uow) -> int:
    """Give the snapshot another version, for edges to fetch; return it."""
    row = await repository.snapshot_row(uow)
    row.version += 1
    uow.wake(SNAPSHOT_TOPIC)
    return row.version


async def _ensure_certificate(uow: Uow, vault: Vault, authority: Authority, host: str) -> None:
    if await repository.find_certificate(uow, host) is not None:
        return
    days = await platform_settings.get(uow, CERTIFICATE_DAYS)
    leaf = authority.issue(names=(host,), days=days)
    now = clock.utc_now()
    row = CertificateRow(id=ids.new_id(), host=host, chain=leaf.chain, issued_at=now, days=days)
    uow.session.add(row)
    await vault.put(uow, row.id, _KEY, Secret(leaf.key))


async def _certificate(uow: Uow, vault: Vault, row: CertificateRow) -> Certificate:
    key = await vault.find(uow, row.id, _KEY)
    if key is None:
        raise LookupError(f"the key of certificate {row.id} is not in the vault")
    return Certificate(id=row.id, chain=row.chain, key=key.reveal())


def _row(owner: str, request: RouteRequest, port: int | None) -> RouteRow:
    return RouteRow(
        id=ids.new_id(),
        owner=owner,
        service=request.service,
        protocol=request.protocol,
        host=request.host,
        http_host=request.host if request.protocol == "http" else None,
        port=port,
        backend_ip=str(request.backend_ip),
        backend_port=request.backend_port,
        path=request.path,
        probe_send=request.probe_send,
        probe_expect=request.probe_expect,
        state="reserved",
    )


def _route(row: RouteRow) -> Route:
    return Route(
        id=row.id,
        service=row.service,
        protocol=row.protocol,
        host=row.host,
        port=row.port,
        path=row.path,
        probe_send=row.probe_send,
        probe_expect=row.probe_expect,
        state=row.state,
    )
