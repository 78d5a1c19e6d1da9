"""Sources as admins and projects see them: nothing is offered that nobody accepted.

What is about Git rather than about the database is asked on SQLite alone.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest
from tests.db.sources.conftest import Desk, RefusedError, context
from tests.support import repositories
from tests.support.repositories import package
from tests.unit.catalog.builders import SCRIPT, folder

from stead.core import durable
from stead.core.authz import Role
from stead.core.durable import StepError
from stead.core.outbound import Outbound
from stead.sources import git, plans, workflows
from stead.sources.service import Sources


async def test_packages_are_offered_once_accepted_to_projects_that_chose_the_source(desk: Desk):
    first = desk.repo.commit(package())
    await desk.add()
    assert await desk.offered(desk.admin) == {}, "nobody accepted it"
    with pytest.raises(RefusedError, match="not_accepted"):
        await desk.use()
    assert await desk.accept() == first
    assert await desk.offered() == {}, "the project did not choose it"
    await desk.use()
    assert (await desk.offered())["demo"]["source"] == "ours"
    other = await desk.platform.person("Eve", **{await desk.platform.project("other"): Role.OWNER})
    assert await desk.offered(other) == {}
    with pytest.raises(RefusedError) as refused:
        await desk.ask("GET", "/catalog/demo", other)
    assert refused.value.status == 404
    await desk.ask("DELETE", f"/projects/{desk.project}/sources/ours", desk.owner)
    await desk.shelf.renew()
    assert await desk.offered() == {}


@pytest.mark.sqlite
async def test_it_is_deployed_by_members_of_those_projects_alone(desk: Desk):
    desk.repo.commit(package())
    await desk.add()
    await desk.accept()
    body = {"app": "demo", "name": "mine", "project": "main"}
    with pytest.raises(RefusedError, match="package_unknown"):
        await desk.ask("POST", "/deployments", desk.owner, **body)
    await desk.use()
    await desk.ask("POST", "/deployments", desk.owner, **body)
    found = await desk.ask("GET", "/sources/ours")
    assert [(one["what"], one["package"]) for one in found["uses"]] == [
        ("deployment mine", "demo")
    ]
    digest = (await desk.offered())["demo"]["digest"]
    assert desk.platform.blobs.find(digest) is not None, "agents fetch it by its digest"


async def test_a_moved_branch_changes_nothing_until_its_difference_is_accepted(desk: Desk):
    first = desk.repo.commit(package())
    await desk.add()
    await desk.accept()
    await desk.use()
    before = (await desk.offered())["demo"]
    desk.repo.write({**package(version="2.0.0"), **package("more")})
    second = desk.repo.commit({"demo/install.sh": f"{SCRIPT}echo new\n"})
    assert (await desk.look())["proposed"] == ["ours"]
    assert (await desk.offered())["demo"] == before
    proposal = await desk.ask("GET", "/sources/ours/proposal")
    assert (proposal["accepted"], proposal["revision"]) == (first, second)
    changed = {one["name"]: one for one in proposal["packages"]}
    assert {name: one["change"] for name, one in changed.items()} == {
        "demo": "changed",
        "more": "added",
    }
    assert (changed["demo"]["before"], changed["demo"]["after"]) == ("1.0.0", "2.0.0")
    lines = {one["name"]: one["lines"] for one in changed["demo"]["files"]}
    assert "+echo new" in lines["install.sh"]
    await desk.accept()
    assert {one["version"] for one in (await desk.offered()).values()} == {"1.0.0", "2.0.0"}


@pytest.mark.sqlite
async def test_what_was_refused_is_not_proposed_again(desk: Desk):
    desk.repo.commit(package())
    await desk.add()
    first = await desk.accept()
    bad = desk.repo.commit(package(version="2.0.0"))
    await desk.look()
    for _ in range(2):
        await desk.ask("POST", "/sources/ours/refuse", revision=bad)
    assert (await desk.look())["proposed"] == []
    with pytest.raises(RefusedError, match="proposal_changed"):
        await desk.ask("GET", "/sources/ours/proposal")
    with pytest.raises(RefusedError, match="proposal_changed"):
        await desk.ask("POST", "/sources/ours/refuse", revision=first)


@pytest.mark.sqlite
async def test_only_what_was_looked_at_can_be_accepted_and_earlier_ones_gone_back_to(desk: Desk):
    desk.repo.commit(package())
    await desk.add()
    first = await desk.accept()
    with pytest.raises(RefusedError, match="proposal_changed"):
        await desk.ask("POST", "/sources/ours/accept", revision="0" * 40)
    desk.repo.commit(package(version="2.0.0"))
    await desk.look()
    await desk.accept()
    await desk.use()
    assert (await desk.offered())["demo"]["version"] == "2.0.0"
    await desk.ask("POST", "/sources/ours/accept", revision=first)
    await desk.shelf.renew()
    assert (await desk.offered())["demo"]["version"] == "1.0.0"


@pytest.mark.sqlite
async def test_a_version_never_means_something_else(desk: Desk):
    desk.repo.commit({**package(), **package("other")})
    await desk.add()
    await desk.accept()
    await desk.use()
    desk.repo.commit({"demo/install.sh": "#!/bin/bash\nset -euo pipefail\nevil\n"})
    await desk.look()
    proposal = await desk.ask("GET", "/sources/ours/proposal")
    (told,) = [one["problems"] for one in proposal["packages"] if one["problems"]]
    assert "version 1.0.0 was something else before" in told[0]
    await desk.accept()
    assert list(await desk.offered()) == ["other"], "broken, and hides no other"
    broken = (await desk.ask("GET", "/sources/ours"))["offered"][0]
    assert (broken["name"], len(broken["problems"])) == ("demo", 1)


@pytest.mark.sqlite
async def test_a_broken_package_shows_its_errors_and_hides_no_other(desk: Desk):
    desk.repo.commit({**package(), "odd/manifest.yml": "id: odd\n"})
    await desk.add()
    await desk.accept()
    await desk.use()
    assert list(await desk.offered()) == ["demo"]
    found = (await desk.ask("GET", "/sources/ours"))["offered"]
    assert [(one["name"], bool(one["problems"])) for one in found] == [
        ("demo", False),
        ("odd", True),
    ]
    told = await desk.ask("GET", "/catalog/broken")
    assert [one["folder"] for one in told] == ["odd"]


async def test_of_one_name_the_servers_own_counts_then_whoever_had_it_first(desk: Desk):
    desk.repo.commit({**package(), **package("redis")})
    await desk.add("first")
    await desk.accept("first")
    second = repositories.create(desk.repo.folder.parent / f"{desk.repo.folder.name}b")
    desk.repo = second
    second.commit({**package(version="9.9.9"), **package("more")})
    await desk.add("another")
    await desk.accept("another")
    await desk.use("first")
    await desk.use("another")
    offered = await desk.offered()
    assert {name: app["source"] for name, app in offered.items()} == {
        "demo": "first",
        "more": "another",
    }
    shown = {
        one["name"]: one["held_by"]
        for name in ("first", "another")
        for one in (await desk.ask("GET", f"/sources/{name}"))["offered"]
        if one["held_by"]
    }
    assert shown == {"redis": "this server", "demo": "first"}
    assert (await desk.ask("GET", "/catalog/redis", desk.owner))["source"] is None


@pytest.mark.sqlite
async def test_unsigned_commits_are_not_even_proposed_where_signatures_are_demanded(
    desk: Desk, tmp_path: Path
):
    key, line = repositories.key(tmp_path, "ada")
    desk.repo.commit(package())
    await desk.add(signers=[line])
    found = await desk.ask("GET", "/sources/ours")
    assert (found["proposed"], found["signed"]) == (None, True)
    assert "None of the source's keys signed" in found["problem"]
    good = desk.repo.commit(key=key)
    await desk.look()
    found = await desk.ask("GET", "/sources/ours")
    assert (found["proposed"], found["problem"]) == (good, None)
    assert (await desk.ask("GET", "/sources/ours/proposal"))["signer"] == "ada"


@pytest.mark.sqlite
async def test_a_source_that_cannot_be_read_says_why_and_offers_what_it_did(desk: Desk):
    desk.repo.commit(package())
    await desk.add()
    await desk.accept()
    await desk.use()
    (desk.repo.folder / ".git").rename(desk.repo.folder / "gone")
    assert (await desk.look())["failed"] == 1
    assert "did not give us main" in (await desk.ask("GET", "/sources/ours"))["problem"]
    assert list(await desk.offered()) == ["demo"]
    assert list(desk.tools.folder.iterdir()) == [], "nothing is left of a look"


@pytest.mark.sqlite
async def test_private_addresses_are_refused_unless_allowed(desk: Desk):
    strict = Outbound(doorkeeper=desk.tools.outbound.doorkeeper)
    desk.tools = replace(desk.tools, outbound=strict)
    desk.repo.commit(package())
    before = len(desk.hub.asked)
    await desk.add()
    assert "is not on the internet" in (await desk.ask("GET", "/sources/ours"))["problem"]
    assert len(desk.hub.asked) == before, "nobody was called"


async def test_a_source_that_something_came_from_goes_only_when_that_is_said(desk: Desk):
    desk.repo.commit(package())
    await desk.add()
    await desk.accept()
    await desk.use()
    body = {"app": "demo", "name": "mine", "project": "main"}
    await desk.ask("POST", "/deployments", desk.owner, **body)
    with pytest.raises(RefusedError, match="deployment mine came from ours"):
        await desk.ask("DELETE", "/sources/ours")
    await desk.ask("DELETE", "/sources/ours?forget=true")
    await desk.shelf.renew()
    assert await desk.offered(desk.admin) == {}
    (left,) = await desk.ask("GET", "/deployments", desk.owner)
    assert left["name"] == "mine"
    with pytest.raises(RefusedError, match="not_found"):
        await desk.ask("GET", "/sources/ours")


@pytest.mark.sqlite
async def test_another_process_offers_the_same_from_database_and_blobs_alone(desk: Desk):
    desk.repo.commit(package())
    await desk.add()
    await desk.accept()
    await desk.use()
    live = desk.platform.services.get(Sources).catalog
    live.packages, desk.shelf._read = {}, {}
    await desk.shelf.renew()
    assert list(await desk.offered()) == ["demo"]


@pytest.mark.sqlite
async def test_a_token_and_a_key_stay_in_the_vault(desk: Desk, monkeypatch: pytest.MonkeyPatch):
    made = await desk.ask(
        "POST", "/sources", name="theirs", url=desk.hub.url("x"), token="ada:hunter2hunter2"
    )
    assert "hunter2" not in str(made) + str(await desk.ask("GET", "/sources/theirs"))
    calls: list[tuple[list[str], dict[str, str]]] = []
    original = git.process.pipe

    async def pipe(command: list[str], **more: object) -> object:
        environment = more["environment"]
        assert isinstance(environment, dict)
        calls.append((command, environment))
        return await original(command, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(git.process, "pipe", pipe)
    await desk.look()
    encoded = "YWRhOmh1bnRlcjJodW50ZXIy"
    assert any(encoded in "".join(given.values()) for _, given in calls), "the server is told it"
    assert all(encoded not in "".join(command) for command, _ in calls), "lists of processes not"


@pytest.mark.sqlite
async def test_ssh_sources_get_a_key_of_their_own_whose_public_half_is_shown(desk: Desk):
    line = repositories.key(desk.tools.folder.parent, "host")[1]
    made = await desk.ask(
        "POST", "/sources", name="theirs", url="git@git.example.org:x", host_keys=[line]
    )
    assert made["source"]["public_key"].startswith("ssh-ed25519 AAAA")
    assert made["source"]["url"] == "ssh://git@git.example.org/x"


@pytest.mark.sqlite
async def test_members_neither_add_nor_decide(desk: Desk):
    desk.repo.commit(package())
    await desk.add()
    for method, path in (
        ("POST", "/sources"),
        ("POST", "/sources/ours/accept"),
        ("POST", "/sources/refresh"),
        ("DELETE", "/sources/ours"),
        ("GET", "/sources"),
    ):
        with pytest.raises(RefusedError, match=r"auth\.forbidden"):
            await desk.ask(method, path, desk.owner, name="x", url="https://a.example/x")


async def until(what: str, look: Callable[[], Awaitable[object]]) -> None:
    """Wait until something is so; fail when it is not within half a minute."""
    try:
        async with asyncio.timeout(25):
            while not await look():  # noqa: ASYNC110  (who fills a catalog tells nobody)
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise AssertionError(f"waited for: {what}") from None


async def test_a_running_server_follows_decisions_folders_and_hangups(desk: Desk, tmp_path: Path):
    desk.repo.commit(package())
    await desk.add()
    proposal = await desk.ask("GET", "/sources/ours/proposal")
    sources = desk.platform.services.get(Sources)
    database = desk.platform.database
    desk.shelf.folders = (tmp_path / "own", *desk.shelf.folders)
    async with asyncio.TaskGroup() as group:
        running = [
            group.create_task(desk.shelf.run()),
            group.create_task(plans.obey_hangups(database, sources)),
        ]
        await desk.ask("POST", "/sources/ours/accept", revision=proposal["revision"])
        await desk.ask("PUT", f"/projects/{desk.project}/sources/ours", desk.owner)
        await until("what was accepted", desk.offered)
        folder(tmp_path / "own", "local")
        database.bus.publish(plans.HANGUP)

        async def has_local() -> bool:
            return "local" in sources.catalog.packages

        await until("the new package of a folder", has_local)
        asked = await desk.ask("GET", "/operations", desk.admin)
        assert [one["requested_by"] for one in asked if one["requested_by"] == "SIGHUP"]
        for task in running:
            task.cancel()


@pytest.mark.sqlite
async def test_the_schedule_queues_one_look_for_all_sources_and_none_without(desk: Desk):
    sources = desk.platform.services.get(Sources)
    timer = workflows.refresh_schedule(sources)
    async with desk.platform.database.write() as uow:
        assert await timer.submit(uow, "first") is None
    await desk.ask("POST", "/sources", name="one", url="https://git.example.org/x")
    await desk.ask("POST", "/sources", name="two", url="https://git.example.org/y")
    async with desk.platform.database.write() as uow:
        first = await timer.submit(uow, "second")
        operation = await durable.get(uow, str(first))
        assert operation is not None
        assert len(operation.params["sources"]) == 2


@pytest.mark.sqlite
async def test_two_looks_at_the_same_commit_make_one_proposal(desk: Desk):
    desk.repo.commit(package())
    await desk.add()
    for _ in range(2):
        assert (await desk.look())["proposed"] == ["ours"]
    found = await desk.ask("GET", "/sources/ours")
    assert [one["state"] for one in found["snapshots"]] == ["open"]


@pytest.mark.sqlite
async def test_a_look_that_ends_after_its_source_went_changes_nothing(desk: Desk):
    desk.repo.commit(package())
    source_id = await desk.add()
    await desk.ask("DELETE", "/sources/ours")
    plan = workflows.refresh_plan(desk.tools)
    found = await plan.steps[0].do(context({"sources": [source_id], "strict": True}))
    assert found == {"proposed": [], "failed": 0}


@pytest.mark.sqlite
async def test_a_look_that_was_asked_for_fails_with_the_reason(desk: Desk):
    desk.repo.commit(package())
    await desk.add()
    (desk.repo.folder / ".git").rename(desk.repo.folder / "gone")
    with pytest.raises(StepError, match="did not give us main"):
        await desk.look(strict=True)
