"""The cluster: resources, status, ids, options, backup jobs, joining."""

from typing import Any

from tests.proxmox import guests
from tests.proxmox.api import storage_rows
from tests.proxmox.call import Call, RefusedError, died, invalid, serves
from tests.proxmox.formats import split_list
from tests.proxmox.schema import nested_formats, parse_string
from tests.proxmox.tasks import Job, TaskFailed, spawn
from tests.proxmox.world import Node, World

INDEX = [
    "acme",
    "backup",
    "backup-info",
    "ceph",
    "config",
    "firewall",
    "ha",
    "jobs",
    "log",
    "mapping",
    "metrics",
    "notifications",
    "nextid",
    "options",
    "replication",
    "resources",
    "status",
    "tasks",
    "sdn",
]
JOB_DAY = 86400
# A node tells nothing after it joined, then its sizes, then its use too.
FULL = 2


@serves("GET /version", "GET /nodes/{node}/version")
async def version(call: Call) -> object:
    return dict(call.world.version)


@serves("GET /cluster")
async def index(call: Call) -> object:
    return [{"name": name} for name in INDEX]


@serves("GET /cluster/resources")
async def resources(call: Call) -> object:
    """List everything that the caller may see; guests' numbers may be old."""
    wanted = call.get("type")
    rows: list[dict[str, Any]] = []
    if wanted is None:
        rows += _pools(call)
    if wanted in {None, "vm"}:
        rows += [
            guests.resource(call.world, guest)
            for _, guest in sorted(call.world.guests.items())
            if call.may(f"/vms/{guest.vmid}", "VM.Audit")
        ]
    if wanted in {None, "node"}:
        rows += [_node(call, node) for node in call.world.nodes.values()]
    if wanted in {None, "storage"}:
        rows += _storages(call)
    if wanted in {None, "sdn"}:
        rows += _zones(call)
    return rows


def _pools(call: Call) -> list[dict[str, Any]]:
    return [
        {"id": f"/pool/{name}", "pool": name, "type": "pool"}
        for name in call.world.pools
        if call.may(f"/pool/{name}", "Pool.Audit")
    ]


def _storages(call: Call) -> list[dict[str, Any]]:
    return [
        row
        for name in sorted(call.world.storages)
        if call.may(f"/storage/{name}", "Datastore.Audit", "Datastore.AllocateSpace")
        for row in storage_rows.resources(call.world, name)
    ]


def _zones(call: Call) -> list[dict[str, Any]]:
    if not call.may("/sdn/zones/localnetwork", "SDN.Audit", "SDN.Use", "SDN.Allocate"):
        return []
    return [
        {
            "id": f"sdn/{node.name}/localnetwork",
            "node": node.name,
            "sdn": "localnetwork",
            "status": "ok" if node.online else "unknown",
            "type": "sdn",
        }
        for node in call.world.nodes.values()
    ]


def _node(call: Call, node: Node) -> dict[str, Any]:
    row = node_row(call, node)
    row.pop("ssl_fingerprint")
    return row | {"cgroup-mode": 1}


def state(node: Node) -> str:
    if not node.online:
        return "offline"
    return "online" if node.statistics == FULL else "unknown"


def node_row(call: Call, node: Node) -> dict[str, Any]:
    """Return a node as lists show it; its numbers only to whoever may see them."""
    settings = call.world.settings
    row: dict[str, Any] = {
        "id": f"node/{node.name}",
        "node": node.name,
        "type": "node",
        "level": "",
        "status": state(node),
        "ssl_fingerprint": node.fingerprint,
    }
    if not node.statistics:
        row.pop("level")
    if not node.statistics or not call.may(f"/nodes/{node.name}", "Sys.Audit"):
        return row
    row |= {"maxcpu": settings.cpus, "maxmem": settings.memory, "maxdisk": settings.disk}
    if node.online and node.statistics == FULL:
        used = sum(
            int(guest.config.get("memory", 512)) * 1024**2
            for guest in call.world.guests.values()
            if guest.running and guest.node == node.name
        )
        row |= {"cpu": 0.13, "mem": 2 * 1024**3 + used, "disk": storage_rows.USED}
        row["uptime"] = int(call.world.clock.now() - call.world.booted)
    return row


@serves("GET /nodes")
async def nodes(call: Call) -> object:
    return [node_row(call, node) for node in call.world.nodes.values()]


@serves("GET /cluster/status")
async def status(call: Call) -> object:
    """Return the nodes, and first the cluster where there is one."""
    world = call.world
    rows: list[dict[str, Any]] = []
    if world.cluster:
        rows.append(
            {
                "id": "cluster",
                "type": "cluster",
                "name": world.cluster,
                "nodes": len(members_of(world)),
                "quorate": int(world.quorate),
                "version": world.config_version,
            }
        )
    members = [
        {
            "id": f"node/{node.name}",
            "type": "node",
            "name": node.name,
            "nodeid": node.number,
            "level": "",
            "local": int(node.name == world.local),
            "online": int(node.online),
        }
        | ({"ip": node.ip} if node.ip else {})
        for node in members_of(world)
    ]
    return [*rows, *members]


