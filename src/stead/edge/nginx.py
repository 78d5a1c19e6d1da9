"""Writes nginx's configuration for TCP routes; pure, like its sibling for Traefik."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from stead.edge.snapshot import TcpRoute
from stead.edge.values import Rendered

_MARK = "# route "
_AT_LINE = re.compile(r" in \S+:(\d+)")
_AT_PORT = re.compile(r"\b(?:bind|listen)\(\) to \S*:(\d+) failed")


@dataclass(frozen=True, slots=True)
class Places:
    """The module nginx loads and the files it uses, all in the edge's own folder."""

    module: Path
    pid: Path
    log: Path
    generation_socket: Path


def render(routes: Sequence[TcpRoute], addresses: Sequence[str], places: Places) -> Rendered:
    """Return the whole configuration; equal input gives the same text."""
    blocks = "".join(_block(route, addresses) for route in routes)
    head = _head(places)
    generation = hashlib.sha256((head + blocks).encode()).hexdigest()[:24]
    tail = (
        f"    server {{\n"
        f'        listen "unix:{places.generation_socket}";\n'
        f"        return {generation};\n"
        f"    }}\n"
    )
    return Rendered(f"{head}stream {{\n{_STREAM}{tail}{blocks}}}\n", generation)


def blame(message: str, text: str, routes: Sequence[TcpRoute]) -> str | None:
    """Return the id of the route that nginx's message is about, if it is about one."""
    port = _AT_PORT.search(message)
    if port:
        return next((route.id for route in routes if route.port == int(port[1])), None)
    line = _AT_LINE.search(message)
    if not line:
        return None
    for before in reversed(text.splitlines()[: int(line[1])]):
        if before.strip().startswith(_MARK):
            return before.strip().removeprefix(_MARK)
    return None


def listens_on(text: str, port: int) -> bool:
    """Tell whether a rendered configuration already occupies a port."""
    return re.search(rf"^ +listen (?:\S*:)?{port}[ ;]", text, re.MULTILINE) is not None


def _head(places: Places) -> str:
    return (
        f'load_module "{places.module}";\n'
        "daemon off;\n"
        "worker_processes auto;\n"
        f'pid "{places.pid}";\n'
        f'error_log "{places.log}" notice;\n'
        "events {\n    worker_connections 8192;\n}\n"
    )


# Sessions live on in the old workers after a reload; nothing but their own idleness ends
# them, because a change of one route must not cut the sessions of all others.
_STREAM = (
    "    access_log off;\n"
    "    proxy_connect_timeout 5s;\n"
    "    proxy_timeout 12h;\n"
    "    proxy_socket_keepalive on;\n"
)


def _block(route: TcpRoute, addresses: Sequence[str]) -> str:
    listens = "".join(
        f"        listen {address}:{route.port} so_keepalive=on;\n" for address in addresses
    )
    servers = "".join(f"        server {backend};\n" for backend in route.backends)
    return (
        f"    {_MARK}{route.id}\n"
        f"    upstream route-{route.id} {{\n{servers}    }}\n"
        f"    server {{\n{listens}        proxy_pass route-{route.id};\n    }}\n"
    )
