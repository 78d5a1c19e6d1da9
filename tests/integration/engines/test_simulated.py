"""A real server on a simulated engine: no root, no Incus, and no pretence."""

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tests.support.incus import Incus
from tests.support.stead import Stead
from tests.support.waiting import until

NAME = "simulated"


@pytest.fixture
def simulated(tmp_path: Path) -> Iterator[Stead]:
    nowhere = tmp_path / "none"
    incus = Incus(nowhere, "https://none.invalid", nowhere, nowhere, nowhere, "p", "p", "base")
    one = Stead(tmp_path / "stead", incus, network="10.102.0.0/16", engine="simulator")
    one.prepare()
    one.start_serve()
    until("the server", lambda: health(one), 60)
    yield one
    one.stop()


def health(stead: Stead) -> dict[str, str] | None:
    assert stead.processes["serve"].poll() is None, stead.log("serve")[-2000:]
    try:
        with httpx.Client(verify=False, timeout=10) as http:  # noqa: S501  (plain HTTP)
            url = f"http://127.0.0.1:{stead.console_port}/healthz"
            answer: dict[str, str] = http.get(url).json()
    except httpx.TransportError:
        return None
    return answer


def ended(stead: Stead, operation: str) -> dict[str, object] | None:
    with stead.api() as api:
        found: dict[str, object] = api.get(f"/api/v1/operations/{operation}").json()
    return found if found.get("ended") else None


def guests(stead: Stead) -> list[str]:
    """Return the simulated guests, from the file that outlives the server."""
    known: dict[str, bool] = {}
    for line in (stead.data / "simulator.journal").read_text().splitlines():
        kind, name, data, _ = json.loads(line)
        if kind == "guest":
            known[name] = data is not None
    return [name for name, there in known.items() if there]


@pytest.mark.timeout(180)
def test_a_deployment_says_why_it_cannot_live_and_the_world_outlives_the_server(simulated: Stead):
    assert (health(simulated) or {})["engine"] == "simulator"
    with simulated.api() as api:
        body = {"app": "static-site", "name": NAME, "inputs": {}}
        answer = api.post("/api/v1/deployments", json=body)
    assert answer.status_code == httpx.codes.ACCEPTED, answer.text
    operation = answer.json()["operation_id"]
    found = until("the end of the operation", lambda: ended(simulated, operation), 120)
    assert found["state"] == "failed"
    assert "simulator" in json.dumps(found)
    assert guests(simulated) == []
    simulated.kill_serve()
    with (simulated.data / "simulator.journal").open("a") as journal:
        journal.write('["guest","tor')  # it was writing when it died
    simulated.start_serve()
    until("the server", lambda: health(simulated), 60)
    changed = simulated.config.read_text().replace('kind = "simulator"', 'kind = "incus"')
    simulated.config.write_text(changed)
    assert "belongs to the engine simulator" in simulated.cli("admin", "init", code=1)
