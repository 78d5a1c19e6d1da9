"""What the Incus driver makes of a server that it only looks at."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.unit.engines import test_incus_client as client_tests
from tests.unit.engines.test_incus_client import Double

from stead.engines.capabilities import Ability
from stead.engines.drivers.incus import rights
from stead.engines.drivers.incus.driver import IncusDriver
from stead.engines.drivers.incus.examining import too_old
from stead.engines.drivers.incus.surveying import facts
from stead.engines.values import Topic

double, url, driver = client_tests.double, client_tests.url, client_tests.driver


def answer(metadata: object) -> tuple[int, bytes]:
    return 200, json.dumps({"type": "sync", "status_code": 200, "metadata": metadata}).encode()


def guest(config: dict[str, str] | None = None, **devices: dict[str, str]) -> dict[str, Any]:
    """Return a running guest as Incus tells of it, with what its profiles give it."""
    card = {"addresses": [{"address": "10.0.0.9", "scope": "global"}, {"address": "fe80::1"}]}
    return {
        "name": "g",
        "status": "Running",
        "expanded_config": config or {},
        "expanded_devices": devices,
        "state": {"network": {"eth0": card, "lo": {"addresses": [{"scope": "global"}]}}},
    }


def test_a_harmless_guest_has_no_marks():
    found = facts(guest(root={"type": "disk", "path": "/", "pool": "p"}))
    assert (found.privileged, found.nested, found.host_access) == (False, False, False)
    assert (found.exposed, found.addresses) == ((), ("10.0.0.9",))
    assert found.snapshots_known
    assert found.oldest_snapshot is None


def test_settings_that_matter_are_facts():
    found = facts(guest({"security.privileged": "true", "security.nesting": "1"}))
    assert (found.privileged, found.nested) == (True, True)


@pytest.mark.parametrize(
    ("device", "where"),
    [
        ({"listen": "tcp:0.0.0.0:80"}, ("0.0.0.0:80",)),
        ({"listen": "udp:[::]:53"}, ("[::]:53",)),
        ({"listen": "tcp:127.0.0.1:80"}, ()),
        ({"listen": "tcp:[::1]:80"}, ()),
        ({"listen": "unix:/run/x"}, ()),
        ({"listen": "tcp:10.0.0.9:80", "bind": "instance"}, ()),
        ({}, ()),
    ],
)
def test_a_port_of_the_host_is_a_way_in_unless_only_the_host_has_it(
    device: dict[str, str], where: tuple[str, ...]
):
    assert tuple(filter(None, facts(guest(p={"type": "proxy", **device})).exposed)) == where


@pytest.mark.parametrize(
    ("row", "reaches"),
    [
        (guest(d={"type": "disk", "source": "/srv", "path": "/mnt"}), True),
        (guest(d={"type": "disk", "source": "data", "pool": "p", "path": "/mnt"}), False),
        (guest(d={"type": "unix-char", "path": "/dev/x"}), True),
        (guest(d={"type": "nic", "nictype": "physical"}), True),
        (guest({"raw.lxc": "lxc.cap.drop="}), True),
    ],
)
def test_what_belongs_to_the_host_is_told(row: dict[str, Any], reaches: bool):  # noqa: FBT001  (a parameter of the table)
    assert facts(row).host_access is reaches


def test_the_oldest_snapshot_is_the_one_that_counts():
    times = ("2026-03-01T10:00:00.5Z", "2026-01-01T10:00:00Z", "nonsense", "0001-01-01T00:00:00Z")
    row = guest() | {"snapshots": [{"created_at": one} for one in times]}
    assert facts(row).oldest_snapshot == datetime(2026, 1, 1, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"server": "incus", "server_version": "6.0.4"}, ""),
        ({"server": "lxd", "server_version": "5.0.2"}, "This is lxd 5.0.2, not Incus"),
        ({"server": "incus", "server_version": "5.9"}, "Incus 5.9 is older"),
        ({"server": "incus"}, "is older"),
    ],
)
def test_another_server_is_not_taken_for_incus_6(environment: dict[str, Any], words: str):
    assert (words in too_old(environment)) if words else not too_old(environment)


GOOD = {
    "restricted": "true",
    "restricted.snapshots": "allow",
    "restricted.backups": "allow",
    "restricted.containers.nesting": "allow",
    "features.images": "true",
    "features.networks": "false",
}


@pytest.mark.parametrize(
    ("change", "lost"),
    [
        ({}, set()),
        ({"restricted.snapshots": "block"}, {Ability.SNAPSHOTS}),
        ({"restricted.backups": ""}, {Ability.BACKUPS}),
        ({"restricted.devices.nic": "block"}, {Ability.CONTAINERS}),
        ({"restricted.devices.disk": "block"}, {Ability.CONTAINERS}),
        ({"features.networks": "true"}, {Ability.CONTAINERS}),
        ({"features.images": "false"}, {Ability.IMAGES}),
        ({"limits.cpu": "4"}, {Ability.CONTAINERS}),
        ({"restricted.containers.nesting": "block"}, {Ability.NESTING}),
    ],
)
def test_each_setting_takes_away_what_it_takes_away(change: dict[str, str], lost: set[Ability]):
    config = GOOD | change
    assert set(rights.missing("ours", config)) == lost
    amiss = [one for one in rights.check("ours", config) if not one.ok]
    assert len(amiss) == len(change)
    assert all(next(iter(change)) in one.name and one.disables for one in amiss)


def test_a_project_without_restrictions_takes_nothing_away():
    assert rights.missing("ours", {"features.images": "true"}) == {}


async def test_a_certificate_for_the_whole_server_is_told(driver: IncusDriver, double: Double):
    double.raw[""] = answer({"auth": "trusted", "auth_user_name": "ab"})
    mine = {"fingerprint": "ab", "restricted": True, "projects": ["ours"]}
    double.raw["/projects/ours"] = answer({"config": GOOD})
    for restricted in (True, False):
        double.raw["/certificates"] = answer([mine | {"restricted": restricted}])
        first, *others = await driver.examine(Topic.RIGHTS)
        assert first.ok is restricted
        assert all(one.ok for one in others)
    assert "owns the whole server" in first.text


async def test_a_project_that_is_not_there_disables_everything(
    driver: IncusDriver, double: Double
):
    double.raw[""] = answer({})
    double.raw["/certificates"] = answer([])
    double.trusted = False
    *_, project = await driver.examine(Topic.RIGHTS)
    assert (project.ok, project.disables) == (False, ("containers",))


async def test_what_is_not_shown_is_named_and_stops_nothing(driver: IncusDriver, double: Double):
    double.raw[""] = answer({"environment": {"server_name": "one", "server": "incus"}})
    double.raw["/instances"] = answer([guest()])
    found = await driver.survey()
    assert [one.guest.name for one in found.guests] == ["g"]
    assert set(found.unseen) == {"the processors and memory of one", "the storage pool pool"}
    assert {method for method, _ in double.asked} == {"GET"}


@pytest.mark.parametrize("topic", Topic)
@pytest.mark.parametrize("shape", [b"[]", b"null", b'{"metadata": [1, null]}'])
async def test_nonsense_is_no_reason_to_fall(
    driver: IncusDriver, double: Double, topic: Topic, shape: bytes
):
    paths = ("", "/projects/ours", "/certificates", "/storage-pools/pool", "/networks")
    double.raw |= dict.fromkeys(paths, (200, shape))
    assert isinstance(await driver.examine(topic), tuple)
