"""A real Incus that is not ours, connected over HTTPS: looked at, tested, taken over, let go."""

import asyncio
import hashlib
import ssl
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.conftest import STATE
from tests.db.infra.connected import BASE, at_work, ended, finding, opened, shown, surveyed, until
from tests.factories import databases
from tests.factories.platform import make_platform
from tests.support.busybox import build_busybox
from tests.support.incus import Incus, make_certificate, running_incus, why_not

from stead.core.bus import Bus
from stead.core.db import Database

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def daemon() -> Iterator[Incus]:
    reason = why_not()
    if reason:
        pytest.skip(f"containers cannot be tested: {reason}")
    with running_incus(STATE / "incus-remote", build_busybox(STATE / "busybox-remote")) as one:
        for name in ("devices.proxy", "containers.nesting"):
            one.command("project", "set", one.project, f"restricted.{name}=allow")
        place = ("--project", one.project, "--no-profiles", "--storage", one.pool)
        one.command("launch", one.image, "nested", *place, "-c", "security.nesting=true")
        listen = ("listen=tcp:0.0.0.0:28139", "connect=tcp:127.0.0.1:80")
        at = ("--project", one.project, "nested", "door", "proxy", *listen)
        one.command("config", "device", "add", *at)
        yield one


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """Return the API of a control plane at work, that knows no cluster but its own."""
    file = databases.make_template(tmp_path / "stead.db")
    database = Database(databases.sqlite_url(file), Bus())
    try:
        platform = await make_platform(database, tmp_path)
        async with opened(platform) as client, at_work(platform):
            yield client
    finally:
        await database.close()


def request(daemon: Incus, fingerprint: str) -> dict[str, Any]:
    options = {
        "url": daemon.url,
        "project": daemon.project,
        "pool": daemon.pool,
        "certificate_pem": daemon.certificate.read_text(),
        "key_pem": daemon.key.read_text(),
    }
    return {"name": "house", "engine": "incus", "options": options, "fingerprint": fingerprint}


async def connected(api: httpx.AsyncClient, daemon: Incus) -> dict[str, Any]:
    """Look at the certificate, compare it, connect; return how the first test ended."""
    place = {"engine": "incus", "options": {"url": daemon.url}}
    seen = (await api.post(f"{BASE}/probe", json=place)).json()["fingerprint"]
    shows = ssl.PEM_cert_to_DER_cert(daemon.server_certificate.read_text())
    assert seen.replace(":", "").lower() == hashlib.sha256(shows).hexdigest()
    made = await api.post(BASE, json=request(daemon, seen))
    assert made.status_code == httpx.codes.ACCEPTED, made.text
    return await ended(api, made.json()["operation_id"])


async def asked(api: httpx.AsyncClient, what: str, **body: object) -> dict[str, Any]:
    """Ask for an operation on the cluster and wait for its end."""
    answer = await api.post(f"{BASE}/house/{what}", json=body)
    return await ended(api, answer.json()["operation_id"])


def everything(daemon: Incus) -> tuple[str, ...]:
    """Return all that could have been changed on the server."""
    there = daemon.command("config", "show", "nested", "--project", daemon.project)
    project = daemon.command("project", "show", daemon.project)
    # It also lists what it does not manage, such as bridges of tests beside this one.
    listed = daemon.command("network", "list", "--format", "csv", "--columns", "nmtu")
    networks = [line for line in listed.splitlines() if ",YES," in line]
    return (there, project, str(daemon.instances()), *networks)


async def test_it_is_mapped_tested_taken_over_and_let_go_without_a_change(
    api: httpx.AsyncClient, daemon: Incus
):
    before = await asyncio.to_thread(everything, daemon)
    assert (await connected(api, daemon))["state"] == "succeeded"
    found = await surveyed(api)
    assert (found["state"], found["mode"]) == ("ok", "read_only")
    assert found["capacity"]["physical"]["cores"] > 0
    assert found["capacity"]["physical"]["disk_gb"] == 20
    guests = (await api.get(f"{BASE}/house/guests")).json()["items"]
    assert [(one["name"], one["class"]) for one in guests] == [("nested", "unknown")]
    assert {"nested", "exposed", "no_tags"} <= set(guests[0]["risks"])
    assert "nested" in (await finding(api, "exposed"))["text"]
    assert [one["name"] for one in found["checks"] if not one["ok"]] == []
    assert {one["topic"] for one in found["checks"]} >= {"version", "rights", "clock"}
    assert daemon.key.read_text().splitlines()[1] not in (await api.get(f"{BASE}/house")).text

    assert (await asked(api, "takeover"))["state"] == "succeeded"
    assert (await shown(api))["mode"] == "managed"
    assert (await api.delete(f"{BASE}/house")).status_code == httpx.codes.NO_CONTENT
    assert await asyncio.to_thread(everything, daemon) == before


async def test_a_missing_right_is_named_and_stops_the_takeover(
    api: httpx.AsyncClient, daemon: Incus
):
    setting = ("project", "set", daemon.project)
    await asyncio.to_thread(daemon.command, *setting, "restricted.snapshots=block")
    try:
        await connected(api, daemon)
        checks = {one["name"]: one for one in (await shown(api))["checks"] if not one["ok"]}
        assert list(checks) == [f"restricted.snapshots of the project {daemon.project}"]
        assert next(iter(checks.values()))["disables"] == ["snapshots"]
        refused = await asked(api, "takeover")
        assert (refused["state"], refused["error"]["step"]) == ("failed", "enough")
        assert "snapshots: restricted.snapshots" in refused["error"]["message"]
    finally:
        await asyncio.to_thread(daemon.command, *setting, "restricted.snapshots=allow")
    assert (await asked(api, "takeover"))["state"] == "succeeded"


async def test_new_credentials_are_tried_first_and_a_stranger_is_told_so(
    api: httpx.AsyncClient, daemon: Incus, tmp_path: Path
):
    await connected(api, daemon)
    await until(api, "house", state="ok")
    other = replace(daemon, certificate=tmp_path / "new.crt", key=tmp_path / "new.key")
    make_certificate(other.certificate, other.key)
    pair = request(other, "")["options"]
    new = {name: pair[name] for name in ("certificate_pem", "key_pem")}
    failed = await asked(api, "credentials", options=new)
    assert failed["state"] == "failed"
    assert "does not trust our client certificate" in failed["error"]["message"]
    assert (await shown(api))["state"] == "ok"
    trust = ("config", "trust", "add-certificate", str(other.certificate), "--name", "new")
    limits = ("--restricted", "--projects", daemon.project)
    await asyncio.to_thread(daemon.command, *trust, *limits)
    done = await asked(api, "credentials", options=new)
    assert done["state"] == "succeeded", done["error"]
    assert (await shown(api))["options"]["certificate_pem"] == new["certificate_pem"].strip()
