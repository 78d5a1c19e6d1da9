"""Clusters in the API: what admins and auditors see, and maintenance."""

from collections.abc import Mapping

import pytest
from tests.factories.inventory import Records
from tests.factories.platform import Platform

from stead.core.authz import Actor, Role
from stead.deployments import public as deployments
from stead.deployments.public import DeploymentIn
from stead.infra.rules import Standing

BASE = "/api/v1/clusters"


async def token(platform: Platform) -> str:
    return await platform.token(await platform.admin("Root"))


async def test_a_cluster_tells_what_it_can_do_and_why_not(platform: Platform, full: Records):
    async with platform.api(await token(platform)) as api:
        listed = (await api.get(BASE)).json()
        found = (await api.get(f"{BASE}/local")).json()
        same = (await api.get(f"{BASE}/{full.cluster_id}")).json()
    assert [one["name"] for one in listed] == ["local"]
    assert found == same
    assert (found["state"], found["version"], found["nodes"]) == ("ok", "6.0.1", ["n1", "n2"])
    assert found["capabilities"][1] == {
        "ability": "vms",
        "verdict": "no",
        "reason": "No KVM here",
    }
    standings = ("known", "unknown", "lost", "changed", "moved")
    assert found["guests"] == {**dict.fromkeys(standings, 1), "unreachable": 0}
    assert found["capacity"]["ours"] == {"cores": 3, "memory_mb": 1536, "disk_gb": 24}
    assert "gone: the last 2 looks did not find it" in [one["text"] for one in found["events"]]


@pytest.mark.usefixtures("full")
@pytest.mark.parametrize(
    ("asked", "names"),
    [
        ({}, ["elsewhere", "fine", "gone", "halted", "theirs"]),
        ({"class": "lost"}, ["gone"]),
        ({"class": "unknown"}, ["theirs"]),
        ({"limit": "2"}, ["elsewhere", "fine"]),
        ({"limit": "2", "after": "fine"}, ["gone", "halted"]),
        ({"after": "zzz"}, []),
    ],
)
async def test_guests_are_listed_by_class_and_page(
    platform: Platform, asked: Mapping[str, str], names: list[str]
):
    async with platform.api(await token(platform)) as api:
        found = (await api.get(f"{BASE}/local/guests", params=asked)).json()
    assert [one["name"] for one in found["items"]] == names
    more = asked.get("limit") == "2" and asked.get("after", "") != "halted"
    assert found["following"] == (names[-1] if more else "")


@pytest.mark.usefixtures("full")
@pytest.mark.parametrize(
    "asked", [{"class": "nonsense"}, {"limit": "0"}, {"limit": "x"}, {"after": "\0"}]
)
async def test_a_filter_that_makes_no_sense_is_the_callers_mistake(
    platform: Platform, asked: Mapping[str, str]
):
    async with platform.api(await token(platform)) as api:
        assert (await api.get(f"{BASE}/local/guests", params=asked)).status_code == 422


async def test_auditors_see_and_change_nothing(platform: Platform, full: Records):
    auditor = await platform.token(await platform.person("Aud", auditor=True))
    async with platform.api(auditor) as api:
        assert (await api.get(f"{BASE}/local/guests")).status_code == 200
        for path, body in (
            (f"{BASE}/local/maintenance", {"on": True}),
            (f"{BASE}/local/guests/halted/accept", None),
        ):
            assert (await api.post(path, json=body)).json()["code"] == "auth.forbidden"
    assert (await full.standings())["halted"] is Standing.CHANGED


async def test_maintenance_refuses_new_deployments_says_why_and_ends(
    platform: Platform, records: Records
):
    admin = await platform.admin("Root")
    person = await platform.person("Ada", **{await platform.project("main"): Role.OWNER})
    async with platform.api(await platform.token(admin)) as api:
        body = {"on": True, "reason": "new disks"}
        assert (await api.post(f"{BASE}/local/maintenance", json=body)).status_code == 200
        assert (await api.post(f"{BASE}/local/maintenance", json=body)).status_code == 200
    refused = await deploy(platform, person)
    assert refused.json()["code"] == "infra.maintenance"
    assert "is in maintenance and takes nothing new: new disks" in refused.json()["title"]
    async with platform.api(await platform.token(admin)) as api:
        found = (await api.post(f"{BASE}/local/maintenance", json={"on": False})).json()
    assert (found["maintenance"]["on"], found["maintenance"]["by"]) == (False, "Root")
    assert (await deploy(platform, person)).status_code == 202
    told = [text for text in await records.news() if "maintenance" in text]
    assert told == ["Root began the maintenance: new disks", "Root ended the maintenance"]


async def deploy(platform: Platform, person: Actor):
    async with platform.api(await platform.token(person)) as api:
        return await api.post("/api/v1/deployments", json={"app": "redis", "name": "mine"})


async def test_maintenance_leaves_what_runs_and_its_removal_alone(platform: Platform):
    person = await platform.person("Ada", **{await platform.project("main"): Role.OWNER})
    async with platform.database.write() as uow:
        asked = DeploymentIn(app="redis", name="mine")
        made = await deployments.create(uow, person, platform.deployments, asked)
    async with platform.api(await token(platform)) as api:
        await api.post(f"{BASE}/local/maintenance", json={"on": True})
    async with platform.api(await platform.token(person)) as api:
        path = f"/api/v1/operations/{made.operation_id}/cancel"
        assert (await api.post(path)).status_code == 202


async def test_members_find_no_way_to_clusters(platform: Platform):
    person = await platform.person("Ada", **{await platform.project("main"): Role.OWNER})
    async with platform.api(await platform.token(person)) as api:
        assert (await api.get(BASE)).json()["code"] == "auth.forbidden"
