"""What a package on a machine gives back, to whom, and how it goes when it cannot be removed."""

from pathlib import Path

import pytest
from tests.factories.machines import Desk
from tests.factories.platform import Platform

from stead.core.authz import Role

PASSWORD = "correct-horse-battery-staple"


async def test_a_generated_password_is_hidden_until_somebody_asks_and_may(desk: Desk):
    await desk.join(hostname="nas.example.org")
    path = f"/api/v1/agents/{desk.machine}/packages"
    await desk.http.post(path, json={"app": "redis"})
    shown = (await desk.http.get(f"{path}/redis")).json()
    hidden = [one for one in shown["outputs"] if one["sensitive"]]
    assert hidden
    assert all(one["value"] is None for one in hidden)
    answer = await desk.http.post(f"{path}/redis/reveal")
    assert answer.headers["cache-control"] == "no-store"
    assert all(one["value"] for one in answer.json())
    assert "password" not in shown["inputs"]


async def test_a_given_password_and_the_address_it_called_from_are_in_the_url(desk: Desk):
    await desk.join(hostname="nas.example.org", address="192.0.2.66")
    path = f"/api/v1/agents/{desk.machine}/packages"
    body = {"app": "redis", "inputs": {"password": PASSWORD}}
    await desk.http.post(path, json=body)
    revealed = (await desk.http.post(f"{path}/redis/reveal")).text
    assert PASSWORD in revealed
    assert "127.0.0.1" in revealed
    assert "192.0.2.66" not in revealed, "an agent does not say itself from where it calls"
    assert PASSWORD not in (await desk.http.get(f"{path}/redis")).text


async def test_viewers_see_no_secret_and_strangers_nothing(desk: Desk, platform: Platform):
    path = f"/api/v1/agents/{desk.machine}/packages"
    await desk.http.post(path, json={"app": "redis"})
    project = (await desk.http.get(f"/api/v1/agents/{desk.machine}")).json()["project_id"]
    viewer = await platform.person("Vi", **{project: Role.VIEWER})
    stranger = await platform.person("Eve", **{await platform.project("other"): Role.OWNER})
    seen = []
    for one in (viewer, stranger):
        async with platform.api(await platform.token(one)) as http:
            seen.append((await http.get(f"{path}/redis")).status_code)
            seen.append((await http.post(f"{path}/redis/reveal")).status_code)
    assert seen == [200, 403, 404, 404]


async def test_what_cannot_take_itself_away_is_forgotten_only_on_request(
    desk: Desk, tmp_path: Path
):
    needs = {"min_ram_mb": 16, "min_disk_mb": 16}
    desk.offer(tmp_path, "sticky", resource_requirements=needs)
    path = f"/api/v1/agents/{desk.machine}/packages/sticky"
    assert (await desk.install("sticky")).status_code == 202
    await desk.installed()
    refused = await desk.http.delete(path)
    assert refused.json()["code"] == "fleet.no_removal"
    assert "--forget" in refused.json()["hint"]
    found = (await desk.http.get(path)).json()
    assert (found["state"], found["removable"]) == ("installed", False)
    assert (await desk.http.delete(f"{path}?forget=true")).status_code == 202


@pytest.mark.parametrize("verb", ["get", "post"])
async def test_what_is_not_there_has_nothing_to_give(desk: Desk, verb: str):
    path = f"/api/v1/agents/{desk.machine}/packages/redis{'/reveal' if verb == 'post' else ''}"
    assert (await getattr(desk.http, verb)(path)).status_code == 404
