"""Which jobs wait for each other."""

import pytest

from stead_agent import tasks


@pytest.mark.parametrize(
    ("kind", "arguments", "lane"),
    [
        ("package", {}, tasks.CHANGING),
        ("updates", {"apply": False}, tasks.CHANGING),
        ("file", {"target": "/etc/motd"}, tasks.CHANGING),
        ("service", {"action": "restart", "service": "nginx"}, tasks.CHANGING),
        ("service", {"action": "status", "service": "nginx"}, tasks.QUICK),
        ("facts", {}, tasks.QUICK),
        ("readiness", {}, tasks.QUICK),
        ("log", {"file": "/var/log/syslog"}, tasks.QUICK),
        ("command", {"command": "disk-usage"}, tasks.QUICK),
        ("command", {"command": "clean-packages"}, tasks.CHANGING),
        ("command", {"command": "shrink-journal", "megabytes": 10}, tasks.CHANGING),
        ("command", {"command": "unheard-of"}, tasks.CHANGING),
        ("command", {"command": ["disk-usage"]}, tasks.CHANGING),
        ("unheard-of", {}, tasks.CHANGING),
        ("update", {}, tasks.ALONE),
    ],
)
def test_only_what_is_known_to_look_is_quick(kind: str, arguments: dict[str, object], lane: str):
    assert tasks.lane(kind, arguments) == lane


def test_every_command_that_a_developer_may_not_run_changes_something():
    changing = {name for name, one in tasks.COMMANDS.items() if one.changes}
    assert changing == {n for n, one in tasks.COMMANDS.items() if one.least == "maintainer"}
