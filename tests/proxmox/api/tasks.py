"""Tasks of a node and of the cluster: lists, status, log, abort."""

import re

from tests.proxmox import tasks
from tests.proxmox.call import Call, Reply, invalid, serves
from tests.proxmox.formats import split_list
from tests.proxmox.tasks import Task

UPID = re.compile(r"UPID:[^:]+:[0-9A-F]{8}:[0-9A-F]{8,}:[0-9A-F]{8}:[^:]+:[^:]*:[^:]+:")


@serves("GET /nodes/{node}/tasks")
async def node_tasks(call: Call) -> object:
    """List finished tasks, the active ones, or both; newest first."""
    source = call.get("source", "archive")
    everything = call.may(f"/nodes/{call['node']}", "Sys.Audit")
    found = [
        task
        for task in reversed(list(call.world.tasks.values()))
        if task.node == call["node"]
        and (everything or owns(call, task))
        and _wanted(call, task, source)
    ]
    found.sort(key=lambda task: not task.running)
    first = int(call.get("start", 0))
    page = found[first : first + int(call.get("limit", 50))]
    rows = [tasks.row(task, active=True) for task in page]
    return Reply(rows, {"total": len(found)} if found else {})


def owns(call: Call, task: Task) -> bool:
    """A user owns the tasks of all own tokens, a token only its own."""
    return task.user == call.who.name or (
        "!" not in call.who.name and task.user.split("!", maxsplit=1)[0] == call.who.name
    )


def _wanted(call: Call, task: Task, source: str) -> bool:
    if source != "all" and task.running != (source == "active"):
        return False
    checks = (
        ("vmid", lambda value: task.id == str(value)),
        ("typefilter", lambda value: task.type == value),
        ("userfilter", lambda value: str(value) in task.user),
        ("since", lambda value: task.start >= value),
        ("until", lambda value: task.start <= value),
        ("errors", lambda value: not value or task.status not in {"OK", ""}),
        ("statusfilter", lambda value: _kind(task) in split_list(value)),
    )
    return all(check(call[name]) for name, check in checks if name in call.params)


def _kind(task: Task) -> str:
    if task.status.startswith("WARNINGS"):
        return "warning"
    return {"OK": "ok", "": "unknown"}.get(task.status, "error")


def find(call: Call, *, own: bool = False) -> Task:
    """Return a task that the caller may see, or refuse."""
    if not UPID.fullmatch(call["upid"]):
        raise invalid(upid="unable to parse worker upid")
    task = call.world.tasks.get(call["upid"])
    user = call["upid"].split(":")[7]
    mine = owns(call, task) if task else user.split("!")[0] == call.who.user
    if not mine:
        call.need(f"/nodes/{call['node']}", "Sys.Modify" if own else "Sys.Audit")
    if task is None or task.node != call["node"]:
        raise invalid(upid="no such task")
    return task


@serves("GET /nodes/{node}/tasks/{upid}")
async def index(call: Call) -> object:
    return [{"name": "log"}, {"name": "status"}]


@serves("GET /nodes/{node}/tasks/{upid}/status")
async def status(call: Call) -> object:
    task = find(call)
    user, _, token = task.user.partition("!")
    row: dict[str, object] = {
        "id": task.id,
        "node": task.node,
        "pid": task.pid,
        "pstart": task.pstart,
        "starttime": task.start,
        "status": "running" if task.running else "stopped",
        "type": task.type,
        "upid": task.upid,
        "user": user,
    }
    if token:
        row["tokenid"] = token
    return row if task.running else row | {"exitstatus": task.status}


@serves("GET /nodes/{node}/tasks/{upid}/log")
async def log(call: Call) -> object:
    """Return lines from ``start``, at most ``limit`` of them; 0 means all."""
    task = find(call)
    if call.get("download"):
        return Reply(None, raw="".join(f"{line}\n" for line in task.log).encode())
    first, limit = int(call.get("start", 0)), int(call.get("limit", 50)) or len(task.log)
    lines = task.log or ["no content"]
    rows = [
        {"n": number, "t": line}
        for number, line in enumerate(lines[first : first + limit], start=first + 1)
    ]
    return Reply(rows, {"total": len(lines)})


@serves("DELETE /nodes/{node}/tasks/{upid}")
async def stop(call: Call) -> object:
    await tasks.abort(call.world, find(call, own=True))
    return None


@serves("GET /cluster/tasks")
async def cluster_tasks(call: Call) -> object:
    """List the newest tasks of all nodes that the caller may see."""
    found = [
        task
        for task in reversed(list(call.world.tasks.values()))
        # A token is nobody's name here: it sees not even its own.
        if task.user.partition("!")[0] == call.who.name
        or call.may(f"/nodes/{task.node}", "Sys.Audit")
    ]
    return [_cluster_row(task) for task in found[:25]]


def _cluster_row(task: Task) -> dict[str, object]:
    row = {
        key: value
        for key, value in tasks.row(task, active=True).items()
        if key not in {"pid", "pstart"}
    }
    return row | {"saved": "0" if task.running else "1"}
