"""What the Incus driver makes of odd answers, beyond the port's own methods."""

import json
from collections.abc import ValuesView
from dataclasses import replace
from typing import Any

import pytest
from tests.unit.engines import test_incus_client as client_tests
from tests.unit.engines.test_incus_client import Double, task
from tests.unit.engines.test_incus_mapping import guest

from stead.engines import errors
from stead.engines.capabilities import Ability
from stead.engines.drivers.incus import mapping
from stead.engines.drivers.incus.driver import IncusDriver
from stead.engines.values import Command, GuestKind, GuestSize, Image, TerminalSize

double, url, driver = client_tests.double, client_tests.url, client_tests.driver
SHAPES = [b"[]", b"null", b'"x"', b'{"metadata": {}}', b'{"metadata": [1, null]}']


@pytest.mark.parametrize("body", SHAPES)
async def test_answers_of_another_shape_are_empty(
    driver: IncusDriver, double: Double, body: bytes
):
    for path in ("/instances", "/images", "/instances/a/snapshots", "/operations"):
        double.raw[path] = (200, body)
    assert await driver.usage() == ()
    assert await driver.list_images() == ()
    assert await driver.list_snapshots("a") == ()


async def test_what_needs_a_running_guest_asks_first(driver: IncusDriver, double: Double):
    double.instances["a"] = {"name": "a", "status": "Stopped"}
    with pytest.raises(errors.ConflictError):
        await driver.execute("a", Command(("true",)))
    with pytest.raises(errors.ConflictError):
        async with driver.open_terminal("a", TerminalSize()):
            pass
    assert {method for method, _ in double.asked} == {"GET"}


async def test_what_needs_a_stopped_guest_asks_first(driver: IncusDriver, double: Double):
    double.instances["a"] = {"name": "a", "status": "Running"}
    double.raw["/images"] = (200, b"{}")
    with pytest.raises(errors.ConflictError):
        await driver.restore_snapshot("a", "s")
    with pytest.raises(errors.ConflictError):
        await driver.publish_image("a", Image("i", "k"))
    assert {method for method, _ in double.asked} == {"GET"}


async def test_a_disk_does_not_shrink(driver: IncusDriver, double: Double):
    double.instances["a"] = {"name": "a", "devices": {"root": {"size": "8GiB"}}}
    with pytest.raises(errors.InvalidError):
        await driver.resize("a", GuestSize(1, 64, 7))
    assert {method for method, _ in double.asked} == {"GET"}


async def test_an_open_session_holds_up_nothing(driver: IncusDriver, double: Double):
    double.instances["a"] = {"name": "a", "status": "Stopped"}
    double.tasks["t1"] = task(103) | {"class": "websocket"}
    assert (await driver.stop("a", force=True)).done
    assert ("GET", "/operations/t1/wait") not in double.asked


async def test_helpers_of_exports_are_not_shown(driver: IncusDriver, double: Double):
    shown = b'{"metadata": [{"name": "s1"}, {"name": "stead-helper"}]}'
    double.raw["/instances/a/snapshots"] = (200, shown)
    assert [each.name for each in await driver.list_snapshots("a")] == ["s1"]
    images = b'{"metadata": [{"aliases": [{"name": "mine"}, {"name": "stead-helper-0a"}]}]}'
    double.raw["/images"] = (200, images)
    assert [each.name for each in await driver.list_images()] == ["mine"]


async def test_events_that_cannot_be_followed_are_unreachable(driver: IncusDriver):
    with pytest.raises(errors.EngineError):
        async with driver.events():
            pass


async def test_an_instance_that_is_promised_but_not_written_down_is_taken_up(
    driver: IncusDriver, double: Double
):
    """Incus answers a create before it writes the instance down; a repetition waits for that."""

    class WrittenDownLate(dict[str, Any]):
        def values(self) -> ValuesView[dict[str, Any]]:
            if double.asked.count(("GET", "/operations")) > 1:
                double.instances["a"] = {"name": "a", "config": {mapping.KEY: "k"}}
            return super().values()

    double.tasks = WrittenDownLate({"t1": task(103)})
    spec = replace(guest(), name="a")
    assert (await driver.create(spec)).native_id == "t1"
    assert {method for method, _ in double.asked} == {"GET"}, "it is not made a second time"
    with pytest.raises(errors.ConflictError):
        await driver.create(replace(spec, key="another"))


async def test_an_instance_that_is_finished_between_two_looks_is_not_made_again(
    driver: IncusDriver, double: Double
):
    class EndsWhenListed(dict[str, Any]):
        def values(self) -> ValuesView[dict[str, Any]]:
            double.instances["a"] = {"name": "a", "config": {mapping.KEY: "k"}}
            self.clear()
            return super().values()

    double.tasks = EndsWhenListed({"t1": task(103)})
    assert (await driver.create(replace(guest(), name="a"))).done
    assert {method for method, _ in double.asked} == {"GET"}


@pytest.mark.parametrize(
    ("runs", "reason"), [("lxc", "/dev/kvm"), ("lxc | qemu", "containers only"), ("", "only")]
)
async def test_why_there_are_no_virtual_machines_is_told(
    driver: IncusDriver, double: Double, runs: str, reason: str
):
    facts = json.dumps({"metadata": {"environment": {"driver": runs}}}).encode()
    double.raw |= {"": (200, facts), "/storage-pools/pool": (200, b"{}")}
    entry = (await driver.capabilities()).of(Ability.VMS)
    assert not entry.usable
    assert reason in entry.reason
    with pytest.raises(errors.UnsupportedError) as caught:
        await driver.create(replace(guest(), kind=GuestKind.VM))
    assert entry.reason in caught.value.message
