"""Nodes: status and numbers, and small things that are asked of them."""

import json
from typing import Any

from tests.proxmox import schema
from tests.proxmox.api import lxc_power, storage_rows
from tests.proxmox.call import HANDLERS, Call, RefusedError, Reply, died, invalid, serves
from tests.proxmox.formats import split_list
from tests.proxmox.tasks import Job, spawn

INDEX = [
    "aplinfo",
    "apt",
    "capabilities",
    "ceph",
    "certificates",
    "config",
    "disks",
    "dns",
    "firewall",
    "hardware",
    "hosts",
    "journal",
    "lxc",
    "migrateall",
    "netstat",
    "network",
    "qemu",
    "query-url-metadata",
    "replication",
    "report",
    "rrd",
    "rrddata",
    "scan",
    "services",
    "startall",
    "status",
    "stopall",
    "storage",
    "subscription",
    "suspendall",
    "syslog",
    "tasks",
    "termproxy",
    "time",
    "version",
    "vncshell",
    "vzdump",
]
SERVICES = (
    "cron",
    "ksmtuned",
    "pve-cluster",
    "pve-firewall",
    "pvedaemon",
    "pveproxy",
    "pvestatd",
    "sshd",
)


@serves("GET /nodes/{node}")
async def index(call: Call) -> object:
    return [{"name": name} for name in INDEX]


@serves("GET /nodes/{node}/status")
async def status(call: Call) -> object:
    settings = call.world.settings
    disk = {"total": settings.disk, "used": storage_rows.USED}
    disk |= {"free": settings.disk - disk["used"], "avail": settings.disk - disk["used"]}
    kernel = {
        "sysname": "Linux",
        "release": "6.8.12-9-pve",
        "version": "#1 SMP",
        "machine": "x86_64",
    }
    return {
        "uptime": int(call.world.clock.now() - call.world.booted),
        "cpu": 0.13,
        "wait": 0,
        "idle": 0,
        "loadavg": ["0.39", "0.71", "0.57"],
        "kversion": "Linux 6.8.12-9-pve #1 SMP",
        "current-kernel": kernel,
        "pveversion": "pve-manager/{version}/{repoid}".format(**call.world.version),
        "boot-info": {"mode": "legacy-bios"},
        "ksm": {"shared": 0},
        "swap": {"total": 0, "used": 0, "free": 0},
        "memory": {
            "total": settings.memory,
            "used": settings.memory // 10,
            "free": settings.memory // 2,
        },
        "rootfs": disk,
        "cpuinfo": {
            "model": "Stand-in",
            "sockets": 1,
            "cores": settings.cpus,
            "cpus": settings.cpus,
            "mhz": "2596.144",
            "flags": "fpu",
            "hvm": "",
            "user_hz": 100,
        },
    }


@serves("GET /nodes/{node}/time")
async def time(call: Call) -> object:
    now = int(call.world.clock.now())
    return {"localtime": now, "time": now, "timezone": "Etc/UTC"}


@serves("GET /nodes/{node}/dns")
async def dns(call: Call) -> object:
    return {"dns1": "192.0.2.53"}


@serves("GET /nodes/{node}/hosts")
async def hosts(call: Call) -> object:
    lines = [f"{node.ip} {node.name}" for node in call.world.nodes.values()]
    return {"data": "\n".join(["127.0.0.1 localhost", *lines, ""]), "digest": "0" * 40}


@serves("GET /nodes/{node}/services")
async def services(call: Call) -> object:
    return [
        {
            "service": name,
            "name": name,
            "desc": f"{name}.service",
            "state": "running",
            "active-state": "active",
            "unit-state": "enabled",
        }
        for name in SERVICES
    ]


@serves("GET /nodes/{node}/subscription")
async def subscription(call: Call) -> object:
    return {
        "status": "notfound",
        "message": "There is no subscription key",
        "serverid": "0" * 32,
        "url": "https://www.proxmox.com",
    }


@serves("GET /nodes/{node}/certificates/info")
async def certificates(call: Call) -> object:
    node = call.world.nodes[call["node"]]
    now = int(call.world.clock.now())
    return [
        {
            "filename": name,
            "fingerprint": node.fingerprint,
            "issuer": "/CN=Stand-in",
            "subject": f"/CN={node.name}",
            "notbefore": now - 86400,
            "notafter": now + 86400 * 730,
            "pem": "",
            "public-key-bits": 4096,
            "public-key-type": "rsaEncryption",
            "san": [] if name == "pve-root-ca.pem" else [node.ip, node.name],
        }
        for name in ("pve-root-ca.pem", "pve-ssl.pem")
    ]


