"""The double's own table agrees with the full schema of the real one, where that is at hand."""

import json
from typing import Any

from tests.proxmox import schema
from tests.proxmox.api import HANDLERS
from tests.support.recordings import RECORDINGS, needs_recordings

LIMITS = {"minimum": "min", "maximum": "max", "minLength": "minlen", "maxLength": "maxlen"}


def whole() -> dict[str, dict[str, Any]]:
    """Return the full schema: METHOD /path to its description."""
    found: dict[str, dict[str, Any]] = {}

    def walk(node: dict[str, Any]) -> None:
        for method, described in (node.get("info") or {}).items():
            found[f"{method} {node['path']}"] = described
        for child in node.get("children", []):
            walk(child)

    for node in json.loads((RECORDINGS / "apidoc.json").read_text("utf-8")):
        walk(node)
    return found


def wrong(endpoint: schema.Endpoint, described: dict[str, Any]) -> list[str]:
    """Return where an endpoint of ours differs from the real one."""
    theirs = described["parameters"].get("properties") or {}
    found = [
        f"{endpoint.key}: {name} is unknown" for name in set(endpoint.properties) - set(theirs)
    ]
    found += [f"{endpoint.key}: lacks {name}" for name in set(theirs) - set(endpoint.properties)]
    for name in set(theirs) & set(endpoint.properties):
        own, real = endpoint.properties[name], theirs[name]
        for ours, wanted in (
            (own.type, real.get("type", "string")),
            (own.optional, bool(real.get("optional"))),
            (own.enum, "|".join(str(one) for one in real.get("enum") or ())),
            *((getattr(own, ours), str(real.get(key, ""))) for key, ours in LIMITS.items()),
        ):
            if ours != wanted:
                found.append(f"{endpoint.key}: {name} is {ours!r}, really {wanted!r}")
    return found


@needs_recordings
def test_the_table_agrees_with_the_schema() -> None:
    real = whole()
    found: list[str] = []
    for endpoint in schema.endpoints():
        if endpoint.key in real:
            found += wrong(endpoint, real[endpoint.key])
        else:
            found.append(f"{endpoint.key} is unknown")
    assert not found


@needs_recordings
def test_permissions_and_flags_agree_with_the_schema() -> None:
    real = whole()
    for endpoint in schema.endpoints():
        described = real[endpoint.key]
        assert ("protected" in endpoint.flags) == bool(described.get("protected")), endpoint.key
        assert ("notoken" in endpoint.flags) == (described.get("allowtoken") == 0), endpoint.key
        permission = described.get("permissions") or {}
        if "check" in permission and "user" not in permission:
            rule = endpoint.permission.removeprefix("check ")
            assert json.loads(rule) == permission["check"], endpoint.key


def test_every_handler_is_in_the_table() -> None:
    assert set(HANDLERS) <= {endpoint.key for endpoint in schema.endpoints()}


def test_every_endpoint_of_the_table_is_served() -> None:
    unserved = {endpoint.key for endpoint in schema.endpoints()} - set(HANDLERS)
    assert unserved == set()
