"""Projects, members and invitations."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from sqlalchemy import update
from tests.db.identity.conftest import PASSWORD, reload
from tests.factories.platform import Platform

from stead.core.authz import Actor, ForbiddenError, NotFoundError, Role
from stead.core.db import Uow
from stead.deployments import public as deployments
from stead.deployments.public import DeploymentIn
from stead.identity import accounts, limits, members, projects
from stead.identity.errors import (
    ArchivedError,
    InvalidRequestError,
    LastOwnerError,
    LinkUsedError,
    NameTakenError,
    StillUsedError,
)
from stead.identity.models import InvitationRow
from stead.identity.public import Doors
from stead.identity.rules import Resource
from stead.kit import clock
from stead.kit.secrets import Secret


@pytest.fixture
def main(ada: Actor) -> str:
    return next(iter(ada.projects))


async def member(platform: Platform, name: str, project: str, role: Role) -> Actor:
    return await platform.person(name, **{project: role})


async def invited(platform: Platform, actor: Actor, project: str, role: Role) -> str:
    async with platform.database.write() as uow:
        return (await members.invite(uow, actor, project, role)).token


async def names(platform: Platform, actor: Actor, project: str) -> dict[str, Role]:
    async with platform.database.read() as uow:
        found = await members.list_members(uow, actor, project)
    return {one.name: one.role for one in found}


async def test_an_admin_makes_a_project_and_owns_it(platform: Platform, ada: Actor):
    root = await platform.person("root", admin=True)
    async with platform.database.write() as uow:
        made = await projects.create_project(uow, root, "second")
        with pytest.raises(NameTakenError):
            await projects.create_project(uow, root, "second")
        with pytest.raises(InvalidRequestError):
            await projects.create_project(uow, root, "Not A Name")
        with pytest.raises(ForbiddenError):
            await projects.create_project(uow, ada, "third")
    assert (await reload(platform, root)).projects == {made.id: Role.OWNER}


async def test_renaming_keeps_what_is_in_it(platform: Platform, ada: Actor, main: str):
    await platform.project("other")
    async with platform.database.write() as uow:
        with pytest.raises(NameTakenError):
            await projects.rename_project(uow, ada, main, "other")
        assert (await projects.rename_project(uow, ada, main, "renamed")).id == main
        assert (await projects.rename_project(uow, ada, main, "renamed")).name == "renamed"


async def test_a_project_in_use_cannot_be_archived_and_an_archived_one_not_used(
    platform: Platform, ada: Actor, main: str
):
    async with platform.database.write() as uow:
        await limits.reserve(uow, "deployment:1", main, {Resource.INSTANCES: 1})
        with pytest.raises(StillUsedError, match="still uses 1 instances"):
            await projects.archive_project(uow, ada, main)
        await limits.release(uow, "deployment:1")
        await projects.archive_project(uow, ada, main)
        await projects.archive_project(uow, ada, main)
        asked = DeploymentIn(app="redis", name="cache", project="main")
        with pytest.raises(NotFoundError):
            await deployments.create(uow, ada, platform.deployments, asked)
        with pytest.raises(ArchivedError):
            await limits.reserve(uow, "deployment:2", main, {Resource.INSTANCES: 1})
        with pytest.raises(ArchivedError):
            await members.invite(uow, ada, main, Role.VIEWER)
        await projects.restore_project(uow, ada, main)
        assert await deployments.create(uow, ada, platform.deployments, asked)


async def test_an_invitation_makes_a_member_once(platform: Platform, ada: Actor, main: str):
    token = await invited(platform, ada, main, Role.DEVELOPER)
    bob, eve = await platform.person("bob"), await platform.person("eve")
    async with platform.database.write() as uow:
        shown = await members.find_invitation(uow, token)
        assert shown is not None
        assert (shown.project, shown.invited_by) == ("main", "ada")
        await members.accept_invitation(uow, bob.user_id, token)
        with pytest.raises(LinkUsedError):
            await members.accept_invitation(uow, eve.user_id, token)
    assert await names(platform, ada, main) == {"ada": Role.OWNER, "bob": Role.DEVELOPER}


async def test_two_who_use_an_invitation_at_once_do_not_both_get_in(
    platform: Platform, ada: Actor, main: str
):
    token = await invited(platform, ada, main, Role.VIEWER)
    people = [await platform.person(name) for name in ("bob", "eve")]

    async def accept(person: Actor) -> None:
        async with platform.database.write() as uow:
            await members.accept_invitation(uow, person.user_id, token)

    got = await asyncio.gather(*map(accept, people), return_exceptions=True)
    assert [type(one) for one in got].count(LinkUsedError) == 1
    assert len(await names(platform, ada, main)) == 2


async def test_an_invitation_takes_no_higher_role_away(platform: Platform, ada: Actor, main: str):
    token = await invited(platform, ada, main, Role.VIEWER)
    async with platform.database.write() as uow:
        await members.accept_invitation(uow, ada.user_id, token)
    assert await names(platform, ada, main) == {"ada": Role.OWNER}


async def test_old_withdrawn_and_invented_invitations_are_refused(
    platform: Platform, ada: Actor, main: str
):
    old = await invited(platform, ada, main, Role.VIEWER)
    async with platform.database.write() as uow:
        await uow.session.execute(update(InvitationRow).values(expires_at=clock.utc_now()))
    withdrawn = await invited(platform, ada, main, Role.VIEWER)
    async with platform.database.write() as uow:
        (listed,) = await members.list_invitations(uow, ada, main)
        await members.withdraw_invitation(uow, ada, main, listed.id)
        with pytest.raises(NotFoundError):
            await members.withdraw_invitation(uow, ada, main, listed.id)
        for token in (old, withdrawn, "sti_invented", ""):
            with pytest.raises(LinkUsedError):
                await members.accept_invitation(uow, ada.user_id, token)


async def test_joining_makes_account_and_member_or_neither(
    platform: Platform, doors: Doors, ada: Actor, main: str
):
    token = await invited(platform, ada, main, Role.DEVELOPER)
    for name, password, error in (
        ("ada", PASSWORD, NameTakenError),
        ("Not A Name", PASSWORD, InvalidRequestError),
        ("bob", "short", InvalidRequestError),
    ):
        with pytest.raises(error):
            await accounts.join(platform.database, doors, token, name, Secret(password))
    await accounts.join(platform.database, doors, token, "bob", Secret(PASSWORD))
    with pytest.raises(LinkUsedError):
        await accounts.join(platform.database, doors, token, "eve", Secret(PASSWORD))
    assert set(await names(platform, ada, main)) == {"ada", "bob"}


async def test_nobody_gives_or_takes_a_role_above_their_own(
    platform: Platform, ada: Actor, main: str
):
    max_ = await member(platform, "max", main, Role.MAINTAINER)
    dev = await member(platform, "dev", main, Role.DEVELOPER)
    async with platform.database.write() as uow:
        await members.set_role(uow, max_, main, dev.user_id, Role.MAINTAINER)
        for refused in (
            members.set_role(uow, max_, main, dev.user_id, Role.OWNER),
            members.set_role(uow, max_, main, ada.user_id, Role.VIEWER),
            members.remove_member(uow, max_, main, ada.user_id),
            members.invite(uow, max_, main, Role.OWNER),
        ):
            with pytest.raises(ForbiddenError):
                await refused


async def test_only_an_admin_makes_members_without_asking_them(
    platform: Platform, ada: Actor, main: str
):
    bob = await platform.person("bob")
    root = await platform.person("root", admin=True)
    async with platform.database.write() as uow:
        with pytest.raises(NotFoundError):
            await members.set_role(uow, ada, main, bob.user_id, Role.VIEWER)
        await members.set_role(uow, root, main, bob.user_id, Role.VIEWER)
    assert "bob" in await names(platform, ada, main)


Leaving = Callable[[Uow, Actor, str], Awaitable[None]]


@pytest.mark.parametrize(
    "leaving",
    [
        members.leave,
        lambda uow, ada, main: members.remove_member(uow, ada, main, ada.user_id),
        lambda uow, ada, main: members.set_role(uow, ada, main, ada.user_id, Role.VIEWER),
    ],
)
async def test_the_last_owner_stays(platform: Platform, ada: Actor, main: str, leaving: Leaving):
    async with platform.database.write() as uow:
        with pytest.raises(LastOwnerError):
            await leaving(uow, ada, main)
    await member(platform, "bob", main, Role.OWNER)
    async with platform.database.write() as uow:
        await leaving(uow, ada, main)


async def test_what_somebody_promised_ends_with_their_power_to_promise_it(
    platform: Platform, ada: Actor, main: str
):
    bob = await member(platform, "bob", main, Role.OWNER)
    token = await invited(platform, bob, main, Role.OWNER)
    async with platform.database.write() as uow:
        await members.remove_member(uow, ada, main, bob.user_id)
        assert await members.find_invitation(uow, token) is None


async def test_somebody_who_was_removed_is_out_at_once(platform: Platform, ada: Actor, main: str):
    bob = await member(platform, "bob", main, Role.DEVELOPER)
    token = await platform.token(bob)
    async with platform.api(token) as api:
        assert (await api.get(f"/api/v1/projects/{main}")).status_code == 200
        async with platform.database.write() as uow:
            await members.remove_member(uow, ada, main, bob.user_id)
        assert (await api.get(f"/api/v1/projects/{main}")).status_code == 404
