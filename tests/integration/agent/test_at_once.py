"""Several jobs at once: how many, and that the bad days stay what they were."""

from pathlib import Path

import pytest
from tests.integration.agent.control_plane import TRANSPORTS, ControlPlane, until
from tests.integration.agent.world import AgentProcess, is_alive, script

pytestmark = [pytest.mark.timeout(40), pytest.mark.parametrize("transport", TRANSPORTS)]
HOLD = "echo $$; until [ -e {flag} ]; do sleep 0.05; done; echo end"
TWO = {"changing": 2, "quick": 2}


def hold(plane: ControlPlane, name: str, flag: Path, **wishes: object) -> str:
    return plane.give(name, script(f"# {name}\n" + HOLD.format(flag=flag)), **wishes)


@pytest.mark.usefixtures("agent")
def test_facts_are_told_while_an_installer_runs(plane: ControlPlane, tmp_path: Path):
    hold(plane, "long", tmp_path / "go")
    until(lambda: plane.text("long"), "its first line")
    plane.give_task("quick", "facts")
    assert plane.result("quick")["outcome"] == "done"
    assert "long" not in plane.results
    (tmp_path / "go").touch()
    assert plane.result("long")["outcome"] == "done"
    assert plane.text("long")[1:] == ["end"]


@pytest.mark.usefixtures("agent")
def test_a_second_installer_waits_even_when_it_is_offered(plane: ControlPlane, tmp_path: Path):
    hold(plane, "first", tmp_path / "go")
    until(lambda: plane.text("first"), "its first line")
    hold(plane, "second", tmp_path / "go")
    until(lambda: len(plane.offered) == 2, "the second offer")
    plane.give_task("later", "facts")
    assert plane.text("second") == []
    (tmp_path / "go").touch()
    results = [plane.result(name) for name in ("first", "second", "later")]
    assert [one["outcome"] for one in results] == ["done"] * 3
    assert results[1]["started"] >= results[0]["finished"]
    assert [one["attempt"] for one in results] == [1, 1, 1]


@pytest.mark.usefixtures("agent")
def test_two_installers_run_at_once_where_the_control_plane_says_so(
    plane: ControlPlane, tmp_path: Path
):
    for name in ("first", "second"):
        hold(plane, name, tmp_path / "go", limits=TWO)
        until(lambda name=name: plane.text(name), "its first line")
    (tmp_path / "go").touch()
    assert [plane.result(name)["outcome"] for name in ("first", "second")] == ["done"] * 2
    refused = plane.result(plane.give("wrong", script("exit 0"), limits={"changing": 99}))
    assert (refused["outcome"], "at once" in refused["reason"]) == ("refused", True)


def test_term_ends_every_job_and_each_is_reported(
    plane: ControlPlane, agent: AgentProcess, tmp_path: Path
):
    for name in ("first", "second"):
        hold(plane, name, tmp_path / "never", limits=TWO)
        until(lambda name=name: plane.text(name), "its first line")
    pids = [plane.text(name)[0] for name in ("first", "second")]
    assert agent.terminate() == 0
    assert {plane.results[n]["outcome"] for n in ("first", "second")} == {"interrupted"}
    assert [pid for pid in pids if is_alive(pid)] == []


def test_a_killed_agent_reports_every_job_as_interrupted(
    plane: ControlPlane, agent: AgentProcess, tmp_path: Path
):
    for name in ("first", "second"):
        hold(plane, name, tmp_path / "never", limits=TWO)
        until(lambda name=name: plane.text(name), "its first line")
    pids = [plane.text(name)[0] for name in ("first", "second")]
    agent.kill()
    agent.start()
    assert {plane.result(n)["outcome"] for n in ("first", "second")} == {"interrupted"}
    assert [pid for pid in pids if is_alive(pid)] == []
    assert plane.extra_results == []


@pytest.mark.usefixtures("agent")
def test_cancelling_one_of_two_leaves_the_other(plane: ControlPlane, tmp_path: Path):
    for name in ("first", "second"):
        hold(plane, name, tmp_path / "go", limits=TWO)
        until(lambda name=name: plane.text(name), "its first line")
    plane.jobs["first"]["cancel"] = True
    assert plane.result("first")["outcome"] == "cancelled"
    assert is_alive(plane.text("second")[0])
    (tmp_path / "go").touch()
    assert plane.result("second")["outcome"] == "done"


@pytest.mark.usefixtures("agent")
def test_the_end_of_a_long_job_is_kept_when_many_short_ones_came_after(
    plane: ControlPlane, tmp_path: Path
):
    hold(plane, "long", tmp_path / "go")
    until(lambda: plane.text("long"), "its first line")
    for number in range(24):
        plane.result(plane.give_task(f"quick-{number}", "facts"))
    (tmp_path / "go").touch()
    assert plane.result("long")["outcome"] == "done"
    assert plane.text("long")[1:] == ["end"]
