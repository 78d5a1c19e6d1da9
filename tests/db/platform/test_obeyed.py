"""Every platform setting does what it says, from the moment it is changed."""

import asyncio
from datetime import timedelta
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from sqlalchemy import select, update
from tests.factories.platform import Platform

from stead.core import durable, outbound, pki
from stead.core.authz import Actor, Role
from stead.core.durable import Limit, limits as places
from stead.core.outbound.settings import ALLOWED, ANSWER_KB, SECONDS
from stead.core.platform_settings import AnySetting
from stead.deployments import public as deployments
from stead.deployments.errors import PolicyError
from stead.deployments.public import DeploymentIn
from stead.deployments.settings import LARGEST_SIZE, REFUSED_APPS
from stead.exposure import public as exposure, repository, service
from stead.exposure.models import CertificateRow
from stead.exposure.public import RouteRequest
from stead.exposure.settings import APPS_BELOW, CERTIFICATE_DAYS
from stead.identity import (
    accounts,
    limits,
    lockout,
    members,
    projects,
    public as identity,
    sessions,
    settings as who,
)
from stead.identity.errors import InvalidRequestError, TooManyAttemptsError
from stead.identity.models import SessionRow, SignInLinkRow
from stead.identity.rules import Resource
from stead.instances import public as instances
from stead.kit import clock
from stead.kit.secrets import Secret
from stead.network import public as network
from stead.network.settings import RESERVED
from stead.operations import workflows
from stead.operations.settings import KEEP_DAYS, PER_NODE, PER_TEMPLATE
from stead.platform import settings
from stead.platform.errors import SettingInvalidError


@pytest.fixture
async def root(platform: Platform) -> Actor:
    project = await platform.project("main")
    return await platform.admin("root", **{project: Role.OWNER})


async def choose(platform: Platform, root: Actor, setting: AnySetting, value: object) -> None:
    async with platform.database.write() as uow:
        now = await settings.get_state(uow, root, setting.name)
        await settings.set_(uow, root, setting.name, value, now.version)


async def session(platform: Platform, person: Actor) -> str:
    async with platform.database.write() as uow:
        return await sessions.open_session(uow, person.user_id, sessions.Client())


async def works(platform: Platform, token: str) -> bool:
    async with platform.database.read() as uow:
        return await identity.find_actor_by_session(uow, token) is not None


async def aged(platform: Platform, **columns: timedelta) -> None:
    values = {name: clock.utc_now() - by for name, by in columns.items()}
    async with platform.database.write() as uow:
        await uow.session.execute(update(SessionRow).values(**values))


async def test_idle_sessions_end(platform: Platform, root: Actor):
    token = await session(platform, root)
    await aged(platform, seen_at=timedelta(minutes=30))
    assert await works(platform, token)
    await choose(platform, root, who.SESSION_IDLE, 20)
    assert not await works(platform, token)


async def test_sessions_end_after_the_longest_time(platform: Platform, root: Actor):
    token = await session(platform, root)
    await aged(platform, created_at=timedelta(hours=3))
    assert await works(platform, token)
    await choose(platform, root, who.SESSION_LONGEST, 2)
    assert not await works(platform, token)
    await choose(platform, root, who.SESSION_LONGEST, 100)
    await session(platform, root)
    async with platform.database.read() as uow:
        newest = max(await uow.session.scalars(select(SessionRow.expires_at)))
    assert newest > clock.utc_now() + timedelta(hours=99)


async def test_links_live_as_long_as_they_shall(platform: Platform, root: Actor):
    await choose(platform, root, who.LINK_LIFE, 5)
    await choose(platform, root, who.RESET_LIFE, 48)
    async with platform.database.write() as uow:
        await sessions.issue_link(uow, root.user_id)
        await sessions.issue_link(uow, root.user_id, sessions.RESET)
        found = {
            row.purpose: row.expires_at for row in await uow.session.scalars(select(SignInLinkRow))
        }
    now = clock.utc_now()
    assert found[sessions.SIGN_IN] < now + timedelta(minutes=6)
    assert now + timedelta(hours=47) < found[sessions.RESET] < now + timedelta(hours=49)


async def test_passwords_are_as_long_as_they_shall(platform: Platform, root: Actor):
    await choose(platform, root, who.PASSWORD_SHORTEST, 30)
    with pytest.raises(InvalidRequestError) as short:
        await accounts.check_password(platform.database, Secret("correct horse battery"), "ada")
    assert "30 characters" in short.value.fields["password"]


