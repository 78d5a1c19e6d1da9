"""Accepting and refusing requests: everything is reserved at once, or nothing is."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from unittest.mock import Mock

import pytest
from tests.factories.databases import rows, stored
from tests.factories.durable import cancel, ended, working
from tests.factories.platform import Platform, end_operations
from tests.unit.catalog.builders import folder

from stead.catalog.errors import InvalidInputsError, UnknownPackageError, UnmetError
from stead.catalog.loader import Catalog, load_package
from stead.catalog.schemas import Manifest
from stead.core.authz import Actor, ForbiddenError, NotFoundError, Role
from stead.core.durable import KeyReusedError, Plan
from stead.core.errors import SteadError
from stead.deployments import public as deployments, workflows
from stead.deployments.models import DeploymentRow
from stead.deployments.public import (
    AcceptedOut,
    BusyError,
    DeploymentIn,
    Deployments,
    InvalidRequestError,
)
from stead.exposure.errors import HostTakenError, NoFreePortError
from stead.instances.public import NameTakenError
from stead.network.errors import NoFreeAddressError
from stead.network.models import AddressRow

REDIS = {"app": "redis", "name": "cache"}
SITE = {"app": "static-site", "name": "home"}
RESERVED = {"deployment", "instance", "address", "claim", "route", "operation", "network"}


@pytest.fixture
async def actor(platform: Platform) -> Actor:
    return await platform.person("Ada", **{await platform.project("main"): Role.DEVELOPER})


async def ask(
    platform: Platform, actor: Actor, body: Mapping[str, object], key: str | None = None
) -> AcceptedOut:
    async with platform.database.write() as uow:
        request = DeploymentIn.model_validate(body)
        return await deployments.create(uow, actor, platform.deployments, request, key)


@asynccontextmanager
async def unchanged(platform: Platform) -> AsyncIterator[None]:
    before = await rows(platform.database)
    yield
    assert await rows(platform.database) == before


async def test_a_request_reserves_everything_at_once(platform: Platform, actor: Actor):
    made = await ask(platform, actor, REDIS)
    found = await rows(platform.database)
    assert set(found) >= RESERVED
    assert {len(found[table]) for table in RESERVED} == {1}
    async with platform.database.read() as uow:
        shown = await deployments.get_(uow, actor, platform.deployments, made.deployment_id)
    assert (shown.state, shown.address, shown.routes[0].port) == ("deploying", "10.90.0.10", 20000)


async def test_a_private_service_is_told_by_its_place_in_the_project(
    platform: Platform, actor: Actor
):
    made = await ask(platform, actor, {"app": "node-exporter", "name": "figures"})
    async with platform.database.read() as uow:
        shown = await deployments.get_(uow, actor, platform.deployments, made.deployment_id)
    assert shown.routes == []
    assert [output.value for output in shown.outputs] == ["10.90.0.10:9100"]
    assert "route" not in await rows(platform.database)


async def test_the_edge_looks_after_a_service_at_its_health_path(platform: Platform, actor: Actor):
    await ask(platform, actor, {"app": "nginx", "name": "files"})
    (route,) = (await rows(platform.database))["route"]
    assert "/stead-health" in str(route)


async def test_an_app_waits_for_what_it_needs_in_the_same_project(
    platform: Platform, actor: Actor, tmp_path: Path
):
    needy = folder(tmp_path, "needy", dependencies=[{"package": "redis", "version": ">=1"}])
    packages = load_package(needy)
    known = {**platform.deployments.catalog.packages, "needy": packages}
    platform.deployments = replace(platform.deployments, catalog=Catalog(known))
    body = {"app": "needy", "name": "needy"}
    async with unchanged(platform):
        with pytest.raises(UnmetError, match="Demo needs redis in the same project"):
            await ask(platform, actor, body)
    made = await ask(platform, actor, REDIS)
    with pytest.raises(UnmetError):
        await ask(platform, actor, body)
    async with platform.database.write() as uow:
        (await uow.session.get_one(DeploymentRow, made.deployment_id)).state = "live"
    assert (await ask(platform, actor, body)).name == "needy"


CASES: list[tuple[dict[str, object], type[SteadError]]] = [
    ({**SITE, "name": "home"}, NameTakenError),
    ({**SITE, "name": "Not A Name"}, InvalidRequestError),
    ({**SITE, "name": "ends-with-"}, InvalidRequestError),
    ({"app": "nothing", "name": "x"}, UnknownPackageError),
    ({**REDIS, "inputs": {"no_such_input": 1}}, InvalidInputsError),
    ({**REDIS, "project": "elsewhere"}, NotFoundError),
]


@pytest.mark.parametrize(("body", "error"), CASES)
async def test_a_refused_request_leaves_no_row(
    platform: Platform, actor: Actor, body: dict[str, object], error: type[SteadError]
):
    await ask(platform, actor, SITE)
    async with unchanged(platform):
        with pytest.raises(error):
            await ask(platform, actor, body)


def with_manifest(platform: Platform, app: str, **changes: object) -> Deployments:
    """Return what accepts requests, with one app's manifest changed."""
    known = platform.deployments.catalog
    package = known.packages[app]
    manifest = Manifest.model_validate(package.manifest.model_dump() | changes)
    packages = {**known.packages, app: replace(package, manifest=manifest)}
    return replace(platform.deployments, catalog=replace(known, packages=packages))


