"""Guests that are kept ready, as real containers: taken, made again, and gone."""

import json
from collections.abc import Iterator

import httpx
import pytest
from tests.support.incus import Incus
from tests.support.stead import Stead
from tests.support.waiting import until

pytestmark = [pytest.mark.release, pytest.mark.timeout(300)]
NONE = {"small": 0, "medium": 0, "large": 0}
WARM = "/api/v1/clusters/local/warm"


@pytest.fixture
def api(stead: Stead, incus: Incus) -> Iterator[httpx.Client]:
    with stead.api() as client:
        yield client
        keep(client)
        until("an empty pool", lambda: not waiting(incus), 90)


def keep(api: httpx.Client, **sizes: int) -> None:
    answer = api.put(WARM, json=NONE | sizes)
    assert answer.status_code == httpx.codes.OK, answer.text


def waiting(incus: Incus) -> dict[str, str]:
    """Return the containers that wait for somebody, by what makes each one itself."""
    return {one: name for one, name in known(incus).items() if name.startswith("warm-")}


def known(incus: Incus) -> dict[str, str]:
    listed = incus.command("list", "--project", incus.project, "--format", "json")
    return {one["config"]["volatile.uuid"]: one["name"] for one in json.loads(listed)}


def ready(api: httpx.Client, incus: Incus) -> str:
    """Wait until one is ready; return what makes it itself."""

    def look() -> str:
        fills = api.get("/api/v1/operations", params={"kind": "instances.warm"}).json()
        failed = [one["error"] for one in fills if one["state"] == "failed"]
        assert not failed, failed
        small = next(row for row in api.get(WARM).json() if row["size"] == "small")
        return next(iter(waiting(incus)), "") if small["ready"] == 1 else ""

    return until("one that is ready", look, 90)


def test_a_deployment_takes_what_waits_and_the_pool_fills_again(
    stead: Stead, incus: Incus, api: httpx.Client
):
    keep(api, small=1)
    first = ready(api, incus)
    assert "is live" in stead.cli("deploy", "quick", "--name", "taker", "--size", "small")
    assert known(incus)[first].startswith("taker-")
    keep(api, small=1)
    second = ready(api, incus)
    assert second != first
    keep(api)
    until("an empty pool", lambda: not waiting(incus), 90)
    assert known(incus)[first].startswith("taker-")
    stead.cli("remove", "taker", "--yes")
    assert first not in known(incus)