async def test_attempts_are_counted_and_slowed_down(platform: Platform, root: Actor):
    await choose(platform, root, who.LOCKOUT_ATTEMPTS, 2)
    await choose(platform, root, who.LOCKOUT_LONGEST, 1)
    for _ in range(2):
        await lockout.admit(platform.database, "ada", "203.0.113.1")
    with pytest.raises(TooManyAttemptsError) as locked:
        await lockout.admit(platform.database, "ada", "203.0.113.1")
    assert (locked.value.retry_seconds or 0) <= 60


async def test_tokens_end_in_time(platform: Platform, root: Actor):
    await choose(platform, root, who.TOKEN_LONGEST, 30)
    async with platform.database.write() as uow:
        usual = await identity.issue(uow, root, identity.TokenRequest("x"))
        with pytest.raises(InvalidRequestError):
            await identity.issue(uow, root, identity.TokenRequest("y", days=31))
    assert usual.token.expires_at is not None
    assert usual.token.expires_at < clock.utc_now() + timedelta(days=31)


async def test_invitations_end_in_time(platform: Platform, root: Actor):
    project = next(iter(root.projects))
    await choose(platform, root, who.INVITATION_DAYS, 20)
    async with platform.database.write() as uow:
        usual = (await members.invite(uow, root, project, Role.VIEWER)).invitation
    assert usual.expires_at > clock.utc_now() + timedelta(days=19)
    await choose(platform, root, who.INVITATION_LONGEST, 3)
    async with platform.database.write() as uow:
        short = (await members.invite(uow, root, project, Role.VIEWER)).invitation
        with pytest.raises(InvalidRequestError):
            await members.invite(uow, root, project, Role.VIEWER, days=4)
    assert short.expires_at < clock.utc_now() + timedelta(days=4)


async def test_new_projects_begin_with_limits(platform: Platform, root: Actor):
    await choose(platform, root, who.PROJECT_LIMITS[Resource.CORES], 8)
    async with platform.database.write() as uow:
        made = await projects.create_project(uow, root, "second")
        use = await limits.list_use(uow, root, made.id)
    assert {one.resource: one.limit for one in use}[Resource.CORES] == 8
    assert {one.resource: one.limit for one in use}[Resource.ROUTES] is None


async def test_reserved_networks_are_never_given(platform: Platform, root: Actor):
    await choose(platform, root, RESERVED, "10.90.0.0/23")
    async with platform.database.write() as uow:
        await deployments.create(uow, root, platform.deployments, DeploymentIn(app="redis"))
        (given,) = await network.list_networks(uow)
    assert str(given.cidr) == "10.90.2.0/24"


@pytest.mark.parametrize(("setting", "value"), [(REFUSED_APPS, "redis"), (LARGEST_SIZE, "small")])
async def test_what_may_not_be_deployed_is_refused_with_the_rule(
    platform: Platform, root: Actor, setting: AnySetting, value: str
):
    await choose(platform, root, setting, value)
    asked = DeploymentIn(app="redis", size=instances.Size.MEDIUM)
    async with platform.database.write() as uow:
        with pytest.raises(PolicyError) as refused:
            await deployments.create(uow, root, platform.deployments, asked)
    assert setting.name in " ".join(refused.value.fields.values())


async def deployed(platform: Platform, root: Actor, name: str) -> str:
    """Deploy an app and return its address."""
    async with platform.database.write() as uow:
        asked = DeploymentIn(app="static-site", name=name)
        made = await deployments.create(uow, root, platform.deployments, asked)
        (route,) = await exposure.list_routes(uow, made.deployment_id)
        return route.host


async def test_new_apps_move_below_another_name_and_those_that_run_stay(
    platform: Platform, root: Actor
):
    assert await deployed(platform, root, "one") == "one.apps.stead.localhost"
    await choose(platform, root, APPS_BELOW, "lab.tenants")
    assert await deployed(platform, root, "two") == "two.lab.tenants.stead.localhost"
    async with platform.database.read() as uow:
        hosts = await exposure.list_hosts(uow, "one.")
    assert hosts == {"one.apps.stead.localhost"}