@serves("GET /nodes/{node}/rrddata")
async def numbers(call: Call) -> object:
    """Return a row a minute; the older ones hold only the time."""
    call.world.nodes[call["node"]]
    settings = call.world.settings
    now = int(call.world.clock.now()) // 60 * 60
    full: dict[str, Any] = {
        "cpu": 0.13, "iowait": 0.002, "loadavg": 0.39, "maxcpu": settings.cpus,
        "memtotal": settings.memory, "memused": settings.memory / 10.5,
        "netin": 22.3, "netout": 1.2, "roottotal": settings.disk, "rootused": storage_rows.USED,
        "swaptotal": 0, "swapused": 0,
    }  # fmt: skip
    return [
        {"time": moment} | (full if moment >= now - 300 else {})
        for moment in range(now - 69 * 60, now + 60, 60)
    ]


@serves("GET /nodes/{node}/syslog")
async def syslog(call: Call) -> object:
    lines = [f"end task {task.upid} {task.status}" for task in call.world.tasks.values()]
    lines = lines or ["Journal started"]
    first = int(call.get("start", 0))
    page = lines[first : first + int(call.get("limit", 50))]
    rows = [{"n": number, "t": line} for number, line in enumerate(page, start=first + 1)]
    return Reply(rows, {"total": len(lines)})


@serves("GET /nodes/{node}/netstat")
async def netstat(call: Call) -> object:
    return [
        {"vmid": str(guest.vmid), "dev": key, "in": "480", "out": "1116"}
        for guest in call.world.guests.values()
        if guest.node == call["node"]
        for key in guest.plugged
    ]


@serves("GET /nodes/{node}/config")
async def config(call: Call) -> object:
    return {}


@serves("GET /nodes/{node}/aplinfo")
async def appliances(call: Call) -> object:
    """Offer nothing to download: the double has no index."""
    return []


@serves("POST /nodes/{node}/aplinfo")
async def download_appliance(call: Call) -> object:
    raise invalid(template="no such template")


@serves("GET /nodes/{node}/query-url-metadata")
async def url_metadata(call: Call) -> object:
    content = call.world.urls.get(call["url"])
    if content is None:
        host = call["url"].split("/")[2]
        text = f"500 Can't connect to {host} (Connection refused)"
        raise died(f"invalid server response: '{text}'")
    return {"filename": call["url"].rpartition("/")[2], "size": len(content)}


@serves("POST /nodes/{node}/startall", "POST /nodes/{node}/stopall")
async def all_guests(call: Call) -> object:
    """Start or stop guests of a node one after another."""
    world, starting = call.world, call.path.endswith("startall")
    wanted = set(split_list(str(call.get("vms", ""))))

    async def work(job: Job) -> None:
        for guest in list(world.guests.values()):
            if guest.node != call["node"] or (wanted and str(guest.vmid) not in wanted):
                continue
            if starting and not guest.running and guest.config.get("onboot"):
                lxc_power.spawn_start(world, guest.node, guest.vmid, call.who)
            elif not starting and guest.running:
                await job.take(world.settings.shutdown)
                lxc_power.halt(guest)

    return spawn(world, call["node"], "startall" if starting else "stopall", "", call.who, work)


@serves("POST /nodes/{node}/execute")
async def execute(call: Call) -> object:
    """Carry out calls below the node's path one after another."""
    answers: list[dict[str, object]] = []
    for command in json.loads(call["commands"]):
        path = f"nodes/{call['node']}/{command['path']}"
        found = schema.match(command["method"], path.split("/"))
        if found is None or found[0].key not in HANDLERS:
            answers.append({"status": 500, "message": f"no handler for '{path}'\n"})
            continue
        inner = Call(call.world, call.who, {**command.get("args", {}), **found[1]}, {}, f"/{path}")
        try:
            answers.append({"status": 200, "data": await HANDLERS[found[0].key](inner)})
        except RefusedError as refused:
            answers.append({"status": refused.status, "message": f"{refused.reason}\n"})
    return answers


@serves("POST /nodes/{node}/wakeonlan")
async def wake(call: Call) -> object:
    raise died(f"'{call['node']}' is local node, cannot wake my self!")


@serves("GET /nodes/{node}/journal")
async def journal(call: Call) -> object:
    return [f"end task {task.upid}" for task in call.world.tasks.values()]
