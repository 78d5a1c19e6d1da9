"""What a token may do: its scopes, its project, its time, its offspring."""

from datetime import timedelta

import pytest
from tests.factories.platform import Platform

from stead.core.authz import Actor, NotFoundError, Role
from stead.identity import public as identity
from stead.identity.errors import InvalidRequestError, ScopeTooWideError
from stead.identity.models import ApiTokenRow
from stead.kit import clock


@pytest.fixture
async def ada(platform: Platform) -> Actor:
    main, other = await platform.project("main"), await platform.project("other")
    return await platform.person("Ada", **{main: Role.OWNER, other: Role.OWNER})


async def bearer(platform: Platform, token: str) -> Actor:
    async with platform.database.read() as uow:
        found = await identity.find_actor_by_token(uow, token)
    assert found is not None
    return found


async def issue(platform: Platform, actor: Actor, asked: identity.TokenRequest) -> identity.Issued:
    async with platform.database.write() as uow:
        return await identity.issue(uow, actor, asked)


async def test_a_reading_token_reads_and_changes_nothing(platform: Platform, ada: Actor):
    async with platform.api(await platform.token(ada, "read")) as api:
        assert (await api.get("/api/v1/deployments")).status_code == 200
        body = {"app": "redis", "project": "main"}
        refused = await api.post("/api/v1/deployments", json=body)
        assert (refused.status_code, refused.json()["code"]) == (403, "auth.scope")
        refused = await api.post("/api/v1/tokens", json={"name": "more"})
        assert (refused.status_code, refused.json()["code"]) == (403, "auth.scope")


async def test_a_token_without_the_scope_hears_the_same_of_all_ids(platform: Platform, ada: Actor):
    async with platform.api(await platform.token(ada, "catalog.read")) as api:
        answers = {(await api.get(f"/api/v1/deployments/{one}")).text for one in ("x", "y" * 26)}
        assert (await api.get("/api/v1/catalog")).status_code == 200
    assert len(answers) == 1
    assert '"auth.scope"' in answers.pop()


async def test_a_token_of_one_project_knows_no_other(platform: Platform, ada: Actor):
    main = next(iter(ada.projects))
    token = await platform.token(ada, "admin", project=main)
    assert dict((await bearer(platform, token)).projects) == {main: Role.OWNER}
    async with platform.api(token) as api:
        body = {"app": "redis", "project": "other"}
        assert (await api.post("/api/v1/deployments", json=body)).status_code == 404


async def test_a_token_of_one_project_carries_no_platform_role(platform: Platform):
    async with platform.database.write() as uow:
        admin_id = await identity.ensure_admin(uow, "admin", "first")
        everywhere = await identity.issue_for(uow, admin_id, "all")
    admin = await bearer(platform, everywhere)
    assert admin.admin
    narrow = await platform.token(admin, "admin", project=next(iter(admin.projects)))
    assert not (await bearer(platform, narrow)).admin


async def test_the_answer_names_the_token_that_it_made(platform: Platform, ada: Actor):
    async with platform.api(await platform.token(ada)) as api:
        made = (await api.post("/api/v1/tokens", json={"name": "ci", "scopes": ["read"]})).json()
        assert made["token"].startswith(made["prefix"])
        listed = {one["id"]: one for one in (await api.get("/api/v1/tokens")).json()}
        assert listed[made["id"]]["name"] == "ci"
        assert "token" not in listed[made["id"]]
        assert (await api.delete(f"/api/v1/tokens/{made['id']}")).status_code == 204
    async with platform.api(made["token"]) as api:
        assert (await api.get("/api/v1/me")).status_code == 401


