"""Writes Traefik's configuration; pure, so that it can be compared and verified.

JSON is YAML too, is written far faster, and leaves no room for Traefik's templating.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stead.edge.snapshot import HttpRoute
from stead.edge.values import KeyPair, Rendered

GENERATION_HEADER = "X-Stead-Generation"
TOKEN_HEADER = "X-Stead-Edge-Token"  # noqa: S105  (the name of a header)
UNKNOWN_HEADER = "X-Stead-Edge"
UNKNOWN_HOST = "unknown-host"
STOPPED = "stopped"
_STOPPED = ("stopped-plain", "stopped-mark", "stopped-page", "stopped-refuse")
_PREFIX = "route-"
_UPLOAD_LIMIT = "30m"


@dataclass(frozen=True, slots=True)
class Listen:
    """Where Traefik listens; an empty address means everywhere."""

    address: str
    http_port: int
    https_port: int
    api_port: int


def static(listen: Listen, *, dynamic: Path, log: Path, access_log: Path) -> str:
    """Return the configuration that only a restart can change."""
    return _json(
        {
            "global": {"checkNewVersion": False, "sendAnonymousUsage": False},
            "log": {"level": "INFO", "format": "json", "filePath": str(log)},
            "accessLog": {"filePath": str(access_log), "format": "json"},
            "api": {"dashboard": False, "insecure": False},
            "ping": {"entryPoint": "admin"},
            "entryPoints": {
                "admin": _admin_entry_point(listen),
                "web": _web_entry_point(listen),
                "websecure": _secure_entry_point(listen),
            },
            "providers": {
                "providersThrottleDuration": "50ms",
                "file": {"filename": str(dynamic), "watch": True},
            },
            "serversTransport": {
                # Shorter than the keep-alive of common servers, so that a request never
                # meets a connection which its backend is just closing.
                "forwardingTimeouts": {"dialTimeout": "5s", "idleConnTimeout": "1s"},
            },
        }
    )


def dynamic(
    routes: Sequence[HttpRoute],
    certificates: Mapping[str, KeyPair],
    *,
    default: KeyPair,
    token: str,
    control: str = "",
) -> Rendered:
    """Return the routes; equal input gives the same text and the same generation.

    ``control`` is where the page of apps that are stopped comes from.
    """
    http = _http(routes, token)
    if any(route.stopped for route in routes):
        _add_stopped(http, control)
    tls = {
        "certificates": [_files(certificates[id_]) for id_ in sorted(certificates)],
        "stores": {"default": {"defaultCertificate": _files(default)}},
        "options": {"default": {"minVersion": "VersionTLS12"}},
    }
    generation = hashlib.sha256(_json([http, tls]).encode()).hexdigest()[:24]
    http["middlewares"]["generation"] = _response_header(GENERATION_HEADER, generation)
    return Rendered(_json({"http": http, "tls": tls}), generation)


def route_id(router: str) -> str | None:
    """Return the route that a router name such as ``route-x@file`` stands for."""
    name, _, provider = router.partition("@")
    return name.removeprefix(_PREFIX) if name.startswith(_PREFIX) and provider else None


def _admin_entry_point(listen: Listen) -> dict[str, Any]:
    return {
        "address": f"127.0.0.1:{listen.api_port}",
        "http": {"aliasHeadersStrategy": "delete"},
        "observability": {"accessLogs": False, "metrics": False, "tracing": False},
    }


def _web_entry_point(listen: Listen) -> dict[str, Any]:
    redirect = {"to": "websecure", "scheme": "https", "permanent": True}
    return _public(listen.address, listen.http_port) | {
        "http": {"aliasHeadersStrategy": "delete", "redirections": {"entryPoint": redirect}},
    }


def _secure_entry_point(listen: Listen) -> dict[str, Any]:
    return _public(listen.address, listen.https_port) | {
        "http3": {},
        # Routes are chosen by host alone, so an app gets the path that its client sent.
        "http": {"aliasHeadersStrategy": "delete", "sanitizePath": False, "tls": {}},
    }


def _public(address: str, port: int) -> dict[str, Any]:
    return {
        "address": f"{address}:{port}",
        "forwardedHeaders": {"insecure": False},
        "transport": {
            "lifeCycle": {"graceTimeOut": "5s"},
            "respondingTimeouts": {"readTimeout": _UPLOAD_LIMIT},
        },
    }


def _http(routes: Sequence[HttpRoute], token: str) -> dict[str, Any]:
    routers = {f"{_PREFIX}{route.id}": _router(route) for route in routes}
    services: dict[str, Any] = {
        f"{_PREFIX}{route.id}": {
            "loadBalancer": {
                "passHostHeader": True,
                "servers": [{"url": backend} for backend in route.backends],
            }
        }
        for route in routes
        if not route.stopped
    }
    # An empty mapping is refused by Traefik, and without routes there are no services.
    return {
        "routers": routers | _own_routers(token),
        "middlewares": _own_middlewares(),
    } | ({"services": services} if services else {})


def _router(route: HttpRoute) -> dict[str, Any]:
    router: dict[str, Any] = {
        "entryPoints": ["websecure"],
        "rule": f"Host(`{route.host}`)",
        "service": f"{_PREFIX}{route.id}",
        "tls": {},
    }
    if route.stopped:
        return router | {"service": "noop@internal", "middlewares": list(_STOPPED)}
    return router


def _add_stopped(http: dict[str, Any], control: str) -> None:
    """Refuse what is for apps that are stopped, with a page that says so.

    What the visitor's browser keeps for the app is not for us, so none of it goes along. Where
    the page cannot be had, the refusal stays what it is.
    """
    plain = {"customRequestHeaders": {"Authorization": "", "Cookie": ""}}
    page = {"status": ["503"], "service": "stead-stopped", "query": "/edge/v1/stopped"}
    nobody = {"sourceRange": ["255.255.255.255/32"], "rejectStatusCode": 503}
    http["middlewares"] |= {
        "stopped-plain": {"headers": plain},
        "stopped-mark": _response_header(UNKNOWN_HEADER, STOPPED),
        "stopped-page": {"errors": page},
        "stopped-refuse": {"ipAllowList": nobody},
    }
    service = {"passHostHeader": False, "servers": [{"url": control}]}
    http.setdefault("services", {})["stead-stopped"] = {"loadBalancer": service}


def _own_routers(token: str) -> dict[str, Any]:
    return {
        "stead-api": {
            "entryPoints": ["admin"],
            "rule": f"Header(`{TOKEN_HEADER}`, `{token}`)",
            "middlewares": ["generation"],
            "service": "api@internal",
        },
        "stead-unknown": {
            "entryPoints": ["websecure"],
            "rule": "PathPrefix(`/`)",
            "priority": 1,
            "middlewares": ["unknown-mark", "unknown-refuse"],
            "service": "noop@internal",
            "tls": {},
        },
    }


def _own_middlewares() -> dict[str, Any]:
    nobody = {"sourceRange": ["255.255.255.255/32"], "rejectStatusCode": 404}
    return {
        "unknown-mark": _response_header(UNKNOWN_HEADER, UNKNOWN_HOST),
        "unknown-refuse": {"ipAllowList": nobody},
    }


def _response_header(name: str, value: str) -> dict[str, Any]:
    return {"headers": {"customResponseHeaders": {name: value}}}


def _files(pair: KeyPair) -> dict[str, str]:
    return {"certFile": str(pair.chain), "keyFile": str(pair.key)}


def _json(value: object) -> str:
    return json.dumps(value, indent=1, sort_keys=True) + "\n"
