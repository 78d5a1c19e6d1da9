"""Does to a fresh clone what its plan says, so that nothing of its source but the disk is left.

It may be called again at any time: whatever was done already is done the same way once more, and
the plan goes last.
"""

import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Final
from urllib.parse import quote

from stead.engines import errors
from stead.engines.drivers.proxmox import calls, mapping
from stead.engines.drivers.proxmox.calls import Call
from stead.engines.drivers.proxmox.client import Json, Param, rows
from stead.engines.drivers.proxmox.engine import Engine
from stead.engines.drivers.proxmox.families import BY_KIND
from stead.engines.drivers.proxmox.mapping import Found, Plan, Record
from stead.engines.values import GuestKind

_GIB: Final = 2**30
LOCK_SECONDS: Final = 300
NESTED: Final = "nesting=1"
# What a clone inherits and must not keep; cards beyond the first are added to these.
_INHERITED: Final = {
    GuestKind.CONTAINER: ("startup", "hookscript", "cmode", "features"),
    GuestKind.VM: ("startup", "hookscript"),
}
_CARD: Final = re.compile(r"(?:net|ipconfig)[1-9]\d*")
_FENCE: Final[dict[str, Param]] = {
    "enable": True,
    "macfilter": True,
    "ipfilter": True,
    "policy_in": "ACCEPT",
    "policy_out": "ACCEPT",
}
# The addresses that a virtual machine's first card may use; a container's are known by its card.
_OWN: Final = "ipfilter-net0"


async def finish(engine: Engine, found: Found) -> None:
    """Do what a plan says; nothing is left to do the second time."""
    now = await engine.directory.quiet(found, LOCK_SECONDS)
    if now is None or now.record is None or now.record.plan is None:
        return
    plan, family = now.record.plan, BY_KIND[now.kind]
    await _call(engine, now, family.update, _changes(engine, now, plan))
    if plan.disk_gb * _GIB > now.disk_bytes > 0:
        await _grow(engine, now, plan.disk_gb)
    if engine.site.filtered and not plan.template:
        await _fence(engine, now, plan)
    if plan.template:
        with suppress(errors.ConflictError):
            # A container becomes one at once, a virtual machine in a task.
            upid = await _call(engine, now, family.template)
            if upid:
                await engine.settle(str(upid), "make a template")
    record = mapping.without_plan(now.record)
    await _call(engine, now, family.update, {"description": mapping.description(record)})


def _changes(engine: Engine, found: Found, plan: Plan) -> dict[str, Param]:
    record = found.record or Record("")
    changes: dict[str, Param] = {
        "net0": mapping.net0(engine.site, plan, found.kind),
        "memory": plan.memory_mb,
        "cores": plan.cores,
        "onboot": not plan.template,
        "protection": False,
        "tags": mapping.tags(record),
        "digest": str(found.config.get("digest", "")),
    }
    changes |= {"nameserver": plan.nameserver} if plan.nameserver else {}
    of_kind = _of_container if found.kind is GuestKind.CONTAINER else _of_machine
    changes |= of_kind(plan)
    inherited = _INHERITED[found.kind]
    dropped = {key for key in found.config if key in inherited or _CARD.fullmatch(key)}
    if found.kind is GuestKind.VM and mapping.ENROL in str(found.config.get("sshkeys", "")):
        # A token that its source once got is not for it.
        dropped.add("sshkeys")
    if dropped := dropped - set(changes):
        changes["delete"] = ",".join(sorted(dropped))
    return changes


def _of_container(plan: Plan) -> dict[str, Param]:
    return {"swap": 0, **({"features": NESTED} if plan.nesting else {})}


def _of_machine(plan: Plan) -> dict[str, Param]:
    """Return what cloud-init is told. Keys are encoded once more than other parameters are."""
    told: dict[str, Param] = {
        "sockets": 1,
        "ciupgrade": False,
        "ipconfig0": mapping.address(plan),
    }
    return told | ({"ciuser": "root", "sshkeys": quote(plan.keys, safe="")} if plan.keys else {})


async def _grow(engine: Engine, found: Found, disk_gb: int) -> None:
    with suppress(errors.ConflictError):
        form: dict[str, Param] = {"disk": found.root, "size": f"{disk_gb}G"}
        answer = await _call(engine, found, BY_KIND[found.kind].resize, form)
        await engine.settle(str(answer), "grow its disk")


async def _fence(engine: Engine, found: Found, plan: Plan) -> None:
    """Let it use no MAC and no address but its own; one that DHCP gives is not known before."""
    fence = dict(_FENCE)
    if found.kind is GuestKind.VM and plan.address:
        await _allow(engine, found, plan.address.partition("/")[0])
    elif found.kind is GuestKind.VM:
        # Without a list of addresses a virtual machine could use none at all.
        fence["ipfilter"] = False
    await _call(engine, found, BY_KIND[found.kind].fw_set, fence)


async def _allow(engine: Engine, found: Found, address: str) -> None:
    sets = rows(await _call(engine, found, calls.VM_SETS))
    if _OWN not in {row.get("name") for row in sets}:
        await _call(engine, found, calls.VM_SET_CREATE, {"name": _OWN, "comment": "Stead"})
    listed = rows(await _call(engine, found, calls.VM_SET_READ, name=_OWN))
    there = {str(row.get("cidr")) for row in listed}
    for stranger in there - {address}:
        await _call(engine, found, calls.VM_SET_REMOVE, name=_OWN, cidr=stranger)
    if address not in there:
        await _call(engine, found, calls.VM_SET_ADD, {"cidr": address}, name=_OWN)


async def _call(
    engine: Engine,
    found: Found,
    call: Call,
    params: Mapping[str, Param] | None = None,
    **where: str,
) -> Json:
    return await engine.client.call(
        call, "make a copy its own", params, node=found.node, vmid=found.vmid, **where
    )
