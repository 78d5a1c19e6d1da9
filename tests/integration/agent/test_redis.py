"""Bad days that only an agent has whose calls a Redis carries."""

from pathlib import Path

import pytest
from tests.integration.agent.control_plane import ControlPlane, until
from tests.integration.agent.world import AgentProcess, script
from tests.support.redis import RedisServer

pytestmark = [pytest.mark.timeout(60), pytest.mark.parametrize("transport", ["redis"])]
WAIT = "until [ -e {flag} ]; do sleep 0.05; done"


@pytest.mark.parametrize("after", ["restarted", "gone"])
def test_a_redis_that_is_killed_while_a_script_runs_costs_no_line_and_no_attempt(
    plane: ControlPlane,
    agent: AgentProcess,
    tmp_path: Path,
    after: str,
    redis_server: RedisServer,
):
    redis = redis_server
    flag, ran = tmp_path / "go", tmp_path / "ran"
    text = f"echo once >>{ran}; echo before; {WAIT.format(flag=flag)}; seq 3000; echo after"
    plane.give("carried", script(text))
    until(lambda: plane.text("carried"), "its first line")
    until(lambda: "redis.used" in agent.events(), "the Redis in use")
    redis.kill()
    try:
        if after == "restarted":
            redis.start()
        flag.touch()
        assert plane.result("carried", 30)["outcome"] == "done"
        assert plane.text("carried") == ["before", *map(str, range(1, 3001)), "after"]
        assert (plane.jobs["carried"]["attempt"], ran.read_text()) == (1, "once\n")
        plane.give("next", script("exit 0"))
        assert plane.result("next", 30)["outcome"] == "done"
    finally:
        if after == "gone":
            redis.start()


def test_a_control_plane_that_is_restarted_is_asked_anew_at_once(
    plane: ControlPlane, agent: AgentProcess
):
    until(lambda: "redis.used" in agent.events(), "the Redis in use")
    until(lambda: plane.waiting, "a waiting claim")
    before = plane.calls.count("claim 200")
    plane.stop()
    plane.start()
    plane.give("after", script("exit 0"))
    assert plane.result("after", 20)["outcome"] == "done"
    assert plane.calls.count("claim 200") > before


def test_an_answer_that_nobody_signed_is_not_believed(
    plane: ControlPlane, agent: AgentProcess, tmp_path: Path
):
    flag = tmp_path / "go"
    plane.give("told", script(f"echo before; {WAIT.format(flag=flag)}; echo after"))
    until(lambda: plane.text("told"), "its first line")
    assert plane.redis is not None
    plane.redis.forge = True
    flag.touch()
    until(lambda: "redis.left" in agent.events(), "the agent to take the other way")
    plane.redis.forge = False
    assert plane.result("told")["outcome"] == "done"
    assert plane.text("told") == ["before", "after"]
