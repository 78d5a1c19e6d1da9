"""Adopting guests that somebody else made, and the room that a cluster has."""

import pytest
from tests.factories.inventory import Records, others
from tests.factories.platform import Platform

from stead.core.authz import Role
from stead.engines.values import Guest, GuestSize, GuestState, NodeFacts, StorageFacts, Survey
from stead.infra import capacity, surveys
from stead.infra.errors import FullError
from stead.infra.rules import Standing
from stead.infra.schemas import AmountOut

BASE = "/api/v1/clusters/local"
ADOPTION = f"{BASE}/guests/theirs/adoption"


async def root(platform: Platform) -> str:
    return await platform.token(await platform.admin("Root"))


async def test_an_unknown_guest_is_adopted_as_shown_and_released(
    platform: Platform, records: Records
):
    await platform.project("shop")
    await records.look(*others("theirs"))
    async with platform.api(await root(platform)) as api:
        shown = (await api.get(ADOPTION)).json()
        assert (shown["guest"], shown["state"], shown["node"]) == ("theirs", "running", "n1")
        assert "Nothing is changed on the cluster" in shown["on_the_cluster"]
        assert (await api.post(ADOPTION, json={"project": "shop"})).status_code == 200
        assert (await records.standings())["theirs"] is Standing.KNOWN
        again = await api.post(ADOPTION, json={"project": "shop"})
        assert again.json()["code"] == "infra.not_adoptable"
        await records.look()
        await records.look()
        assert (await records.standings())["theirs"] is Standing.LOST
        await records.look(*others("theirs"))
        assert (await records.standings())["theirs"] is Standing.KNOWN
        assert (await api.delete(ADOPTION)).status_code == 204
        assert (await api.delete(ADOPTION)).json()["code"] == "infra.not_adoptable"
    await records.look(*others("theirs"))
    assert (await records.standings())["theirs"] is Standing.UNKNOWN


@pytest.mark.usefixtures("full")
@pytest.mark.parametrize(
    ("guest", "project", "code"),
    [
        ("fine", "shop", "infra.not_adoptable"),
        ("nobody", "shop", "not_found"),
        ("theirs", "nothing", "not_found"),
    ],
)
async def test_what_cannot_be_adopted_stays_as_it_is(
    platform: Platform, full: Records, guest: str, project: str, code: str
):
    await platform.project("shop")
    before = await full.standings()
    async with platform.api(await root(platform)) as api:
        path = f"{BASE}/guests/{guest}/adoption"
        assert (await api.post(path, json={"project": project})).json()["code"] == code
    assert await full.standings() == before


async def test_a_full_cluster_refuses_with_the_numbers(platform: Platform, records: Records):
    person = await platform.person("Ada", **{await platform.project("main"): Role.OWNER})
    admin = await root(platform)
    async with platform.api(admin) as api:
        asked = await api.put(f"{BASE}/overcommit", json={"memory": 1})
        assert asked.json()["code"] == "infra.capacity_unknown"
        survey = Survey(
            nodes=(NodeFacts("n1", True, 4, 300, 100), NodeFacts("n2", False, 4, 900)),
            storages=(StorageFacts("s", "n1", "zfs", needed=True, total_gb=100, used_gb=7),),
        )
        async with platform.database.write() as uow:
            await surveys.note(uow, records.cluster_id, survey)
        assert (await api.put(f"{BASE}/overcommit", json={"memory": 1})).status_code == 200
        capacity = (await api.get(BASE)).json()["capacity"]
    assert capacity["physical"] == {"cores": 4, "memory_mb": 300, "disk_gb": 100}
    assert capacity["used"] == {"cores": 0, "memory_mb": 100, "disk_gb": 7}
    async with platform.api(await platform.token(person)) as api:
        body = {"app": "redis", "name": "mine"}
        refused = (await api.post("/api/v1/deployments", json=body)).json()
        assert refused["code"] == "infra.full"
        assert "has 300 MB of memory and may give out 300" in refused["title"]
    async with platform.api(admin) as api:
        assert (await api.put(f"{BASE}/overcommit", json={"memory": 50})).status_code == 200
    async with platform.api(await platform.token(person)) as api:
        assert (await api.post("/api/v1/deployments", json=body)).status_code == 202


async def admitted(records: Records, memory_mb: int) -> str:
    """Return why a guest of ours with that much memory gets no room, or nothing."""
    asked = AmountOut(cores=1, memory_mb=memory_mb, disk_gb=1)
    async with records.database.read() as uow:
        try:
            await capacity.admit(uow, records.cluster_id, asked, AmountOut())
        except FullError as error:
            return error.message
    return ""


async def test_an_adopted_guest_takes_as_much_room_as_the_stranger_it_was(
    platform: Platform, records: Records
):
    await platform.project("shop")
    size = GuestSize(1, 700, 5)
    theirs = Guest("theirs", "", "", GuestState.RUNNING, node="n1", size=size)
    await records.look(theirs)
    async with platform.database.write() as uow:
        nodes = (NodeFacts("n1", True, 4, 1000, 100),)
        await surveys.note(uow, records.cluster_id, Survey(nodes=nodes))
    async with platform.api(await root(platform)) as api:
        await api.put(f"{BASE}/overcommit", json={"memory": 1})
        refused = await admitted(records, 301)
        assert "700 are given, and 301 more are too many" in refused
        assert (await api.post(ADOPTION, json={"project": "shop"})).status_code == 200
        assert await admitted(records, 301) == refused
        assert await admitted(records, 300) == ""
        for _ in range(2):
            await records.look()
        assert (await records.standings())["theirs"] is Standing.LOST
        assert await admitted(records, 301) == refused
        await api.delete(ADOPTION)
        await records.look()
        assert await admitted(records, 1000) == ""
