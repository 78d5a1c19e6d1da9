"""A real server on a simulated engine: no root, no Incus, and no pretence."""

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tests.support.stead import Stead
from tests.support.waiting import until

NAME = "simulated"


@pytest.fixture
def simulated(tmp_path: Path) -> Iterator[Stead]:
    one = Stead(tmp_path / "stead", None, network="10.102.0.0/16", tcp_first=28000)
    one.prepare()
    try:
        one.start()
        yield one
    finally:
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


def guests(stead: Stead) -> list[str]:
    """Return the simulated guests, from the file that outlives the server."""
    known: dict[str, bool] = {}
    for line in (stead.data / "simulator.journal").read_text().splitlines():
        kind, name, data, _ = json.loads(line)
        if kind == "guest":
            known[name] = data is not None
    return [name for name, there in known.items() if there]


@pytest.mark.release
@pytest.mark.timeout(240)
def test_everything_but_the_app_happens_and_outlives_the_server(simulated: Stead):
    assert (health(simulated) or {})["engine"] == "simulator"
    simulated.admin("cli-login")
    said = simulated.cli("deploy", "static-site", "--name", NAME)
    assert f"{NAME} is live" in said
    assert "Simulated: install.sh of static-site" in said
    assert "Simulated: nothing listens behind" in said
    (guest,) = guests(simulated)
    assert guest.startswith(NAME)
    simulated.cli("source", "add", "ours", "https://192.0.2.1/x", "--no-watch")
    os.kill(simulated.processes["serve"].pid, signal.SIGHUP)
    until(
        "looks that SIGHUP asks for", lambda: "SIGHUP" in simulated.cli("operations", "--json"), 60
    )
    simulated.kill_serve()
    with (simulated.data / "simulator.journal").open("a") as journal:
        journal.write('["guest","tor')  # it was writing when it died
    simulated.start_serve()
    until("the server", lambda: health(simulated), 60)
    assert guests(simulated) == [guest]
    assert f"{NAME} is gone" in simulated.cli("remove", NAME, "--yes")
    assert guests(simulated) == []
    simulated.stop()
    changed = simulated.config.read_text().replace('kind = "simulator"', 'kind = "incus"')
    simulated.config.write_text(changed)
    assert "belongs to the engine simulator" in simulated.cli("admin", "init", code=1)
