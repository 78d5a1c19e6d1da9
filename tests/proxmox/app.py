"""From a request to an answer, in the order of the real one: route, log in, allow, check, do."""

import dataclasses
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

from tests.proxmox import bodies, login, permissions, schema, wire
from tests.proxmox.api import HANDLERS
from tests.proxmox.call import VERIFY, Call, Identity, RefusedError, died
from tests.proxmox.schema import Endpoint
from tests.proxmox.wire import DroppedError, Request, Response
from tests.proxmox.world import World

METHODS = {"GET", "POST", "PUT", "DELETE"}
FORMATTERS = {"json", "extjs"}
BIGGEST_BODY = 512 * 1024


@dataclasses.dataclass(frozen=True)
class Route:
    """A request after its path was understood."""

    formatter: str
    path: str
    endpoint: Endpoint | None
    values: Mapping[str, str]


async def answer(world: World, request: Request) -> Response:
    """Answer one request. Raises DroppedError where the connection must just end."""
    what = f"{request.method} {urlsplit(request.target).path}"
    world.witness("before", what)
    fault = world.faults.for_call(what)
    if fault and fault.kind == "delay":
        await world.clock.sleep(fault.seconds)
        fault = None
    if fault and fault.kind == "hang":
        await world.clock.sleep(fault.seconds or 3600)
        raise DroppedError
    if fault and fault.kind == "garbage":
        return Response(200, "OK", fault.body, {"Content-Type": wire.JSON})
    if fault and fault.kind == "refuse":
        return wire.bare(fault.status, fault.reason)
    response = await _answer(world, request)
    world.witness("after", what)
    if fault and fault.kind == "drop":
        raise DroppedError
    if fault and fault.kind == "late":
        return wire.bare(fault.status, fault.reason)
    return response


async def _answer(world: World, request: Request) -> Response:
    formatter = "json"
    try:
        refuse_early(request)
        route = find(request)
        formatter = route.formatter
        reply = await perform(world, request, route)
    except RefusedError as refused:
        return wire.refusal(refused, formatter)
    return wire.success(reply, formatter)


def refuse_early(request: Request) -> None:
    """Refuse what the server refuses before it looks at the path."""
    if request.method not in METHODS:
        raise RefusedError(501, f"method '{request.method}' not available", bare=True)
    if len(request.body) > BIGGEST_BODY and not bodies.multipart(request):
        raise RefusedError(501, "for data too large", echo=True)
    if request.method == "DELETE" and request.body:
        raise RefusedError(501, "Unexpected content for method 'DELETE'", echo=True)


def find(request: Request) -> Route:
    """Return what a path means."""
    path = urlsplit(request.target).path
    parts = path.split("/")
    formatter = parts[2] if len(parts) > 2 else ""
    segments = [unquote(part) for part in parts[3:]]
    while segments and not segments[-1]:
        segments.pop()
    if parts[1] != "api2" or formatter not in FORMATTERS:
        raise RefusedError(
            501, f"no formatter for uri {'/'.join(['', *segments])}, {formatter}", echo=True
        )
    found = schema.match(request.method, segments)
    endpoint, values = found or (None, {})
    return Route(formatter, "/" + "/".join(segments), endpoint, values)


async def perform(world: World, request: Request, route: Route) -> object:
    """Carry out a request that was understood."""
    given = bodies.parameters(request)
    who = await identify(world, request, route)
    endpoint = route.endpoint
    if endpoint is None:
        raise RefusedError(501, f"Method '{request.method} {route.path}' not implemented")
    raw = {**given, **route.values}
    if raw.get("node") == "localhost":
        raw["node"] = world.local
    call = Call(world, who, raw, raw, route.path)
    if "notoken" in endpoint.flags and not who.ticket:
        raise RefusedError(
            403, "Permission check failed (not available with API token, need proper ticket)"
        )
    permissions.check(endpoint, call)
    await reach(world, endpoint, raw)
    values, errors = schema.check(endpoint, raw)
    if errors:
        raise RefusedError(400, VERIFY, errors)
    call.params = values
    handler = HANDLERS.get(endpoint.key)
    if handler is None:
        raise RefusedError(501, f"Method '{request.method} {route.path}' not implemented")
    return await handler(call)


async def identify(world: World, request: Request, route: Route) -> Identity:
    """Return who calls; failing takes its time."""
    await login.reachable(world)
    if route.endpoint is not None and route.endpoint.permission == "world":
        return Identity("root@pam" if route.path == "/access/ticket" else "nobody", ticket=True)
    try:
        return login.identify(world, request)
    except RefusedError:
        await world.clock.sleep(world.settings.failed_login)
        raise


async def reach(world: World, endpoint: Endpoint, raw: dict[str, Any]) -> None:
    """Refuse what another process or node must do that does not answer."""
    name = str(raw.get("node", world.local))
    if name in world.unreachable:
        await world.clock.sleep(3)
        raise RefusedError(595, "No route to host", bare=True)
    if "proxied" in endpoint.flags and name not in world.nodes:
        lookup = f"failed to get address info for: {name}: Name or service not known"
        raise died(f"hostname lookup '{name}' failed - {lookup}")
    node = world.nodes.get(name)
    if (
        "proxied" in endpoint.flags
        and node is not None
        and name != world.local
        and not node.online
    ):
        node.unreachable += 1
        first = node.unreachable == 1 and node.number
        await world.clock.sleep(world.settings.proxy_timeout if first else 2.6)
        reason = "Connection timed out" if first else "No route to host"
        raise RefusedError(595, reason, bare=True)
    if "protected" in endpoint.flags:
        await login.daemon(world)
