"""What the Incus driver makes of odd answers, beyond the port's own methods."""

import pytest
from tests.unit.engines import test_incus_client as client_tests
from tests.unit.engines.test_incus_client import Double, task

from stead.engines import errors
from stead.engines.drivers.incus.driver import IncusDriver
from stead.engines.values import Command, GuestSize, Image, TerminalSize

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
