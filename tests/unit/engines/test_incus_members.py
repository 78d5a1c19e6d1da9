"""What the Incus driver makes of a cluster: who is there, who gets a guest, emptying a member."""

import json
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from typing import Any

import pytest
from tests.unit.engines import test_incus_client as client_tests
from tests.unit.engines.test_incus_client import Double, task
from tests.unit.engines.test_incus_mapping import guest

from stead.engines import errors
from stead.engines.capabilities import Ability
from stead.engines.drivers.incus import mapping
from stead.engines.drivers.incus.driver import IncusDriver
from stead.engines.values import GuestState, NetworkSpec

double, url, driver = client_tests.double, client_tests.url, client_tests.driver
NETWORK = NetworkSpec("st-x", IPv4Network("10.90.3.0/24"), IPv4Address("10.90.3.1"), 8444)
EVACUATING = {"location": "n2", "description": "Evacuating cluster member"}


def member(name: str, status: str = "Online", domain: str = "default") -> dict[str, str]:
    return {"server_name": name, "status": status, "failure_domain": domain}


def answer(metadata: object, status: int = 200) -> tuple[int, bytes]:
    return status, json.dumps({"type": "sync", "metadata": metadata}).encode()


@pytest.fixture
def pair(double: Double) -> Double:
    """Return a cluster of two, in which we may say where guests go."""
    double.members = [member("n2", domain="rack2"), member("n1")]
    begun = {"type": "async", "operation": "/1.0/operations/t9"}
    double.raw["/instances"] = (202, json.dumps(begun).encode())
    for name in ("n1", "n2"):
        double.raw[f"/cluster/members/{name}/state"] = (202, json.dumps(begun).encode())
    return double


def where(double: Double, method: str, path: str) -> list[str]:
    """Return the targets of requests; an empty one where none was named."""
    return [
        query.get("target", [""])[0]
        for asked, at, query in double.queries
        if (asked, at) == (method, path)
    ]


def memory(double: Double, **free: int) -> None:
    """Let members tell how much memory is free on them."""
    usual = double.answer

    def told(method: str, url: str, headers: Any) -> tuple[int, bytes]:  # noqa: ANN401  (http.client's own type)
        found = usual(method, url, headers)
        if double.queries[-1][1] != "/resources":
            return found
        name = double.queries[-1][2]["target"][0]
        if name not in free:
            return 500, json.dumps({"error": "Server isn't ready yet"}).encode()
        return answer({"memory": {"total": 100, "used": 100 - free[name]}})

    double.answer = told  # type: ignore[method-assign]


@pytest.mark.parametrize(("free", "chosen"), [({"n1": 9, "n2": 5}, "n1"), ({"n2": 1}, "n2")])
async def test_a_new_guest_goes_where_most_memory_is_free(
    driver: IncusDriver, pair: Double, free: dict[str, int], chosen: str
):
    memory(pair, **free)
    assert (await driver.create(guest())).native_id == "t9"
    assert where(pair, "POST", "/instances") == [chosen]


@pytest.mark.parametrize("status", ["Offline", "Evacuated"])
async def test_a_member_that_takes_nothing_gets_nothing(
    driver: IncusDriver, pair: Double, status: str
):
    pair.members = [member("n1"), member("n2", status)]
    await driver.create(guest())
    assert where(pair, "POST", "/instances") == ["n1"]
    pair.members = [member("n1", "Offline"), member("n2", status)]
    with pytest.raises(errors.UnreachableError, match="No member"):
        await driver.create(guest())


async def test_incus_chooses_where_our_project_does_not_let_us(driver: IncusDriver, pair: Double):
    pair.config = {"restricted": "true"}
    await driver.create(guest())
    pair.config["restricted.cluster.target"] = "allow"
    memory(pair, n2=3, n1=2)
    await driver.create(guest())
    assert where(pair, "POST", "/instances") == ["", "n2"]


async def test_outside_a_cluster_nobody_asks_for_members(driver: IncusDriver, double: Double):
    double.raw["/instances"] = answer({})
    double.raw["/storage-pools/pool"] = answer({})
    await driver.create(guest())
    assert where(double, "POST", "/instances") == [""]
    assert (await driver.health()).nodes == ("",)
    can = (await driver.capabilities()).of(Ability.EVACUATION)
    assert (can.usable, can.reason) == (False, "This server is not part of a cluster")
    assert ("GET", "/cluster/members") not in double.asked


async def test_a_copy_stays_beside_its_source_and_says_what_it_runs_on(
    driver: IncusDriver, pair: Double
):
    source = {"name": "s", "status": "Stopped", "location": "n2", "architecture": "x86_64"}
    pair.instances["s"] = source | {"devices": {}, "config": {}}
    await driver.clone("s", replace(guest(), image=""))
    assert where(pair, "POST", "/instances") == ["n2"]
    said = next(json.loads(body) for path, body in pair.bodies if path == "/instances" and body)
    assert said["architecture"] == "x86_64"


async def test_each_member_hears_of_a_network_before_it_is_made(driver: IncusDriver, pair: Double):
    pair.raw["/networks"] = pair.raw["/network-acls"] = answer({})
    await driver.ensure_network(NETWORK)
    assert where(pair, "POST", "/networks") == ["n1", "n2", ""]
    bodies = [json.loads(body) for path, body in pair.bodies if path == "/networks"]
    assert [set(body) for body in bodies[:2]] == [{"name", "type"}] * 2
    assert bodies[2]["config"]["ipv4.address"] == "10.90.3.1/24"


