"""Turns what arrived into what can be served; one bad route never takes the others along."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import ValidationError

from stead.edge import certificates
from stead.edge.certificates import CertificateError
from stead.edge.snapshot import Certificate, HttpRoute, Snapshot, TcpRoute

_Model = TypeVar("_Model", HttpRoute, TcpRoute, Certificate)
_Route = TypeVar("_Route", HttpRoute, TcpRoute)
_Rejected = dict[str, str]
_UNNAMED = ""
_MAX_ID = 64


class SnapshotError(Exception):
    """What arrived is not a snapshot at all."""


@dataclass(frozen=True, slots=True)
class Intake:
    """What can be served, and why the rest cannot."""

    snapshot: Snapshot
    rejected: _Rejected
    error: str = ""


def parse(body: bytes, ports: range) -> Intake:
    """Read a snapshot; raise SnapshotError only when nothing in it can be trusted.

    Of two routes that claim the same id, host or port, the first in the list is served.
    """
    data = _document(body)
    bad_certificates: _Rejected = {}
    rejected: _Rejected = {}
    held = _each(Certificate, data["certificates"], bad_certificates)
    http = _each(HttpRoute, data["http"], rejected)
    tcp = _each(TcpRoute, data["tcp"], rejected)
    seen: set[object] = set()
    http = _first(http, lambda route: route.id, "its id is used twice", seen, rejected)
    tcp = _first(tcp, lambda route: route.id, "its id is used twice", seen, rejected)
    http = _first(http, lambda route: route.host, "another route has its host", set(), rejected)
    tcp = _first(tcp, lambda route: route.port, "another route has its port", set(), rejected)
    usable = _usable(held, bad_certificates)
    http = _certified(http, usable, bad_certificates, rejected)
    tcp = _in_range(tcp, ports, rejected)
    return Intake(
        Snapshot(
            epoch=data["epoch"],
            version=data["version"],
            http=tuple(http),
            tcp=tuple(tcp),
            certificates=tuple(usable.values()),
        ),
        rejected,
        _note(rejected.pop(_UNNAMED, ""), bad_certificates),
    )


def _document(body: bytes) -> dict[str, Any]:
    try:
        data = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise SnapshotError("the snapshot is not JSON") from error
    if not isinstance(data, dict):
        raise SnapshotError("the snapshot is not an object")
    for kind in ("http", "tcp", "certificates"):
        if not isinstance(data.setdefault(kind, []), list):
            raise SnapshotError(f"{kind} is not a list")
    try:
        Snapshot.model_validate({key: data[key] for key in ("epoch", "version") if key in data})
    except ValidationError as error:
        raise SnapshotError(f"the snapshot's {_why(error)}") from error
    return data


def _each(model: type[_Model], items: Iterable[object], rejected: _Rejected) -> list[_Model]:
    good: list[_Model] = []
    for item in items:
        try:
            good.append(model.model_validate(item))
        except ValidationError as error:
            rejected[_id_of(item)] = _why(error)
    return good


def _id_of(item: object) -> str:
    value = item.get("id") if isinstance(item, dict) else None
    usable = isinstance(value, str) and len(value) <= _MAX_ID and value.isprintable()
    return str(value) if usable else _UNNAMED


def _why(error: ValidationError) -> str:
    """Say what is wrong without repeating the value, which may be a key."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    where = ".".join(str(part)[:40] for part in first["loc"])
    return f"{where}: {first['msg'].removeprefix('Value error, ')}".removeprefix(": ")


def _first(
    routes: Sequence[_Route],
    key: Callable[[_Route], object],
    why: str,
    seen: set[object],
    rejected: _Rejected,
) -> list[_Route]:
    kept: list[_Route] = []
    for route in routes:
        if key(route) in seen:
            rejected[route.id] = f"{why}; the first one is served"
        else:
            seen.add(key(route))
            kept.append(route)
    return kept


def _usable(held: Sequence[Certificate], bad: _Rejected) -> dict[str, Certificate]:
    """Keep what can be served, used or not: a host without a route gets its 404 by name."""
    usable: dict[str, Certificate] = {}
    for item in held:
        try:
            certificates.names(item)
        except CertificateError as error:
            bad[item.id] = str(error)
        else:
            usable.setdefault(item.id, item)
    return usable


def _certified(
    routes: Sequence[HttpRoute],
    usable: Mapping[str, Certificate],
    bad: Mapping[str, str],
    rejected: _Rejected,
) -> list[HttpRoute]:
    kept: list[HttpRoute] = []
    for route in routes:
        found = usable.get(route.certificate)
        if found is None:
            problem = bad.get(route.certificate, "it is not in the snapshot")
        elif not certificates.covers(certificates.names(found), route.host):
            problem = f"it is not for {route.host}"
        else:
            kept.append(route)
            continue
        rejected[route.id] = f"certificate {route.certificate}: {problem}"
    return kept


def _in_range(routes: Sequence[TcpRoute], ports: range, rejected: _Rejected) -> list[TcpRoute]:
    for route in routes:
        if route.port not in ports:
            rejected[route.id] = f"port {route.port} is not in {ports.start}-{ports.stop - 1}"
    return [route for route in routes if route.port in ports]


def _note(route: str, bad_certificates: Mapping[str, str]) -> str:
    """Say what no route's own report can say."""
    notes = [
        f"certificate {id_ or 'without a usable id'}: {why}"
        for id_, why in bad_certificates.items()
    ]
    return "; ".join([*([f"a route without a usable id: {route}"] if route else []), *notes[:10]])