@pytest.mark.parametrize("needs", [{"min_ram_mb": 513}, {"min_cores": 2}, {"min_disk_mb": 8193}])
async def test_a_size_that_is_too_small_is_refused(
    platform: Platform, actor: Actor, needs: dict[str, int]
):
    platform.deployments = with_manifest(platform, "redis", resource_requirements=needs)
    async with unchanged(platform):
        with pytest.raises(InvalidRequestError, match="at least"):
            await ask(platform, actor, {**REDIS, "size": "small"})
    assert (await ask(platform, actor, REDIS)).name == "cache", "the right size is chosen"


async def test_a_name_too_long_for_a_second_address_is_refused(platform: Platform, actor: Actor):
    services = [{"name": n, "protocol": "http", "port": 80} for n in ("web", "b" * 40)]
    platform.deployments = with_manifest(platform, "static-site", services=services)
    async with unchanged(platform):
        with pytest.raises(InvalidRequestError, match="too long"):
            await ask(platform, actor, {**SITE, "name": "a" * 23})
    await ask(platform, actor, {**SITE, "name": "a" * 22})


async def test_a_host_of_another_project_is_refused_without_a_trace(
    platform: Platform, actor: Actor
):
    other = await platform.person("Eve", **{await platform.project("other"): Role.OWNER})
    await ask(platform, other, SITE)
    async with unchanged(platform):
        with pytest.raises(HostTakenError):
            await ask(platform, actor, SITE)


async def test_a_full_network_refuses_without_a_trace(platform: Platform, actor: Actor):
    await ask(platform, actor, REDIS)
    async with platform.database.write() as uow:
        network_id = (await rows(platform.database))["network"][0][0]
        uow.session.add_all(
            AddressRow(network_id=network_id, ip=f"10.90.0.{n}", instance_id=f"i{n}", mac=f"m{n}")
            for n in range(11, 251)
        )
    async with unchanged(platform):
        with pytest.raises(NoFreeAddressError):
            await ask(platform, actor, SITE)


async def test_ports_run_out_without_a_trace(platform: Platform, actor: Actor):
    for name in ("a", "b", "c"):
        await ask(platform, actor, {**REDIS, "name": name})
    async with unchanged(platform):
        with pytest.raises(NoFreePortError):
            await ask(platform, actor, {**REDIS, "name": "d"})


async def test_a_viewer_is_refused_without_a_trace(platform: Platform, actor: Actor):
    viewer = await platform.person("Vic", **{next(iter(actor.projects)): Role.VIEWER})
    async with unchanged(platform):
        with pytest.raises(ForbiddenError):
            await ask(platform, viewer, REDIS)