async def test_a_network_that_only_some_members_have_is_finished_with_what_it_began_with(
    driver: IncusDriver, pair: Double
):
    pair.raw["/networks/st-x"] = answer({"name": "st-x", "status": "Errored"})
    pair.raw["/networks"] = pair.raw["/network-acls"] = answer({})
    await driver.ensure_network(NETWORK)
    last = [json.loads(body) for path, body in pair.bodies if path == "/networks"][-1]
    assert last["config"] == {}
    pair.raw["/networks/st-x"] = answer({"name": "st-x", "status": "Created"})
    before = len(pair.bodies)
    await driver.ensure_network(NETWORK)
    assert [path for path, _ in pair.bodies[before:]] == ["/networks/st-x"]


async def test_members_are_nodes_with_what_each_has(driver: IncusDriver, pair: Double):
    pair.members += [member("n3", "Offline"), member("n4", "Evacuated")]
    memory(pair, n1=2**20, n2=5, n4=7)
    pair.raw["/instances"] = answer([])
    nodes = {one.name: one for one in (await driver.survey()).nodes}
    assert [one.online for one in nodes.values()] == [True, True, False, True]
    assert [one.evacuated for one in nodes.values()] == [False, False, False, True]
    assert nodes["n2"].domain == "rack2"
    assert (await driver.health()).nodes == ("n1", "n2", "n4")


async def test_a_guest_of_a_member_that_is_down_is_there_and_nothing_else_is_said_of_it(
    driver: IncusDriver, pair: Double
):
    silent = {"name": "a", "status": "Error", "location": "n2", "config": None, "devices": None}
    broken = {"name": "b", "status": "Error", "location": "n1", "config": {}, "devices": {}}
    pair.raw["/instances"] = answer([silent, broken])
    a, b = await driver.inventory()
    assert (a.state, a.node, a.key) == (GuestState.UNREACHABLE, "n2", "")
    assert b.state is GuestState.ERROR
    words = json.dumps({"type": "error", "error": "Server isn't ready yet"}).encode()
    pair.raw["/instances/a"] = (500, words)
    with pytest.raises(errors.UnreachableError):
        await driver.find("a")


async def test_a_member_is_emptied_and_taken_back(driver: IncusDriver, pair: Double):
    assert (await driver.evacuate("n2")).native_id == "t9"
    assert (await driver.restore_node("n1")).done, "it was not evacuated"
    pair.members = [member("n1"), member("n2", "Evacuated")]
    assert (await driver.evacuate("n2")).done, "it is evacuated already"
    assert (await driver.restore_node("n2")).native_id == "t9"
    said = [json.loads(body)["action"] for path, body in pair.bodies if path.endswith("/state")]
    assert said == ["evacuate", "restore"]


async def test_emptying_that_is_under_way_is_taken_up_and_not_crossed(
    driver: IncusDriver, pair: Double
):
    pair.members = [member("n1"), member("n2", "Evacuated")]
    pair.tasks["t1"] = task(103) | EVACUATING
    assert (await driver.evacuate("n2")).native_id == "t1"
    with pytest.raises(errors.LockedError):
        await driver.restore_node("n2")
    assert not [path for path, _ in pair.bodies if path.endswith("/state")]


async def test_the_last_member_that_takes_guests_is_not_emptied(driver: IncusDriver, pair: Double):
    """Incus would stop every guest on it and only then find no other member for them."""
    pair.members = [member("n1"), member("n2", "Offline"), member("n3", "Evacuated")]
    with pytest.raises(errors.ConflictError, match="No other member"):
        await driver.evacuate("n1")
    with pytest.raises(errors.UnreachableError):
        await driver.evacuate("n2")
    with pytest.raises(errors.NotFoundError):
        await driver.evacuate("n9")
    assert not [path for path, _ in pair.bodies if path.endswith("/state")]


async def test_a_restricted_certificate_cannot_empty_members_and_is_told_so(
    driver: IncusDriver, pair: Double
):
    pair.raw["/storage-pools/pool"] = answer({})
    assert (await driver.capabilities()).of(Ability.EVACUATION).usable
    pair.config = {"restricted": "true"}
    can = (await driver.capabilities()).of(Ability.EVACUATION)
    assert not can.usable
    assert "unrestricted" in can.reason


async def test_a_guest_that_a_dying_daemon_left_without_a_disk_is_made_again(
    driver: IncusDriver, pair: Double
):
    found = {"name": "redis-1", "status": "Stopped", "location": "n2"}
    disk = {"expanded_devices": {"root": {"type": "disk", "pool": "pool"}}}
    pair.instances["redis-1"] = found | disk | {"config": {mapping.KEY: "k"}, "devices": {}}
    assert (await driver.create(guest())).done
    assert where(pair, "DELETE", "/instances/redis-1") == []
    pair.torn.add("redis-1")
    pair.tasks["t1"] = task(103, name="redis-1")
    assert (await driver.create(guest())).native_id == "t1", "it is still being made"
    pair.tasks.clear()
    assert (await driver.create(guest())).native_id == "t9"
    assert where(pair, "DELETE", "/instances/redis-1") == [""]


@pytest.mark.parametrize("devices", [{"root": {"pool": "bulk"}}, {}])
async def test_a_guest_on_another_storage_is_not_taken_for_one_without_a_disk(
    driver: IncusDriver, pair: Double, devices: dict[str, object]
):
    found = {"name": "redis-1", "status": "Stopped", "expanded_devices": devices}
    pair.instances["redis-1"] = found | {"config": {mapping.KEY: "k"}, "devices": {}}
    pair.raw["/storage-pools/bulk/volumes/container/redis-1"] = answer({})
    pair.torn.add("redis-1")
    assert (await driver.create(guest())).done
    assert where(pair, "DELETE", "/instances/redis-1") == []
