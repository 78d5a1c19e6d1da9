"""Every request that the driver sends, held against the schema of a real Proxmox VE.

The whole driver runs once on the stand-in, and what it sends is written down: no unknown
parameter, no wrong type, no missing one. For virtual machines this and the recordings are all
that they are checked against.
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
from tests.integration.proxmox.machines import VM_TEMPLATE, add_vm_template
from tests.integration.proxmox.test_proxmox_bad_days import spec
from tests.proxmox import presets
from tests.proxmox.double import Double
from tests.proxmox.wire import Request
from tests.proxmox.world import Guest
from tests.support.proxmox import NETWORK, TEMPLATE, cluster, open_driver
from tests.support.recordings import RECORDINGS, needs_recordings

from stead.engines.drivers.proxmox import access, calls
from stead.engines.drivers.proxmox.calls import Call
from stead.engines.drivers.proxmox.driver import ProxmoxDriver
from stead.engines.drivers.proxmox.firewall import FirewallRule
from stead.engines.values import EngineTask, GuestKind, GuestSize, GuestSpec, Image, Topic
from stead.kit.secrets import Secret

pytestmark = pytest.mark.timeout(180)  # a life of many tasks, on a machine that may be busy

# Consoles are opened by users of their own, and a bridge is taken back only in a race.
NOT_SENT = {calls.LOGIN, calls.CT_TERM, calls.USER_CREATE, calls.BRIDGE_DELETE}


class Sent:
    """What was sent: the call it was, and its parameters."""

    def __init__(self, double: Double) -> None:
        self.seen: list[tuple[Call, str, dict[str, str]]] = []
        answer = double.answer

        async def listen(request: Request) -> Any:
            self._note(request)
            return await answer(request)

        double.answer = listen  # type: ignore[method-assign]

    def _note(self, request: Request) -> None:
        target = urlsplit(request.target)
        path = target.path.removeprefix("/api2/json")
        form = target.query if request.method in {"GET", "DELETE"} else request.body.decode()
        call = next(
            call
            for call in calls.ALL
            if call.method == request.method
            and re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", call.path), path)
        )
        self.seen.append((call, unquote(path), dict(parse_qsl(form, keep_blank_values=True))))


@pytest.fixture
async def double() -> AsyncIterator[Double]:
    async with cluster(online_resize=True) as started:
        add_vm_template(started.world)
        started.world.access.groups[access.CONSOLE_GROUP] = ""
        started.world.access.users["stead-inj-left@pve"] = presets.User()
        yield started


async def settle(engine: ProxmoxDriver, *tasks: EngineTask) -> None:
    for task in tasks:
        await engine.settle(task, 30)


async def live(engine: ProxmoxDriver) -> None:
    """Use everything that the driver offers, once."""
    await _prepare(engine)
    await _from_an_archive(engine)
    await _from_others(engine)
    await asyncio.gather(*(_whole_life(engine, name) for name in ("d", "e")))
    await _as_a_machine(engine)
    for name in ("a", "b", "c", "v", "w", "x", "z"):
        await settle(engine, await engine.stop(name, force=True), await engine.delete(name))
    await engine.delete_pool("project")


async def _prepare(engine: ProxmoxDriver) -> None:
    for _ in range(2):
        await access.create_roles(engine.engine.client)
    await access.grant(engine.engine.client, "root@pam", engine.engine.site, networks=True)
    await engine.health()
    await engine.capabilities()
    await engine.ensure_network(NETWORK)
    await engine.ensure_pool("project")


async def _from_an_archive(engine: ProxmoxDriver) -> None:
    one = replace(spec("a", image=presets.ARCHIVE), note="ä note", tags=("x", "y"))
    await settle(engine, await engine.create_enrolling(one, Secret("token")))
    await engine.join_pool("a", "project")
    await engine.set_firewall("a", (FirewallRule("tcp", "80,443", "10.0.0.0/8"), FirewallRule()))
    await engine.set_firewall("a", (FirewallRule("tcp", "22"),))
    await engine.open_shell("a")
    await settle(engine, await engine.start("a"), await engine.close_shell("a"))
    await engine.sweep()
    await settle(engine, await engine.resize("a", GuestSize(2, 128, 2)))
    await settle(engine, await engine.create_snapshot("a", "s-1"))
    await engine.usage()
    await engine.boot_log("a")


async def _from_others(engine: ProxmoxDriver) -> None:
    await settle(engine, await engine.store_backup("a", "local"))
    (backup,) = await engine.list_stored_backups("a", "local")
    again = replace(spec("b", number=21), disk_gb=2)
    await settle(engine, await engine.restore_stored_backup(again, backup))
    await settle(engine, await engine.delete_stored_backup(backup))
    await settle(engine, await engine.stop("a", force=False))
    await settle(engine, await engine.restore_snapshot("a", "s-1"))
    await settle(engine, await engine.delete_snapshot("a", "s-1"))
    await settle(engine, await engine.publish_image("a", Image("image", "k")))
    await engine.list_images()
    await settle(engine, await engine.create(replace(spec("c", number=22), disk_gb=2)))
    await settle(engine, await engine.delete_image("image"))


async def _as_a_machine(engine: ProxmoxDriver) -> None:
    machine = replace(spec("v", image=VM_TEMPLATE, number=30), kind=GuestKind.VM, disk_gb=3)
    linked = replace(machine, name="w", key="w", address=None, pool="local", disk_gb=2)
    await settle(engine, await engine.create(machine), await engine.create(linked))
    for force in (True, False):
        await settle(engine, await engine.start("v"), await engine.stop("v", force=force))
    await engine.waiting("v")
    for _ in range(2):
        await engine.set_firewall("v", (FirewallRule("tcp", "80,443"),))
    await _machines_from_others(engine, machine)


async def _machines_from_others(engine: ProxmoxDriver, machine: GuestSpec) -> None:
    kept = replace(machine, name="x", key="x", address=None, pool="local-btrfs")
    await settle(engine, await engine.create_enrolling(kept, Secret("token")))
    await settle(engine, await engine.create_snapshot("x", "s-1"))
    await settle(engine, await engine.restore_snapshot("x", "s-1"))
    await settle(engine, await engine.delete_snapshot("x", "s-1"))
    await settle(engine, await engine.publish_image("x", Image("machine", "k")))
    await settle(engine, await engine.delete_image("machine"))
    await settle(engine, await engine.store_backup("x", "local"))
    (backup,) = await engine.list_stored_backups("x", "local")
    address = spec("y", number=31).address
    restored = replace(machine, name="y", key="y", address=address, pool="local-btrfs")
    await settle(engine, await engine.restore_stored_backup(restored, backup))
    moved = replace(restored, name="z", key="z", address=spec("z", number=32).address)
    await settle(engine, await engine.reassign("y", moved))
    await settle(engine, await engine.delete_stored_backup(backup))


async def _looked_at(engine: ProxmoxDriver, double: Double) -> None:
    """Map and test a cluster of strangers: one took its address, one has a snapshot."""
    world = double.world
    taken = presets.container(world, 901, net0="name=eth0,bridge=vmbr0,ip=dhcp")
    taken.running = True
    world.guests[world.local, 902] = Guest(902, "qemu", world.local, config={"parent": "before"})
    await engine.survey()
    for topic in Topic:
        await engine.examine(topic)


async def _whole_life(engine: ProxmoxDriver, name: str) -> None:
    """Two of these at once, so that tasks are asked for together."""
    number = 40 + ord(name) - ord("d")
    await settle(engine, await engine.create(spec(name, image=TEMPLATE, number=number)))
    await settle(engine, await engine.start(name), await engine.stop(name, force=True))
    await settle(engine, await engine.delete(name))


async def test_the_whole_driver_speaks_as_the_schema_says(double: Double):
    sent = Sent(double)
    engine = open_driver(double, filter_addresses="yes")
    await live(engine)
    assert await engine.inventory() == ()
    await _looked_at(engine, double)
    await engine.close()
    forms = [form for call, _, form in sent.seen if call in {calls.CT_CREATE, calls.VM_RESTORE}]
    restored = [form for form in forms if form.keys() & {"restore", "archive"}]
    # Without that they would have the MACs of others.
    assert [form.get("unique") for form in restored] == ["1", "1"]
    # Each call that is declared is used here, or it is known why not.
    assert {call for call in calls.ALL if call not in {seen for seen, *_ in sent.seen}} == NOT_SENT
    if (RECORDINGS / "apidoc.json").exists():
        wrong = [problem for each in sent.seen for problem in _problems(*each)]
        assert wrong == []


@needs_recordings
def test_this_test_knows_a_wrong_request():
    path = "/nodes/pve1/lxc/100/clone"
    for form, word in (
        ({"newid": "7"}, "minimum"),
        ({"newid": "x"}, "integer"),
        ({"newid": "200", "full": "yes"}, "boolean"),
        ({"newid": "200", "memory": "1"}, "unknown"),
        ({}, "missing"),
    ):
        assert any(word in told for told in _problems(calls.CT_CLONE, path, form)), word


def _problems(call: Call, path: str, form: dict[str, str]) -> Iterator[str]:
    template, info = _schema(call)
    parameters = info["parameters"].get("properties", {})
    names = re.findall(r"\{(\w+)\}", template)
    pattern = re.sub(r"\\\{\w+\\\}", "(.+?)", re.escape(template))
    found = re.fullmatch(pattern, path)
    given = dict(zip(names, found.groups() if found else (), strict=True)) | form
    for name, told in parameters.items():
        if not told.get("optional") and name not in given:
            yield f"{call.method} {path}: {name} is missing"
    for name, value in given.items():
        told = parameters.get(name) or parameters.get(re.sub(r"\d+$", "[n]", name))
        if told is None:
            yield f"{call.method} {path}: {name} is unknown"
        else:
            yield from (
                f"{call.method} {path}: {name}={value!r} is no {w}" for w in _w(told, value)
            )


def _w(told: dict[str, Any], value: str) -> Iterator[str]:
    kind = told.get("type")
    if kind == "boolean" and value not in {"0", "1"}:
        yield "boolean"
    if kind in {"integer", "number"}:
        if not re.fullmatch(r"-?\d+" if kind == "integer" else r"-?\d+(\.\d+)?", value):
            yield kind
            return
        if float(value) < float(told.get("minimum", value)):
            yield "value above the minimum"
        if float(value) > float(told.get("maximum", value)):
            yield "value below the maximum"
    if kind == "string":
        if not int(told.get("minLength", 0)) <= len(value) <= int(told.get("maxLength", 10**6)):
            yield "text of that length"
        if "enum" in told and value not in told["enum"]:
            yield f"one of {told['enum']}"
        if "pattern" in told and not re.fullmatch(told["pattern"], value):
            yield f"match of {told['pattern']}"


_SCHEMA: dict[str, dict[str, Any]] = {}


def _schema(call: Call) -> tuple[str, dict[str, Any]]:
    if not _SCHEMA:
        nodes = json.loads((RECORDINGS / "apidoc.json").read_text(encoding="utf-8"))
        while nodes:
            node = nodes.pop()
            _SCHEMA[node["path"]] = node.get("info", {})
            nodes += node.get("children", [])
    plain = re.sub(r"\{\w+\}", "{}", call.path)
    path = next(known for known in _SCHEMA if re.sub(r"\{\w+\}", "{}", known) == plain)
    return path, _SCHEMA[path][call.method]
