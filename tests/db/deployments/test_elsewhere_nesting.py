"""Apps that run containers of their own go only where that is allowed, and are told why not."""

import html
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import select
from tests.db.infra.connected import BASE
from tests.factories.elsewhere import CLUSTER, HOSTING, House, at_work, house
from tests.factories.platform import ORIGIN, Platform
from tests.proxmox.double import Double
from tests.support.proxmox import TEMPLATE, cluster

from stead.entrypoints.client import _refusal
from stead.identity import public as identity
from stead.identity.public import COOKIE
from stead.infra.models import ClusterRow

pytestmark = pytest.mark.timeout(180)
ALLOWED = {"nesting": "yes"}
BODY = {"app": "docker", "name": "site", "cluster": CLUSTER}
REFUSED = (
    "Docker runs containers of its own, which the cluster house (Proxmox VE) does not take: "
    "its hosting does not allow containers in containers"
)


@pytest.fixture
async def double() -> AsyncIterator[Double]:
    async with cluster(speed=40) as started:
        yield started


@pytest.fixture
async def one(platform: Platform, double: Double, tmp_path: Path) -> AsyncIterator[House]:
    async with house(platform, double, tmp_path) as made:
        yield made


async def host(one: House, **more: str | bool) -> None:
    answer = await one.admin.put(f"{BASE}/{CLUSTER}/hosting", json=HOSTING | more)
    assert answer.status_code == 200, answer.text
    assert answer.json()["hosting"]["nesting"] is more.get("nesting", False)


async def nothing_happened(one: House) -> bool:
    answer = await one.admin.get("/api/v1/operations", params={"kind": "deployment.place"})
    records = await one.records()
    return not answer.json() and set(records.values()) == {0} and not one.ours()


async def test_where_it_is_not_allowed_it_is_refused_at_once_with_what_to_change(
    one: House, double: Double
):
    double.calls.clear()
    answer = await one.api.post("/api/v1/deployments", json=BODY)
    told = answer.json()
    assert (answer.status_code, told["code"]) == (409, "infra.no_nesting")
    assert told["title"] == REFUSED
    assert "stead cluster hosting house --nesting" in told["hint"]
    assert "cluster" in told["fields"]
    assert double.calls == []
    assert await nothing_happened(one)


async def test_console_and_command_line_say_the_same(one: House, platform: Platform):
    refused = await one.api.post("/api/v1/deployments", json=BODY)
    said = str(_refusal(refused))
    assert REFUSED in said
    assert "stead cluster hosting house --nesting" in said
    assert one.person is not None
    secret = await platform.session(one.person)
    cookie = f"{COOKIE}={secret}"
    async with platform.api(Cookie=cookie, Origin=ORIGIN) as browser:
        form = {"csrf": identity.csrf_token(secret), "cluster": CLUSTER, "name": "site"}
        page = await browser.post("/catalog/docker", data=form)
    assert page.status_code == 422
    text = html.unescape(page.text)
    assert REFUSED in text
    assert "stead cluster hosting house --nesting" in text


async def test_the_console_lets_an_admin_allow_it_and_take_that_back(
    one: House, platform: Platform
):
    secret = await platform.session(await platform.admin("Eve"))
    cookie = f"{COOKIE}={secret}"
    async with platform.api(Cookie=cookie, Origin=ORIGIN) as browser:
        form = {"csrf": identity.csrf_token(secret), **HOSTING}
        for more in (ALLOWED, {}):
            page = await browser.post(f"/clusters/{CLUSTER}/hosting", data=form | more)
            assert page.status_code == 303, page.text
            shown = (await browser.get(page.headers["location"])).text
            (box,) = re.findall(r'<input id="hosting-nesting"[^>]*>', shown)
            assert ("checked" in box) is bool(more)
            told = (await one.admin.get(f"{BASE}/{CLUSTER}")).json()
            assert told["hosting"]["nesting"] is bool(more)


@pytest.mark.release
@pytest.mark.parametrize("image", [str(HOSTING["image"]), TEMPLATE], ids=["archive", "clone"])
async def test_where_it_is_allowed_the_guest_may_nest_and_no_other(one: House, image: str):
    await host(one, image=image, nesting=True)
    async with at_work(one):
        answer = await one.api.post("/api/v1/deployments", json=BODY)
        done = await one.ended(answer.json()["operation_id"])
        assert done["state"] == "succeeded", done["error"]
        ((_, guest),) = one.ours().items()
        assert guest.config["features"] == "nesting=1"
        assert guest.config["unprivileged"] == 1
        plain = await one.deploy("site-2")
        await one.ended(plain["operation_id"])
        assert sorted(str(one.config.get("features")) for one in one.ours().values()) == [
            "None",
            "nesting=1",
        ]


async def test_what_was_allowed_when_it_was_asked_is_asked_again_before_the_first_effect(
    one: House, double: Double
):
    await host(one, nesting=True)
    answer = await one.api.post("/api/v1/deployments", json=BODY)
    await host(one)
    double.calls.clear()
    async with at_work(one):
        done = await one.ended(answer.json()["operation_id"])
    assert done["state"] == "failed"
    assert done["error"]["message"] == REFUSED
    assert {method for method, _, _ in double.calls} <= {"GET"}
    assert one.ours() == {}
    assert set((await one.records()).values()) == {0}


async def test_what_the_engine_cannot_is_refused_with_its_reason(one: House):
    await host(one, nesting=True)
    reason = "The token lacks VM.Allocate on /vms"
    async with one.platform.database.write() as uow:
        row = await uow.session.scalar(select(ClusterRow).where(ClusterRow.name == CLUSTER))
        assert row is not None
        row.capabilities = [{"ability": "nesting", "verdict": "no", "reason": reason}]
    answer = await one.api.post("/api/v1/deployments", json=BODY)
    assert answer.json()["code"] == "infra.no_nesting"
    assert answer.json()["title"].endswith(f"house (Proxmox VE) does not take: {reason}")
    assert await nothing_happened(one)
