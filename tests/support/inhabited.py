"""A Stead on a simulated engine with something on every page: for looking at all of them."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from tests.support.stead import Stead
from tests.support.waiting import until

# A guest that was there before Stead.
STRANGER = {
    "name": "old",
    "key": "",
    "owner": "",
    "node": "sim1",
    "network": "st-old",
    "address": "10.134.9.9",
    "mac": "02:57:0a:86:09:09",
    "pool": "simulated",
    "note": "",
    "tags": [],
    "size": [2, 2048, 20],
    "made": True,
    "running": False,
    "started_at": 0,
    "task": "",
    "disk": {},
    "snapshots": {},
    "log": "",
}
# The engine cannot create this one guest.
FAULTS = [{"effect": "task_failed", "method": "create", "name": "broken*", "times": 9}]


@contextmanager
def inhabited(folder: Path) -> Iterator[Stead]:
    """Run a Stead with people, projects, apps, servers and work, also such that failed."""
    faults = folder / "faults.json"
    faults.write_text(json.dumps(FAULTS))
    one = Stead(
        folder / "stead", None, network="10.134.0.0/16", tcp_first=28400, faults=faults, speed=200
    )
    one.prepare()
    told = one.config.read_text().replace("[server]", '[server]\nagent_address = "127.0.0.9"')
    one.config.write_text(told)
    (one.data / "simulator.journal").write_text(json.dumps(["guest", "old", STRANGER, 0]) + "\n")
    try:
        one.start()
        with one.api() as api:
            _people(api)
            _apps(api)
            _servers(api)
            _outside(api)
            _clusters(api)
            until("the deployments have ended", lambda: _are_settled(api), 120)
            _snapshots(api)
            until("the snapshots are taken", lambda: _are_settled(api), 120)
            _packages(api)
        yield one
    finally:
        one.stop()


def _send(
    api: httpx.Client, path: str, body: object = None, method: str = "POST"
) -> httpx.Response:
    answer = api.request(method, f"/api/v1{path}", json=body)
    assert answer.is_success, f"{path}: {answer.status_code} {answer.text}"
    return answer


def _people(api: httpx.Client) -> None:
    _send(api, "/tokens", {"name": "pipeline", "scopes": ["read"]})
    _send(api, "/people", {"name": "zoe"})
    _send(api, "/organisations", {"name": "research"})
    project = _send(api, "/projects", {"name": "laboratory"}).json()["id"]
    _send(api, f"/projects/{project}/invitations", {"role": "viewer", "note": "for zoe"})
    _send(api, f"/projects/{project}/limits", {"cores": 8, "instances": 4}, "PATCH")


def _outside(api: httpx.Client) -> None:
    """Name addresses that do not answer."""
    project = next(one["id"] for one in api.get("/api/v1/projects").json())
    hook = {"name": "chat", "url": "https://hooks.example.org/", "events": ["job.failed"]}
    webhook = _send(api, f"/projects/{project}/webhooks", hook).json()["id"]
    _send(api, f"/webhooks/{webhook}/test")
    _send(api, "/sources", {"name": "tools", "url": "https://git.example.org/tools.git"})


def _apps(api: httpx.Client) -> None:
    for app, name in (("redis", "cache"), ("static-site", "welcome"), ("static-site", "broken")):
        _send(api, "/deployments", {"app": app, "name": name, "project": "main"})
    _send(api, "/bundles", {"bundle": "monitoring", "name": "watch", "project": "main"})


def _snapshots(api: httpx.Client) -> None:
    live = [one["id"] for one in api.get("/api/v1/deployments").json() if one["state"] == "live"]
    for deployment_id in live:
        _send(api, f"/deployments/{deployment_id}/snapshots", {"name": "before-update"})


def _servers(api: httpx.Client) -> None:
    _send(api, "/servers", {"name": "nas", "project": "main"})
    work = {"machines": ["nas"], "task": {"kind": "facts"}, "project": "main"}
    _send(api, "/bulk", work)


def _packages(api: httpx.Client) -> None:
    """Have a package on each machine besides what was deployed there."""
    for machine in api.get("/api/v1/agents").json():
        _send(api, f"/agents/{machine['id']}/packages", {"app": "memcached"})


def _clusters(api: httpx.Client) -> None:
    cluster = _send(api, "/clusters", {"name": "second", "engine": "simulator"}).json()
    body = {"on": True, "reason": "new disks"}
    _send(api, f"/clusters/{cluster['cluster']['id']}/maintenance", body)


def _are_settled(api: httpx.Client) -> bool:
    """Tell whether only the work of the server that never calls is still waiting."""
    rows = api.get("/api/v1/operations").json()
    ours = ("deployment", "bundle")
    return not [row for row in rows if row["kind"].startswith(ours) and not row["ended"]]
