"""An agent behind a network that goes away: a namespace of its own whose packets are dropped."""

import json
import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.integration.agent.conftest import make_certificate
from tests.integration.agent.control_plane import ControlPlane, until
from tests.integration.agent.world import AgentProcess, script

CUT_SECONDS = 60
DROP_ALL = """
table inet cut {
  chain input { type filter hook input priority 0; policy drop; }
  chain output { type filter hook output priority 0; policy drop; }
}
"""


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, timeout=10)


@dataclass(frozen=True)
class Namespace:
    """A network of two addresses: ours and that of whatever runs inside."""

    name: str
    ours: str

    @property
    def inside(self) -> tuple[str, ...]:
        return ("ip", "netns", "exec", self.name)

    @contextmanager
    def cut(self) -> Iterator[None]:
        """Drop every packet, without a word to either side."""
        nft = [*self.inside, "nft"]
        subprocess.run([*nft, "-f", "-"], input=DROP_ALL, text=True, check=True, timeout=10)
        try:
            yield
        finally:
            subprocess.run([*nft, "delete", "table", "inet", "cut"], check=True, timeout=10)


@pytest.fixture
def namespace() -> Iterator[Namespace]:
    if os.geteuid() != 0:
        pytest.skip("network namespaces need root")
    name, ours = f"stead-cut-{os.getpid() % 10_000}", "10.219.7.1"
    link = name.replace("stead-", "")
    ip("netns", "add", name)
    try:
        ip("link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", name)
        ip("address", "add", f"{ours}/30", "dev", link)
        ip("link", "set", link, "up")
        ip("-n", name, "address", "add", "10.219.7.2/30", "dev", "eth0")
        ip("-n", name, "link", "set", "eth0", "up")
        yield Namespace(name, ours)
    finally:
        ip("netns", "delete", name)


@pytest.fixture
def far_plane(namespace: Namespace, tmp_path: Path) -> Iterator[ControlPlane]:
    private, pem = make_certificate(namespace.ours)
    path = tmp_path / "server.pem"
    path.write_text(private + pem)
    made = ControlPlane(path, pem, namespace.ours)
    made.start()
    yield made
    made.stop()
    assert made.violations == []


@pytest.fixture
def far_agent(
    zipapp: Path, tmp_path: Path, far_plane: ControlPlane, namespace: Namespace
) -> Iterator[AgentProcess]:
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    (state / "bootstrap.json").write_text(json.dumps(far_plane.bootstrap))
    made = AgentProcess(zipapp, state, within=namespace.inside)
    made.start()
    yield made
    made.terminate()


@pytest.mark.release
@pytest.mark.timeout(240)
@pytest.mark.usefixtures("far_agent")
def test_a_network_that_is_cut_for_a_minute_costs_no_line_and_no_attempt(
    far_plane: ControlPlane, namespace: Namespace, tmp_path: Path
):
    written, go, end = tmp_path / "written", tmp_path / "go", tmp_path / "end"
    wait = "until [ -e {} ]; do sleep 0.1; done"
    far_plane.give(
        "patient",
        script(
            f"echo before; {wait.format(go)}; seq 3000; touch {written}; "
            f"{wait.format(end)}; echo after"
        ),
        timeout=200,
    )
    until(lambda: far_plane.text("patient"), "its first line")
    with namespace.cut():
        go.touch()
        until(written.exists, "what it says while nobody hears it")
        # The length of the cut is what this test is about.
        threading.Event().wait(CUT_SECONDS)
        assert far_plane.text("patient") == ["before"]
    until(lambda: len(far_plane.text("patient")) == 3001, "all that was said meanwhile", 60)
    assert "patient" not in far_plane.results
    end.touch()
    assert far_plane.result("patient", 60)["outcome"] == "done"
    assert far_plane.text("patient") == ["before", *map(str, range(1, 3001)), "after"]
    assert far_plane.jobs["patient"]["attempt"] == 1
