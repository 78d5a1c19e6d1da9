"""Makes guests: by unpacking an archive or by cloning, and then by making a clone its own.

A clone comes with its source's address, tags, protection and autostart. What it must become is
written into its description by the very request that clones it, so that whoever comes next,
after a crash too, can finish it. Nothing starts before that.
"""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from ipaddress import IPv4Address
from typing import Final

from stead.engines import errors
from stead.engines.drivers.proxmox import bridges, calls, mapping, placing
from stead.engines.drivers.proxmox.calls import Call
from stead.engines.drivers.proxmox.client import Param, number
from stead.engines.drivers.proxmox.engine import DONE, Engine, accepted
from stead.engines.drivers.proxmox.families import BY_KIND, BY_NATIVE
from stead.engines.drivers.proxmox.mapping import Found, Plan, Record
from stead.engines.drivers.proxmox.tasks import Upid
from stead.engines.scheduler import Lock, Scope
from stead.engines.values import EngineTask, GuestKind, GuestSpec
from stead.kit.secrets import Secret

_GIB: Final = 2**30
_TRIES: Final = 5
_LOCK_SECONDS: Final = 300
# Another control plane asks again as soon as its copy is made; so must we, to get our share.
_CLOSE: Final = 0.05
_NESTED: Final = "nesting=1"
# What a clone inherits and must not keep; cards beyond the first are added to these.
_INHERITED: Final = ("startup", "hookscript", "cmode", "features")


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a guest is made, and what has to be free for that."""

    node: str
    kind: GuestKind
    lock: Lock
    source: Found | None = None
    image: bool = False


class Maker:
    """Makes guests of one cluster."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._claimed: set[int] = set()

    async def create(self, spec: GuestSpec, enrolment: Secret | None = None) -> EngineTask:
        """Create a guest from an archive or a template; the same key finds the first one.

        ``enrolment`` reaches an archive's guest as the comment of a key that nobody holds.
        """
        async with self._engine.scheduler.turn(spec.name, self._engine.guest_turn(spec.name)):
            existing = await self.existing(spec.name, spec.key, image=False)
            if existing is not None:
                return existing
            await self._free(spec.address)
            if placing.ARCHIVE in spec.image:
                node = await placing.archive_node(
                    self._engine.client, self._engine.site, spec.image
                )
                keys = {"ssh-public-keys": enrolment.reveal()} if enrolment else {}
                return await self._unpack(spec, node, spec.image, keys)
            source = await self.template(spec)
            return await self._clone(spec, source)

    async def clone(self, source: Found, spec: GuestSpec, *, image: bool = False) -> EngineTask:
        """Create a guest, or an image, whose disk begins as that of a stopped guest."""
        async with self._engine.scheduler.turn(spec.name, self._engine.guest_turn(spec.name)):
            existing = await self.existing(spec.name, spec.key, image=image)
            if existing is not None:
                return existing
            await self._free(spec.address)
            if await self._engine.directory.state(source) == "running":
                raise errors.ConflictError(f"{source.name} runs: stop it before it is copied")
            return await self._clone(spec, source, image=image)

    async def finish(self, found: Found) -> None:
        """Do to a fresh clone what its plan says; nothing is left to do the second time."""
        now = await self._engine.directory.quiet(found, _LOCK_SECONDS)
        if now is None or now.record is None or now.record.plan is None:
            return
        plan, family = now.record.plan, BY_KIND[now.kind]

        async def call(call: Call, params: Mapping[str, Param] | None = None) -> None:
            await self._engine.client.call(
                call, "make a copy its own", params, node=now.node, vmid=now.vmid
            )

        await call(family.update, self._changes(now, plan))
        if plan.disk_gb * _GIB > now.disk_bytes > 0:
            await self._grow(now, plan.disk_gb)
        if self._engine.site.filtered and now.kind is GuestKind.CONTAINER and not plan.template:
            await call(calls.CT_FW_SET, _FENCE)
        if plan.template:
            with suppress(errors.ConflictError):
                await call(calls.CT_TEMPLATE)
        record = mapping.without_plan(now.record)
        await call(family.update, {"description": mapping.description(record)})

    def _changes(self, found: Found, plan: Plan) -> dict[str, Param]:
        record = found.record or Record("")
        dropped = [
            key
            for key in found.config
            if key in _INHERITED or (key.startswith("net") and key != "net0" and key[3:].isdigit())
        ]
        changes: dict[str, Param] = {
            "net0": mapping.net0(self._engine.site, plan, found.kind),
            "memory": plan.memory_mb,
            "cores": plan.cores,
            "onboot": not plan.template,
            "protection": False,
            "tags": mapping.tags(record),
            "digest": str(found.config.get("digest", "")),
        }
        changes |= {"nameserver": plan.nameserver} if plan.nameserver else {}
        if found.kind is GuestKind.CONTAINER:
            changes["swap"] = 0
            if plan.nesting:
                changes["features"] = _NESTED
                dropped = [key for key in dropped if key != "features"]
        else:
            dropped = [key for key in dropped if key not in {"cmode", "features"}]
            changes |= {"ciupgrade": False}
            if plan.address:
                changes["ipconfig0"] = mapping.address(plan)
        if dropped:
            changes["delete"] = ",".join(sorted(dropped))
        return changes

    async def _grow(self, found: Found, disk_gb: int) -> None:
        family = BY_KIND[found.kind]
        with suppress(errors.ConflictError):
            answer = await self._engine.client.call(
                family.resize,
                "grow its disk",
                {"disk": found.root, "size": f"{disk_gb}G"},
                node=found.node,
                vmid=found.vmid,
            )
            await self._engine.settle(str(answer), "grow its disk")

    async def existing(self, name: str, key: str, *, image: bool) -> EngineTask | None:
        """Return the task of what a former attempt has made, if it has."""
        everybody = await self._engine.directory.settled()
        same_kind = [f for f in everybody if mapping.is_image(f) == image and f.record is not None]
        for found in same_kind:
            if found.record is not None and found.record.key == key and found.name == name:
                return as_task(found)
        if any(found.name == name for found in (same_kind if image else everybody)):
            raise errors.ConflictError(f"Proxmox already has a guest {name} that is not this one")
        return None

    async def _free(self, address: IPv4Address | None) -> None:
        for found in await self._engine.directory.survey() if address else ():
            if str(address) in mapping.addresses(found):
                raise errors.ConflictError(f"The address {address} belongs to {found.name}")

    async def template(self, spec: GuestSpec) -> Found:
        """Return the template that a guest begins as. Raises NotFound, and Conflict."""
        image, kind = spec.image, spec.kind
        everybody = await self._engine.directory.survey()
        for found in everybody:
            if found.template and found.kind is kind and image in {found.name, str(found.vmid)}:
                fresh = await self._engine.directory.fresh(found)
                if fresh is not None:
                    _require_unprivileged(fresh)
                    return fresh
        raise errors.NotFoundError(f"This cluster has no template {image!r} that we may see")

    async def _clone(self, spec: GuestSpec, source: Found, *, image: bool = False) -> EngineTask:
        engine, family = self._engine, BY_KIND[source.kind]
        if spec.disk_gb * _GIB < source.disk_bytes:
            raise errors.InvalidError(f"A copy of {source.name} needs a disk at least as large")
        _require_unprivileged(source)
        bridge = await bridges.of_guest(engine, source.node, spec.network)
        plan = mapping.plan_of(spec, engine.site, bridge, template=image)
        params: dict[str, Param] = {
            family.name: spec.name,
            "description": mapping.description(mapping.record_of(spec, plan)),
        }
        storage = spec.pool or engine.site.storage
        if not await placing.is_linked(engine.client, source, storage):
            params["full"] = True
            if storage:
                params["storage"] = await placing.disk_storage(engine.client, source.node, storage)
        if engine.site.pool:
            params["pool"] = engine.site.pool

        async def ask(vmid: int) -> Upid:
            answer = await engine.client.call(
                family.clone,
                "copy a guest",
                {"newid": vmid, **params},
                node=source.node,
                vmid=source.vmid,
            )
            return accepted(answer)

        lock = Lock(Scope.TEMPLATE, str(source.vmid))
        place = _Place(source.node, source.kind, lock, source, image=plan.template)
        return await self._numbered(spec, place, ask)

    async def restore(self, spec: GuestSpec, node: str, volume: str) -> EngineTask:
        """Create a guest from a backup: its disk, and otherwise what the spec says."""
        async with self._engine.scheduler.turn(spec.name, self._engine.guest_turn(spec.name)):
            existing = await self.existing(spec.name, spec.key, image=False)
            if existing is not None:
                return existing
            await self._free(spec.address)
            # A backup brings its guest's config along, MAC and addresses too.
            more: dict[str, Param] = {"restore": True, "unique": True}
            return await self._unpack(spec, node, volume, more, restored=True)

    async def _unpack(
        self,
        spec: GuestSpec,
        node: str,
        volume: str,
        more: Mapping[str, Param],
        *,
        restored: bool = False,
    ) -> EngineTask:
        if spec.kind is not GuestKind.CONTAINER:
            raise errors.UnsupportedError("An archive holds a container, not a virtual machine")
        engine = self._engine
        wanted = spec.pool or engine.site.storage
        storage = await placing.disk_storage(engine.client, node, wanted)
        bridge = await bridges.of_guest(engine, node, spec.network)
        plan = mapping.plan_of(spec, engine.site, bridge)
        unfinished = plan if restored or engine.site.filtered else None
        record = mapping.record_of(spec, unfinished)
        params: dict[str, Param] = {
            "ostemplate": volume,
            "hostname": spec.name,
            "unprivileged": True,
            "rootfs": f"{storage}:{spec.disk_gb}",
            "net0": mapping.net0(engine.site, plan, spec.kind),
            "memory": spec.memory_mb,
            "swap": 0,
            "cores": spec.cores,
            "onboot": unfinished is None,
            "tags": mapping.tags(record),
            "description": mapping.description(record),
            **more,
        }
        params |= {"pool": engine.site.pool} if engine.site.pool else {}
        params |= {"nameserver": plan.nameserver} if plan.nameserver else {}
        params |= {"features": _NESTED} if plan.nesting else {}

        async def ask(vmid: int) -> Upid:
            engine.directory.expect(vmid, spec.name, record)
            answer = await engine.client.call(
                calls.CT_CREATE, "create a container", {"vmid": vmid, **params}, node=node
            )
            return accepted(answer)

        place = _Place(node, spec.kind, Lock(Scope.STORAGE, f"{node}/{storage}"))
        return await self._numbered(spec, place, ask)

    async def _numbered(
        self, spec: GuestSpec, place: _Place, ask: Callable[[int], Awaitable[Upid]]
    ) -> EngineTask:
        """Ask with one free number after the other, and in turn, until one is accepted."""
        engine = self._engine
        taken = {found.vmid for found in await engine.directory.survey()}
        locks = (place.lock, Lock(Scope.NODE, place.node))
        for _ in range(_TRIES):
            free = placing.numbers(spec, engine.site.vmids, taken | self._claimed)
            vmid = next(free, None)
            if vmid is None:
                raise errors.QuotaError("No guest number is left in the range of this cluster")
            self._claimed.add(vmid)
            try:
                patient = partial(self._patient, ask, vmid, place.source)
                upid = await engine.run(spec.name, locks, patient)
            except errors.ExistsError:
                # Somebody took it, perhaps ourselves in a request whose answer was lost.
                taken.add(vmid)
                existing = await self.existing(spec.name, spec.key, image=place.image)
                if existing is not None:
                    return existing
                continue
            finally:
                self._claimed.discard(vmid)
            return as_task(Found(vmid, place.node, place.kind), upid)
        raise errors.LockedError("Other guests took every number that was tried")

    async def _patient(
        self, ask: Callable[[int], Awaitable[Upid]], vmid: int, source: Found | None
    ) -> Upid:
        """Ask; a source that somebody else copies is waited for, its turn is kept."""
        pace = self._engine.directory.pace
        until = pace.now() + _LOCK_SECONDS
        while True:
            try:
                return await ask(vmid)
            except errors.LockedError:
                if source is None or pace.now() > until:
                    raise
                if await self._engine.directory.quiet(source, _LOCK_SECONDS, _CLOSE) is None:
                    raise