async def test_a_token_cannot_make_a_wider_or_longer_one(platform: Platform, ada: Actor):
    main = next(iter(ada.projects))
    asked = identity.TokenRequest("small", ("token.manage", "read"), main, days=2)
    small = await issue(platform, ada, asked)
    holder = await bearer(platform, small.secret)
    with pytest.raises(ScopeTooWideError) as caught:
        await issue(platform, holder, identity.TokenRequest("wide", ("read", "deploy")))
    assert "deployment.create" in caught.value.fields["scopes"]
    other = next(project for project in ada.projects if project != main)
    with pytest.raises(NotFoundError):
        await issue(platform, holder, identity.TokenRequest("far", ("read",), other))
    child = await issue(platform, holder, identity.TokenRequest("child", ("read",), days=300))
    assert (child.token.project_id, child.token.expires_at) == (main, small.token.expires_at)


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        (identity.TokenRequest("x", ("everything",)), "scopes"),
        (identity.TokenRequest("x", ()), "scopes"),
        (identity.TokenRequest(" ", ("read",)), "name"),
        (identity.TokenRequest("x" * 81, ("read",)), "name"),
        (identity.TokenRequest("x", ("read",), days=0), "days"),
        (identity.TokenRequest("x", ("read",), days=366), "days"),
    ],
)
async def test_a_token_that_makes_no_sense_is_refused(
    platform: Platform, ada: Actor, asked: identity.TokenRequest, field: str
):
    with pytest.raises(InvalidRequestError) as caught:
        await issue(platform, ada, asked)
    assert set(caught.value.fields) == {field}


async def test_using_a_token_is_remembered_but_not_written_every_time(
    platform: Platform, ada: Actor
):
    token = await platform.token(ada)
    moments = []
    for _ in range(2):
        assert await identity.recognise_token(platform.database, token) is not None
        async with platform.database.read() as uow:
            moments.append((await identity.list_tokens(uow, ada))[0].last_used_at)
    assert moments[0] is not None
    assert moments[0] == moments[1]
    async with platform.database.write() as uow:
        row = await uow.session.get(ApiTokenRow, (await identity.list_tokens(uow, ada))[0].id)
        row.last_used_at = clock.utc_now() - timedelta(hours=1)
    await identity.recognise_token(platform.database, token)
    async with platform.database.read() as uow:
        assert (await identity.list_tokens(uow, ada))[0].last_used_at > moments[1]


async def suspended(platform: Platform, actor: Actor, *scopes: str, project: str = "") -> str:
    """Return the id of a token that came back with a copy."""
    asked = identity.TokenRequest("old", scopes, project or None)
    made = await issue(platform, actor, asked)
    async with platform.database.write() as uow:
        row = await uow.session.get_one(ApiTokenRow, made.token.id)
        row.suspended_at = clock.utc_now()
    return made.token.id


async def test_a_suspended_token_says_why_it_lets_nobody_in(platform: Platform, ada: Actor):
    token = await platform.token(ada)
    async with platform.database.write() as uow:
        assert await identity.suspend_tokens(uow) == 1
    async with platform.api(token) as api:
        refused = await api.get("/api/v1/me")
    assert (refused.status_code, refused.json()["code"]) == (401, "token.suspended")
    assert "restored" in refused.json()["title"]


async def test_its_owner_allows_a_suspended_token_again_and_nobody_else(
    platform: Platform, ada: Actor
):
    old = await suspended(platform, ada, "read")
    eve = await platform.person("Eve")
    async with platform.api(await platform.token(eve, "admin")) as api:
        assert (await api.post(f"/api/v1/tokens/{old}/allow")).status_code == 404
    async with platform.api(await platform.token(ada, "admin")) as api:
        for _ in range(2):
            allowed = await api.post(f"/api/v1/tokens/{old}/allow")
            assert (allowed.status_code, allowed.json()["suspended_at"]) == (200, None)


async def test_a_token_allows_none_that_may_do_more_than_itself(platform: Platform, ada: Actor):
    main, other = ada.projects
    wide = await suspended(platform, ada, "admin")
    there = await suspended(platform, ada, "read", project=other)
    token = await platform.token(ada, "token.manage", "read", project=main)
    async with platform.api(token) as api:
        for one in (wide, there):
            refused = await api.post(f"/api/v1/tokens/{one}/allow")
            assert (refused.status_code, refused.json()["code"]) == (403, "token.scope_too_wide")
