"""The table of calls, held against the schema of a real Proxmox VE."""

import json
import re
from typing import Any

import pytest
from tests.support.recordings import RECORDINGS, needs_recordings

from stead.engines.drivers.proxmox import calls
from stead.engines.drivers.proxmox.calls import Call


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    found: dict[str, Any] = {}
    open_nodes = json.loads((RECORDINGS / "apidoc.json").read_text(encoding="utf-8"))
    while open_nodes:
        node = open_nodes.pop()
        found[node["path"]] = node.get("info", {})
        open_nodes += node.get("children", [])
    return found


def test_no_call_is_declared_twice():
    assert len({(call.method, call.path) for call in calls.ALL}) == len(calls.ALL)


@needs_recordings
@pytest.mark.parametrize("call", calls.ALL, ids=lambda call: f"{call.method} {call.path}")
def test_a_call_exists_and_takes_what_we_send(call: Call, schema: dict[str, Any]):
    path = call.path if call.path in schema else _same_path(call.path, schema)
    parameters = schema[path][call.method]["parameters"].get("properties", {})
    indexed = {re.sub(r"\[n\]$", "", name) for name in parameters if name.endswith("[n]")}
    in_path = set(re.findall(r"\{(\w+)\}", path))
    for name in call.params:
        assert name in parameters or re.sub(r"\d+$", "", name) in indexed, f"{name} is unknown"
    required = {name for name, told in parameters.items() if not told.get("optional")}
    assert required - in_path <= call.params, "a required parameter is never sent"


def _same_path(path: str, schema: dict[str, Any]) -> str:
    plain = re.sub(r"\{\w+\}", "{}", path)
    return next(known for known in schema if re.sub(r"\{\w+\}", "{}", known) == plain)