async def test_a_repeated_request_gets_the_same_answer(platform: Platform, actor: Actor):
    first = await ask(platform, actor, REDIS, "key")
    async with unchanged(platform):
        assert await ask(platform, actor, REDIS, "key") == first
        with pytest.raises(KeyReusedError):
            await ask(platform, actor, {**REDIS, "name": "other"}, "key")


async def test_names_are_made_up_when_none_is_given(platform: Platform, actor: Actor):
    made = [(await ask(platform, actor, {"app": "static-site"})).name for _ in range(3)]
    assert made == ["static-site", "static-site-2", "static-site-3"]


async def test_a_made_up_name_avoids_the_hosts_of_other_projects(platform: Platform, actor: Actor):
    other = await platform.person("Eve", **{await platform.project("other"): Role.OWNER})
    await ask(platform, other, {"app": "static-site"})
    assert (await ask(platform, actor, {"app": "static-site"})).name == "static-site-2"


async def test_removing_twice_is_one_removal(platform: Platform, actor: Actor):
    made = await ask(platform, actor, REDIS)
    async with platform.database.write() as uow:
        await end_operations(uow)
    answers = []
    for _ in range(2):
        async with platform.database.write() as uow:
            answers.append(
                await deployments.remove(uow, actor, platform.deployments, made.deployment_id)
            )
    assert answers[0] == answers[1]
    assert answers[0].operation_id != made.operation_id


async def test_a_removal_that_failed_can_be_asked_for_again(platform: Platform, actor: Actor):
    made = await ask(platform, actor, REDIS)
    asked = []
    for _ in range(2):
        async with platform.database.write() as uow:
            await end_operations(uow, "undo_failed")
            asked.append(
                await deployments.remove(uow, actor, platform.deployments, made.deployment_id)
            )
    assert asked[0].operation_id != asked[1].operation_id


async def test_removing_while_deploying_says_what_to_do(platform: Platform, actor: Actor):
    made = await ask(platform, actor, REDIS)
    async with unchanged(platform):
        with pytest.raises(BusyError) as caught:
            async with platform.database.write() as uow:
                await deployments.remove(uow, actor, platform.deployments, made.deployment_id)
    assert "Cancel" in caught.value.hint


async def test_cancelled_before_it_began_a_deployment_leaves_nothing(
    platform: Platform, actor: Actor
):
    before = await rows(platform.database)
    made = await ask(platform, actor, REDIS)
    await cancel(platform.database, made.operation_id)
    async with working(platform.database, _releasing(platform)):
        assert (await ended(platform.database, made.operation_id)).state == "cancelled"
    left = await rows(platform.database)
    kept = {"operation", "operation_step", "operation_event", "network"}
    kept |= {"audit_record", "audit_head"}
    assert {table: found for table, found in left.items() if table not in kept} == before


def _releasing(platform: Platform) -> Plan:
    """Return the real plan on the real database; its engine is never reached."""
    return workflows.deploy_plan(Mock(database=platform.database, vault=platform.vault))


async def test_secrets_stay_in_the_vault(platform: Platform, actor: Actor):
    marked = "Marked-secret-4711-xyzzy"
    made = await ask(platform, actor, {**REDIS, "inputs": {"password": marked}}, "key")
    assert marked.encode() not in await stored(platform.database)
    token = await platform.token(actor)
    async with platform.api(token) as api:
        for path in (
            "/api/v1/deployments",
            f"/api/v1/deployments/{made.deployment_id}",
            "/api/v1/operations",
            f"/api/v1/operations/{made.operation_id}",
        ):
            answer = await api.get(path)
            assert answer.status_code == 200
            assert marked not in answer.text
        revealed = await api.post(f"/api/v1/deployments/{made.deployment_id}/reveal")
    assert marked in revealed.text
    assert revealed.headers["cache-control"] == "no-store"
