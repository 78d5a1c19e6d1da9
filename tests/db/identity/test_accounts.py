"""People: reset links, platform roles, shutting somebody out."""

import pytest
from tests.db.identity.conftest import PASSWORD, reload
from tests.factories.platform import Platform

from stead.core.authz import Actor, ForbiddenError
from stead.identity import accounts, profile, public as identity, signing_in
from stead.identity.errors import InvalidRequestError, LastOwnerError, LinkUsedError
from stead.identity.public import Doors
from stead.identity.sessions import Client
from stead.identity.signing_in import Attempt
from stead.kit.secrets import Secret

NEW = "another horse battery"


@pytest.fixture
async def root(platform: Platform) -> Actor:
    return await platform.person("root", admin=True)


async def enters(platform: Platform, doors: Doors, password: str) -> bool:
    attempt = Attempt("ada", Secret(password), Client("203.0.113.7"))
    return (await signing_in.sign_in(platform.database, doors, attempt)).pending


async def test_a_reset_link_sets_a_password_once_and_ends_sessions(
    platform: Platform, doors: Doors, ada: Actor, root: Actor
):
    session = await platform.session(ada)
    async with platform.database.write() as uow:
        links = [await accounts.issue_reset(uow, root, ada.user_id) for _ in range(2)]
        signing_in_link = await identity.issue_link(uow, ada.user_id)
    with pytest.raises(InvalidRequestError):
        await accounts.reset_password(platform.database, doors, links[0], Secret("short"))
    await accounts.reset_password(platform.database, doors, links[0], Secret(NEW))
    # The other links were made for the same loss.
    for link in (*links, signing_in_link, "stl_invented"):
        with pytest.raises(LinkUsedError):
            await accounts.reset_password(platform.database, doors, link, Secret(NEW))
    async with platform.database.read() as uow:
        assert await identity.find_actor_by_session(uow, session) is None
        assert not await identity.link_is_open(uow, signing_in_link)
    assert not await enters(platform, doors, NEW)


async def test_a_reset_link_keeps_the_second_factor_unless_it_says_otherwise(
    platform: Platform, doors: Doors, ada: Actor, root: Actor, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("pyotp.TOTP.generate_otp", lambda _self, _step: "123456")
    async with platform.database.write() as uow:
        await profile.begin_second_factor(uow, doors, ada)
    proof = profile.Proof(Secret(PASSWORD), "123456")
    await profile.confirm_second_factor(platform.database, doors, ada, proof, Client())
    for drop, pending in ((False, True), (True, False)):
        async with platform.database.write() as uow:
            link = await accounts.issue_reset(uow, root, ada.user_id, drop_second_factor=drop)
        await accounts.reset_password(platform.database, doors, link, Secret(NEW))
        assert await enters(platform, doors, NEW) is pending


async def test_a_sign_in_link_does_not_set_a_password_and_a_reset_link_does_not_sign_in(
    platform: Platform, doors: Doors, ada: Actor, root: Actor
):
    async with platform.database.write() as uow:
        link = await identity.issue_link(uow, ada.user_id)
        reset = await accounts.issue_reset(uow, root, ada.user_id)
        assert not await identity.link_is_open(uow, reset)
    with pytest.raises(LinkUsedError):
        await accounts.reset_password(platform.database, doors, link, Secret(NEW))


async def test_changing_the_password_takes_the_current_one_and_keeps_this_session(
    platform: Platform, doors: Doors, ada: Actor
):
    tokens = [await platform.session(ada) for _ in range(2)]
    async with platform.database.read() as uow:
        here = await identity.find_actor_by_session(uow, tokens[0])
    assert here is not None

    async def change(current: str) -> None:
        await accounts.change_password(
            platform.database,
            doors,
            here,
            Secret(NEW),
            current=Secret(current),
            client=Client(),
        )

    with pytest.raises(InvalidRequestError) as caught:
        await change("wrong horse battery")
    assert set(caught.value.fields) == {"current"}
    await change(PASSWORD)
    async with platform.database.read() as uow:
        left = [await identity.find_actor_by_session(uow, one) for one in tokens]
    assert [one is not None for one in left] == [True, False]


async def test_a_token_cannot_set_the_first_password(platform: Platform):
    bob = await platform.person("bob")
    async with platform.api(await platform.token(bob)) as api:
        answer = await api.put("/api/v1/me/password", json={"password": NEW, "current": ""})
    assert answer.status_code == 403


async def test_shutting_somebody_out_ends_everything_they_hold(
    platform: Platform, ada: Actor, root: Actor
):
    session, token = await platform.session(ada), await platform.token(ada)
    async with platform.database.write() as uow:
        link = await identity.issue_link(uow, ada.user_id)
        await accounts.disable_person(uow, root, ada.user_id)
        await accounts.disable_person(uow, root, ada.user_id)
    async with platform.database.read() as uow:
        assert await identity.find_actor_by_session(uow, session) is None
        assert await identity.find_actor_by_token(uow, token) is None
        assert not await identity.link_is_open(uow, link)
    async with platform.database.write() as uow:
        await accounts.enable_person(uow, root, ada.user_id)
    assert (await reload(platform, ada)).name == "ada"


async def test_the_platform_keeps_an_admin(platform: Platform, ada: Actor, root: Actor):
    async with platform.database.write() as uow:
        for refused in (
            accounts.disable_person(uow, root, root.user_id),
            accounts.set_platform_roles(uow, root, root.user_id, {"admin": False}),
        ):
            with pytest.raises(LastOwnerError):
                await refused
        await accounts.set_platform_roles(uow, root, ada.user_id, {"admin": True})
        await accounts.set_platform_roles(uow, root, root.user_id, {"admin": False})
    assert (await reload(platform, ada)).admin
    assert not (await reload(platform, root)).admin


async def test_auditors_look_and_change_nothing(platform: Platform, ada: Actor):
    auditor = await platform.person("aud", auditor=True)
    async with platform.database.write() as uow:
        assert {one.name for one in await accounts.list_people(uow, auditor)} == {"ada", "aud"}
        with pytest.raises(ForbiddenError):
            await accounts.disable_person(uow, auditor, ada.user_id)
    async with platform.api(await platform.token(auditor)) as api:
        seen = (await api.get("/api/v1/projects")).json()
        assert [one["name"] for one in seen] == ["main"]