def members_of(world: World) -> list[Node]:
    """Return the nodes that the cluster's own service knows."""
    return list(world.nodes.values()) if world.membership is None else world.membership


@serves("GET /cluster/nextid")
async def next_id(call: Call) -> object:
    """Return a free id as text; nothing is kept for the caller."""
    vmid = call.get("vmid")
    if vmid is None:
        return str(call.world.next_id())
    if call.world.find_guest(vmid) is not None:
        raise invalid(vmid=f"VM {vmid} already exists")
    return str(vmid)


@serves("GET /cluster/options")
async def options(call: Call) -> object:
    """Return the datacenter's options, some of them taken apart; all only to auditors."""
    world = call.world
    allowed = sorted(split_list(str(world.options.get("registered-tags", ""))))
    if not call.may("/", "Sys.Audit"):
        return {"allowed-tags": allowed}
    shown: dict[str, Any] = {"mac_prefix": "BC:24:11", "description": "", **world.options}
    if "registered-tags" in shown:
        shown["registered-tags"] = split_list(str(shown["registered-tags"]))
    return shown | {"allowed-tags": allowed}


@serves("PUT /cluster/options")
async def set_options(call: Call) -> object:
    await call.world.cluster_write("update options", "file-datacenter_cfg")
    for name in split_list(str(call.get("delete", ""))):
        call.world.options.pop(name, None)
    for name, value in call.params.items():
        if name != "delete":
            nested = nested_formats().get(f"dc-{name}")
            call.world.options[name] = parse_string(nested, value, name) if nested else value
    return None


@serves("GET /cluster/backup")
async def jobs(call: Call) -> object:
    now = int(call.world.clock.now())
    return [
        {
            **job,
            "id": name,
            "type": "vzdump",
            "next-run": now // JOB_DAY * JOB_DAY + JOB_DAY + 7200,
        }
        for name, job in call.world.jobs.items()
    ]


@serves("POST /cluster/backup")
async def create_job(call: Call) -> object:
    name = call.get("id", f"backup-{call.world.random.randrange(16**8):08x}-0000")
    call.world.jobs[name] = {key: value for key, value in call.params.items() if key != "id"}
    return None


@serves("DELETE /cluster/backup/{id}")
async def delete_job(call: Call) -> object:
    if call["id"] not in call.world.jobs:
        raise died(f"No such job '{call['id']}'")
    del call.world.jobs[call["id"]]
    return None


@serves("GET /cluster/ha/status/current")
async def ha_status(call: Call) -> object:
    row = {"id": "quorum", "node": call.world.local, "type": "quorum"}
    return [row | {"quorate": int(call.world.quorate), "status": "OK"}]


@serves(
    "GET /cluster/ha/resources",
    "GET /cluster/replication",
    "GET /cluster/sdn/zones",
    "GET /cluster/sdn/vnets",
)
async def nothing(call: Call) -> object:
    """Serve what the double has none of."""
    return []


@serves("GET /cluster/log")
async def log(call: Call) -> object:
    world, most = call.world, int(call.get("max", 50))
    rows = []
    for number, task in enumerate(reversed(list(world.tasks.values())), start=1):
        rows.append(
            {
                "uid": str(number),
                "id": f"{number}:{task.node}",
                "msg": f"end task {task.upid} {task.status}",
                "node": task.node,
                "pid": task.pid,
                "pri": 6,
                "tag": "pvedaemon",
                "time": task.end or task.start,
                "user": task.user,
            }
        )
    return rows[:most]


@serves("GET /cluster/config/nodes")
async def config_nodes(call: Call) -> object:
    if not call.world.cluster:
        return []
    return [
        {"node": node.name, "name": node.name, "nodeid": str(node.number), "quorum_votes": "1"}
        for node in call.world.nodes.values()
    ]


@serves("GET /cluster/config/join")
async def join_information(call: Call) -> object:
    world = call.world
    if not world.cluster:
        raise RefusedError(424, "node is not in a cluster, no join info available!")
    members = [
        {
            "name": node.name,
            "nodeid": str(node.number),
            "pve_addr": node.ip,
            "pve_fp": node.fingerprint,
            "quorum_votes": "1",
            "ring0_addr": node.ip,
        }
        for node in world.nodes.values()
    ]
    totem = {
        "cluster_name": world.cluster,
        "config_version": str(world.config_version),
        "interface": {"0": {"linknumber": "0"}},
        "ip_version": "ipv4-6",
        "link_mode": "passive",
        "secauth": "on",
        "version": "2",
    }
    return {
        "config_digest": "0" * 40,
        "nodelist": members,
        "preferred_node": world.local,
        "totem": totem,
    }


@serves("POST /cluster/config/join")
async def join(call: Call) -> object:
    """Join another cluster; only its password is looked at."""

    async def work(job: Job) -> None:
        job.say(f"Establishing API connection with host '{call['hostname']}'")
        await job.take(3.2)
        peer = job.world.peer
        if peer is None or peer.password != call["password"]:
            raise TaskFailed("401 authentication failure")
        peer.welcome(job.world)

    return spawn(call.world, call.world.local, "clusterjoin", "", call.who, work)