@pytest.mark.parametrize("name", ["console", "apps.console", "", "evil/../x"])
async def test_apps_never_get_the_consoles_own_name(platform: Platform, root: Actor, name: str):
    with pytest.raises(SettingInvalidError):
        await choose(platform, root, APPS_BELOW, name)


async def certificate(platform: Platform, authority: pki.Authority, host: str) -> int:
    """Publish a route, and return for how many days its certificate is good."""
    async with platform.database.write() as uow:
        request = RouteRequest("web", "http", host, IPv4Address("10.90.0.9"), 80)
        await exposure.reserve(uow, host[:20], [request], range(0))
        await exposure.publish(uow, platform.vault, authority, host[:20])
        row = await repository.find_certificate(uow, host)
        assert row is not None
        found = x509.load_pem_x509_certificate(row.chain.encode())
        return (found.not_valid_after_utc - clock.utc_now()).days + 1


async def test_certificates_live_as_long_as_they_shall_and_none_ends_before_its_renewal(
    platform: Platform, root: Actor, tmp_path: Path
):
    pki.ensure_root(tmp_path, "stead.localhost", IPv4Network("10.90.0.0/16"))
    authority = pki.load(tmp_path)

    async def renewed(after: timedelta) -> int:
        async with platform.database.write() as uow:
            issued = clock.utc_now() - after
            await uow.session.execute(update(CertificateRow).values(issued_at=issued))
            return await service.renew(uow, platform.vault, authority, 9)

    assert await certificate(platform, authority, "a.apps.stead.localhost") == 90
    await choose(platform, root, CERTIFICATE_DAYS, 9)
    assert await certificate(platform, authority, "b.apps.stead.localhost") == 9
    assert await renewed(timedelta(days=5)) == 0
    assert await renewed(timedelta(days=7)) == 2, "longer ones are judged as if they were new"
    await choose(platform, root, CERTIFICATE_DAYS, 300)
    assert await renewed(timedelta(days=7)) == 2, "shorter ones do not wait for a longer life"


async def test_operations_are_kept_as_long_as_they_shall(platform: Platform, root: Actor):
    await choose(platform, root, KEEP_DAYS, 7)
    plan = workflows.purge_plan(platform.database)
    async with platform.database.write() as uow:
        asked = await workflows.purge_schedule(plan).submit(uow, "tonight")
        found = await durable.get(uow, asked)
    assert found is not None
    assert found.params == {"days": 7}


async def test_so_many_work_on_a_node_or_copy_a_template_as_may(platform: Platform, root: Actor):
    for setting in (PER_NODE, PER_TEMPLATE):
        await choose(platform, root, setting, 1)
        async with platform.database.write() as uow:
            first, second = [
                await places.take(uow, number, [Limit("somewhere", setting)]) for number in "12"
            ]
            await places.release(uow, "1")
        assert (first, second) == (None, Limit("somewhere", 1))


async def test_calls_to_other_servers_obey(platform: Platform, root: Actor):
    async def serve(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 3000)
        writer.close()

    client = outbound.governed(platform.database)
    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        with pytest.raises(outbound.OutboundRefusedError):
            await client.fetch("GET", url)
        await choose(platform, root, ALLOWED, "127.0.0.1")
        assert len((await client.fetch("GET", url)).body) == 3000
        await choose(platform, root, ANSWER_KB, 1)
        with pytest.raises(outbound.OutboundTooLargeError):
            await client.fetch("GET", url)
    await choose(platform, root, SECONDS, 3)
    assert (await client.policy()).limits.seconds == 3


def test_every_setting_is_tried_here():
    tried: set[Any] = {
        *(who.SESSION_IDLE, who.SESSION_LONGEST, who.LINK_LIFE, who.RESET_LIFE),
        *(who.PASSWORD_SHORTEST, who.LOCKOUT_ATTEMPTS, who.LOCKOUT_LONGEST),
        *(who.TOKEN_LONGEST, who.INVITATION_LONGEST, who.INVITATION_DAYS),
        *(RESERVED, REFUSED_APPS, LARGEST_SIZE, KEEP_DAYS, ALLOWED, ANSWER_KB, SECONDS),
        *(APPS_BELOW, CERTIFICATE_DAYS, PER_NODE, PER_TEMPLATE),
        *who.PROJECT_LIMITS.values(),
    }
    assert {one.name for one in tried} == set(settings.DECLARED)