def _require_unprivileged(source: Found) -> None:
    if source.kind is GuestKind.CONTAINER and not number(source.config.get("unprivileged")):
        raise errors.ConflictError(
            f"{source.name} is a privileged container, and nothing is made of those"
        )


_FENCE: Final[dict[str, Param]] = {
    "enable": True,
    "macfilter": True,
    "ipfilter": True,
    "policy_in": "ACCEPT",
    "policy_out": "ACCEPT",
}


def as_task(found: Found, upid: Upid | None = None) -> EngineTask:
    """Return the task that makes a guest, or what is left of it; settling finishes the guest."""
    if upid is None and not found.lock and found.record and found.record.plan is None:
        return DONE
    family = BY_KIND[found.kind]
    task = upid.text if upid else ""
    return EngineTask(f"make|{family.native}|{found.node}|{found.vmid}|{task}")


def making(native_id: str) -> tuple[Found, str] | None:
    """Read the id of a task that makes a guest; None for every other task."""
    kind, *parts = native_id.split("|", 4)
    if kind != "make" or len(parts) != 4 or parts[0] not in BY_NATIVE:  # noqa: PLR2004  (as above)
        return None
    native, node, vmid, upid = parts
    return Found(int(vmid), node, BY_NATIVE[native].kind), upid
