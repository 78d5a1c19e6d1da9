"""Asking for a console: the proxy is a task that waits for its viewer."""

from tests.proxmox.call import Call, died, serves
from tests.proxmox.formats import userid
from tests.proxmox.proxy import Proxy
from tests.proxmox.tasks import spawn

LOGIN_WAIT = 10


def opened(call: Call, proxy: Proxy, kind: str, id_: object) -> dict[str, object]:
    upid = spawn(call.world, call["node"], kind, id_, call.who, proxy.work)
    return {
        "user": call.who.name,
        "ticket": proxy.ticket,
        "port": str(proxy.port),
        "upid": upid,
    }


@serves("POST /nodes/{node}/lxc/{vmid}/termproxy", "POST /nodes/{node}/qemu/{vmid}/termproxy")
async def terminal(call: Call) -> object:
    kind = "qemu" if "/qemu/" in call.path else "lxc"
    guest = call.world.guest(call["node"], kind, call["vmid"])
    shown = guest if kind == "lxc" else None
    proxy = Proxy(call.world, shown, call.who, f"/vms/{guest.vmid}")
    return opened(call, proxy, "vncproxy", guest.vmid)


@serves("POST /nodes/{node}/termproxy")
async def node_shell(call: Call) -> object:
    """Open a shell on the node, which only a person can have."""
    wrong = userid(call.who.name)
    if wrong:
        raise died(wrong)
    proxy = Proxy(call.world, None, call.who, f"/nodes/{call['node']}")
    return opened(call, proxy, "vncshell", "")


@serves("POST /nodes/{node}/lxc/{vmid}/vncproxy")
async def graphics(call: Call) -> object:
    """Fail as a node without the terminal server for graphics does."""
    call.world.guest(call["node"], "lxc", call["vmid"])
    await call.world.clock.sleep(LOGIN_WAIT / 2)
    raise died("Timeout while waiting for port '5901' to get ready!")


@serves("GET /nodes/{node}/lxc/{vmid}/vncwebsocket", "GET /nodes/{node}/qemu/{vmid}/vncwebsocket")
async def without_upgrade(call: Call) -> object:
    """Answer a plain request as if it had been a websocket that nobody opened."""
    return {"port": str(call["port"])}
