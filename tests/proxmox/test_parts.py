"""The parts of the stand-in that others lean on: its clock, its shell, its comparison."""

import asyncio

import pytest
from tests.proxmox import presets, schema
from tests.proxmox.api import lxc_power
from tests.proxmox.clock import Clock, settle
from tests.proxmox.replay import compare
from tests.proxmox.shell import Shell
from tests.proxmox.terminal import Terminal
from tests.proxmox.wire import Response


async def test_a_clock_at_rest_moves_only_when_pushed() -> None:
    clock = Clock(speed=0, epoch=100)
    woken: list[float] = []

    async def nap(seconds: float) -> None:
        await clock.sleep(seconds)
        woken.append(clock.now())

    naps = [asyncio.create_task(nap(seconds)) for seconds in (5, 1, 9)]
    await settle()
    assert woken == []
    await clock.advance(6)
    assert woken == [101, 105]
    assert clock.now() == 106
    await clock.advance(10)
    assert woken == [101, 105, 109]
    await asyncio.gather(*naps)
    await clock.aclose()


async def test_what_is_woken_may_sleep_again_within_one_push() -> None:
    clock = Clock(speed=0, epoch=0)

    async def twice() -> float:
        await clock.sleep(1)
        await clock.sleep(1)
        return clock.now()

    work = asyncio.create_task(twice())
    await clock.advance(3)
    assert await work == 2
    await clock.aclose()


@pytest.mark.parametrize(
    ("line", "output"),
    [
        ("echo a b", "a b\n"),
        ("printf '%s-%s' x y", "x-y"),
        ('A=1; printf %s "$A"', "1"),
        ("false || echo no; true && echo yes", "no\nyes\n"),
        ("false; printf %s $?", "1"),
        ("printf %s 'aGk=' | base64 -d", "hi"),
        ("printf %s hi >/tmp/x; cat /tmp/x; rm /tmp/x; cat /tmp/x", "hicat: /tmp/x: No such"),
        ('(echo inner) 2>/dev/null; printf %s "$(echo sub)"', "inner\nsub"),
        ("nosuch 2>&1", "sh: 1: nosuch: not found"),
        ("printf %s 'it'\\''s'", "it's"),
    ],
)
async def test_a_line_of_shell(line: str, output: str) -> None:
    world = presets.single(Clock(speed=0, epoch=0))
    guest = presets.container(world, 101)
    lxc_power.run(world, guest)
    terminal = Terminal(world, guest)
    result = await Shell(terminal).run(line)
    assert result.output.decode().startswith(output)
    terminal.close()


@pytest.mark.parametrize(
    ("recorded", "ours"),
    [
        ({"data": {"memory": 256}}, {"data": {"memory": "256"}}),
        ({"data": {"memory": 256}}, {"data": {"memory": 512}}),
        ({"data": {"memory": 256}}, {"data": {}}),
        ({"data": {}}, {"data": {"memory": 256}}),
        ({"data": []}, {"data": [{"vmid": 1}]}),
        ({"data": [{"vmid": 1}]}, {"data": [{"vmid": 2}]}),
        ({"data": None, "errors": {"upid": "a"}}, {"data": None, "errors": {"upid": "b"}}),
        ({"data": [{"n": 1, "t": "TASK OK"}]}, {"data": [{"n": 1, "t": "TASK ERROR: no"}]}),
    ],
)
def test_a_difference_is_found(recorded: object, ours: object) -> None:
    given = {"status": 200, "reason": "OK", "body": recorded}
    assert compare.complaints(given, Response(200, "OK"), ours)


def test_what_is_measured_may_differ() -> None:
    recorded = {"data": {"uptime": 5, "digest": "a" * 40, "net0": "hwaddr=BC:24:11:00:00:01"}}
    ours = {"data": {"uptime": 7, "digest": "b" * 40, "net0": "hwaddr=BC:24:11:00:00:02"}}
    given = {"status": 200, "reason": "OK", "body": recorded}
    assert not compare.complaints(given, Response(200, "OK"), ours)


def test_a_reason_differs_in_its_words() -> None:
    given = {"status": 500, "reason": "CT 100 already running", "body": None}
    assert compare.complaints(given, Response(500, "CT 100 not running"), None)


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        ("name=eth0,bridge=vmbr0,ip=dhcp", ""),
        ("bridge=vmbr0", "name: property is missing"),
        ("name=eth0,tag=5000", "tag: value must have a maximum value of 4094"),
        ("name=eth0,hwaddr=01:00:5e:00:00:01", "unicast MAC address"),
        ("name=eth0,foo=1", "foo: property is not defined in schema"),
    ],
)
def test_a_property_string_is_looked_into(value: str, complaint: str) -> None:
    found = schema.match("PUT", ["nodes", "pve1", "lxc", "101", "config"])
    assert found is not None
    _, errors = schema.check(found[0], {"node": "pve1", "vmid": "101", "net3": value})
    assert complaint in errors.get("net3", "")
    assert bool(errors) == bool(complaint)
