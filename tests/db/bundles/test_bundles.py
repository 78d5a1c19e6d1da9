"""Bundles with a real worker, and deployments whose guests are made up."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select
from tests.factories.platform import Platform

from stead.bundles import plans
from stead.bundles.models import BundleRow, MemberRow
from stead.bundles.service import BundleWorks
from stead.catalog import public as catalog
from stead.core import durable
from stead.core.authz import Role
from stead.core.durable import (
    EventRow,
    NeedsPersonError,
    OperationRow,
    Plan,
    Step,
    StepContext,
    StepError,
    Worker,
)
from stead.core.durable.tables import StepRow
from stead.core.platform_settings.store import Choice, put
from stead.core.vault import SecretRow
from stead.deployments import repository
from stead.deployments.models import DeploymentRow
from stead.deployments.public import REFUSED_APPS, Deployments
from stead.instances.public import find

pytestmark = pytest.mark.timeout(60)
PLACES = [Path("tests/packages"), catalog.BUILT_IN]
KNOWN = catalog.load(PLACES)
BUNDLES = catalog.load_bundles(PLACES, KNOWN.packages)


@dataclass
class Guests:
    """Deployments that are live at once, unless they are told to fail or to wait."""

    platform: Platform
    fails: set[str] = field(default_factory=set)
    clings: set[str] = field(default_factory=set)
    needs_person: set[str] = field(default_factory=set)
    seen: set[str] = field(default_factory=set)
    waits: dict[str, asyncio.Event] = field(default_factory=dict)
    began: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)

    async def install(self, context: StepContext) -> None:
        name = context.text("name")
        self.began.append(name)
        if name in self.fails:
            raise StepError("The disk is full")
        if name in self.needs_person and name not in self.seen:
            self.seen.add(name)
            raise NeedsPersonError("Look at it")
        if name in self.waits:
            await self.waits[name].wait()
        async with self.platform.database.write() as uow:
            row = await uow.session.get_one(DeploymentRow, context.text("deployment_id"))
            row.state = "live"

    async def release(self, context: StepContext) -> None:
        name = context.text("name")
        if name in self.needs_person:
            return  # it is tried again where it is
        if name in self.clings:
            raise StepError("The engine is away")
        self.removed.append(name)
        async with self.platform.database.write() as uow:
            await repository.delete_(uow, context.text("deployment_id"))


@dataclass
class Room:
    """A project, and a client of the API that acts for its owner."""

    platform: Platform
    guests: Guests
    works: BundleWorks
    deployments: Deployments
    http: httpx.AsyncClient

    @asynccontextmanager
    async def worker(self) -> AsyncIterator[None]:
        known = (
            self.works.deploy_plan,
            self.works.remove_plan,
            self.deployments.deploy_plan,
            self.deployments.remove_plan,
        )
        task = asyncio.ensure_future(
            Worker(self.platform.database, known, owner="w").run(alone=True)
        )
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def deploy(self, **asked: object) -> dict[str, Any]:
        answer = await self.http.post("/api/v1/bundles", json={"bundle": "pair", **asked})
        assert answer.status_code == 202, answer.text
        return dict(answer.json())

    async def ended(self, operation_id: str) -> OperationRow:
        async def look() -> OperationRow | None:
            async with self.platform.database.read() as uow:
                row = await durable.get(uow, operation_id)
            return row if row and durable.State(row.state).ended else None

        return await until(look)

    async def names(self) -> list[str]:
        async with self.platform.database.read() as uow:
            return sorted(await uow.session.scalars(select(DeploymentRow.name)))


async def until(look: Callable[[], Awaitable[Any]]) -> Any:  # noqa: ANN401  (whatever is looked for)
    while True:
        found = await look()
        if found:
            return found
        await asyncio.sleep(0.01)


@pytest.fixture
async def room(platform: Platform) -> AsyncIterator[Room]:
    project = await platform.project("main")
    owner = await platform.person("Ada", **{project: Role.OWNER})
    guests = Guests(platform)
    own = replace(
        platform.deployments,
        catalog=KNOWN,
        deploy_plan=Plan(
            "deployment.deploy",
            1,
            (Step("install", "Install", guests.install, guests.release, 1, 0.01),),
        ),
        remove_plan=Plan(
            "deployment.remove",
            1,
            (Step("release", "Release", guests.release, None, 1, 0.01),),
            cancellable=False,
        ),
    )
    works = plans.assemble(platform.database, platform.vault, BUNDLES, own)
    platform.services.add(own)
    platform.services.add(works)
    platform.services.add(BUNDLES)
    async with platform.api(await platform.token(owner)) as http:
        yield Room(platform, guests, works, own, http)


async def test_members_are_made_in_order_and_wired(room: Room):
    async with room.worker():
        begun = await room.deploy(name="both", inputs={"one": {"text": "hello"}})
        ended = await room.ended(begun["operation_id"])
    assert (ended.state, room.guests.began) == ("succeeded", ["both-one", "both-two"])
    shown = (await room.http.get(f"/api/v1/bundles/{begun['bundle_id']}")).json()
    assert shown["state"] == "live"
    assert [one["state"] for one in shown["members"]] == ["live", "live"]
    async with room.platform.database.read() as uow:
        rows = {row.name: row for row in await uow.session.scalars(select(DeploymentRow))}
        one, two = rows["both-one"], rows["both-two"]
        instance, other = await find(uow, one.instance_id), await find(uow, two.instance_id)
        secrets = [await room.platform.vault.all_of(uow, row.id) for row in (one, two)]
    assert instance is not None
    assert other is not None
    # The last quarter of a network is what its guests may speak to.
    assert [one.ip.packed[3] >= 192 for one in (instance, other)] == [True, False]
    assert (one.inputs["text"], two.inputs["text"]) == ("hello", str(instance.ip))
    assert secrets[0]["password"] == secrets[1]["password"]


async def test_a_secret_goes_from_vault_to_vault_and_nowhere_else(room: Room):
    secret = "hunter2-in-a-bundle"
    async with room.worker():
        begun = await room.deploy(name="both", inputs={"one": {"password": secret}})
        assert (await room.ended(begun["operation_id"])).state == "succeeded"
    async with room.platform.database.read() as uow:
        two = await uow.session.scalar(
            select(DeploymentRow).where(DeploymentRow.name == "both-two")
        )
        assert two is not None
        kept = await room.platform.vault.all_of(uow, two.id)
        written = [
            json.dumps([row.params, row.error])
            for row in await uow.session.scalars(select(OperationRow))
        ]
        written += [json.dumps(r.result) for r in await uow.session.scalars(select(StepRow))]
        written += [json.dumps(r.data) for r in await uow.session.scalars(select(EventRow))]
        written += [json.dumps(r.document) for r in await uow.session.scalars(select(BundleRow))]
        written += [json.dumps(r.inputs) for r in await uow.session.scalars(select(DeploymentRow))]
        owners = set(await uow.session.scalars(select(SecretRow.owner)))
    assert kept["password"].reveal() == secret
    assert written
    assert all(secret not in text for text in written)
    # What was asked for is forgotten once it has been passed on.
    assert begun["bundle_id"] not in owners


async def test_a_member_that_fails_takes_those_before_it_away(room: Room):
    room.guests.fails.add("both-two")
    async with room.worker():
        begun = await room.deploy(name="both")
        ended = await room.ended(begun["operation_id"])
    assert ended.state == "failed"
    assert "two could not be deployed: The disk is full" in str(ended.error)
    assert (await room.names(), room.guests.removed) == ([], ["both-two", "both-one"])
    async with room.platform.database.read() as uow:
        for table in (BundleRow, MemberRow):
            assert list(await uow.session.scalars(select(table))) == []
        owners = list(await uow.session.scalars(select(SecretRow.owner)))
    assert begun["bundle_id"] not in owners


async def test_a_member_that_needs_a_person_is_waited_for(room: Room):
    room.guests.needs_person.add("both-two")
    async with room.worker():
        begun = await room.deploy(name="both")

        async def kept() -> str | None:
            found = (await room.http.get("/api/v1/operations", params={"state": "kept"})).json()
            return found[0]["id"] if found else None

        member = await until(kept)
        async with room.platform.database.write() as uow:
            await durable.retry(uow, member, room.deployments.deploy_plan)
        ended = await room.ended(begun["operation_id"])
    assert (ended.state, room.guests.removed) == ("succeeded", [])
    log = (await room.http.get(f"/api/v1/operations/{begun['operation_id']}/log")).text
    assert "two waits for somebody: Look at it" in log
    assert await room.names() == ["both-one", "both-two"]


async def refuse(room: Room) -> None:
    async with room.platform.database.write() as uow:
        package = BUNDLES.get("pair").packages["two"].manifest.id
        setting, chosen = REFUSED_APPS, Choice([package], chosen=True)
        await put(uow, setting, chosen, by="Root", expected=0)


async def test_a_member_that_is_refused_meanwhile_stops_the_bundle_before_it_begins(room: Room):
    begun = await room.deploy(name="both")
    await refuse(room)
    async with room.worker():
        ended = await room.ended(begun["operation_id"])
    assert (ended.state, ended.error["fields"]) == ("failed", {"rule": REFUSED_APPS.name})
    assert (room.guests.began, await room.names()) == ([], [])


async def test_a_bundle_with_a_refused_member_is_not_accepted(room: Room):
    await refuse(room)
    answer = await room.http.post("/api/v1/bundles", json={"bundle": "pair"})
    assert (answer.status_code, answer.json()["code"]) == (403, "deployment.policy")


async def test_cancelling_stops_the_member_that_is_being_made(room: Room):
    room.guests.waits["both-two"] = asyncio.Event()
    async with room.worker():
        begun = await room.deploy(name="both")

        async def waits() -> bool:
            return "both-two" in room.guests.began

        await until(waits)
        path = f"/api/v1/operations/{begun['operation_id']}/cancel"
        assert (await room.http.post(path)).is_success
        assert (await room.ended(begun["operation_id"])).state == "cancelled"
    assert await room.names() == []


async def test_a_killed_worker_is_followed_by_one_that_makes_nothing_twice(room: Room):
    room.guests.waits["both-one"] = asyncio.Event()
    async with room.worker():
        begun = await room.deploy(name="both")

        async def waits() -> bool:
            return bool(room.guests.began)

        await until(waits)
    room.guests.waits["both-one"].set()
    async with room.worker():
        assert (await room.ended(begun["operation_id"])).state == "succeeded"
    assert await room.names() == ["both-one", "both-two"]
    async with room.platform.database.read() as uow:
        kinds = list(await uow.session.scalars(select(OperationRow.kind)))
    assert sorted(kinds) == ["bundle.deploy", "deployment.deploy", "deployment.deploy"]


async def test_removing_takes_members_in_reverse_and_forgives_those_that_are_gone(room: Room):
    async with room.worker():
        begun = await room.deploy(name="both")
        await room.ended(begun["operation_id"])
        path = f"/api/v1/bundles/{begun['bundle_id']}"
        first = (await room.http.get(path)).json()["members"][0]
        gone = (await room.http.delete(f"/api/v1/deployments/{first['deployment_id']}")).json()
        await room.ended(gone["operation_id"])
        assert (await room.http.get(path)).json()["members"][0]["state"] == "gone"
        removed = (await room.http.delete(path)).json()
        assert (await room.ended(removed["operation_id"])).state == "succeeded"
        assert (await room.http.get(path)).status_code == 404
    assert (await room.names(), room.guests.removed) == ([], ["both-one", "both-two"])


async def test_a_removal_that_fails_can_be_asked_for_again(room: Room):
    async with room.worker():
        begun = await room.deploy(name="both")
        await room.ended(begun["operation_id"])
        path = f"/api/v1/bundles/{begun['bundle_id']}"
        room.guests.clings.add("both-two")
        removed = (await room.http.delete(path)).json()
        assert (await room.ended(removed["operation_id"])).state == "failed"
        assert (await room.http.get(path)).json()["state"] == "remove_failed"
        room.guests.clings.clear()
        again = (await room.http.delete(path)).json()
        assert (await room.ended(again["operation_id"])).state == "succeeded"
    assert room.guests.removed == ["both-two", "both-one"]


async def test_what_does_not_fit_is_refused_before_anything_is_made(room: Room):
    asked: dict[str, Any] = {
        "inputs": {"one": {"text": 3}, "two": {"text": "mine"}, "three": {}},
        "bundle": "pair",
    }
    answer = await room.http.post("/api/v1/bundles", json=asked)
    assert (answer.status_code, answer.json()["code"]) == (422, "bundle.invalid")
    assert answer.json()["fields"].keys() == {"one.text", "two.text", "three"}
    for name in ("Both", "x" * 38):
        answer = await room.http.post("/api/v1/bundles", json={"bundle": "pair", "name": name})
        assert "name" in answer.json()["fields"], answer.text


async def test_names_that_are_taken_are_refused_and_free_ones_found(room: Room):
    async with room.worker():
        first = await room.deploy()
        await room.ended(first["operation_id"])
    answer = await room.http.post("/api/v1/bundles", json={"bundle": "pair", "name": "pair"})
    assert (answer.status_code, "name" in answer.json()["fields"]) == (422, True)
    assert (first["name"], (await room.deploy())["name"]) == ("pair", "pair-2")


async def test_while_it_is_being_made_it_cannot_be_removed(room: Room):
    begun = await room.deploy()
    answer = await room.http.delete(f"/api/v1/bundles/{begun['bundle_id']}")
    assert (answer.status_code, answer.json()["code"]) == (409, "bundle.busy")


async def test_the_catalog_tells_what_is_asked_and_what_is_wired(room: Room):
    found = (await room.http.get("/api/v1/bundle-catalog/pair")).json()
    assert [one["name"] for one in found["members"]] == ["one", "two"]
    assert found["members"][1]["wiring"] == {"text": "one.inside", "password": "one.password"}
    assert "text" not in found["members"][1]["inputs"]["properties"]
    assert (await room.http.get("/api/v1/bundle-catalog/none")).status_code == 404
