"""Makes guests: by unpacking an archive or by cloning, and then by making a clone its own.

A clone comes with its source's address, tags, protection and autostart. What it must become is
written into its description by the very request that clones it, so that whoever comes next,
after a crash too, can finish it. Nothing starts before that.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from ipaddress import IPv4Address
from typing import Final

from stead.engines import errors
from stead.engines.drivers.proxmox import bridges, calls, finishing, mapping, placing
from stead.engines.drivers.proxmox.client import Param, number
from stead.engines.drivers.proxmox.engine import DONE, Engine, accepted
from stead.engines.drivers.proxmox.families import BY_KIND, BY_NATIVE
from stead.engines.drivers.proxmox.finishing import LOCK_SECONDS, NESTED
from stead.engines.drivers.proxmox.mapping import Found
from stead.engines.drivers.proxmox.tasks import Upid
from stead.engines.scheduler import Lock, Scope
from stead.engines.values import EngineTask, GuestKind, GuestSpec
from stead.kit.secrets import Secret

_GIB: Final = 2**30
_TRIES: Final = 5
# Another control plane asks again as soon as its copy is made; so must we, to get our share.
_CLOSE: Final = 0.05


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

        ``enrolment`` is the line of a key that nobody holds, with a token as its comment. An
        archive's guest gets it as it is unpacked, a virtual machine through cloud-init.
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
            return await self._clone(spec, source, enrolment=enrolment)

    async def clone(self, source: Found, spec: GuestSpec, *, image: bool = False) -> EngineTask:
        """Create a guest, or an image, whose disk begins as that of a stopped guest."""
        async with self._engine.scheduler.turn(spec.name, self._engine.guest_turn(spec.name)):
            existing = await self.existing(spec.name, spec.key, image=image)
            if existing is not None:
                return existing
            await self._free(spec.address)
            if spec.kind is not source.kind:
                raise errors.InvalidError(f"{source.name} is a {source.kind}, so is its copy")
            if await self._engine.directory.state(source) == "running":
                raise errors.ConflictError(f"{source.name} runs: stop it before it is copied")
            return await self._clone(spec, source, image=image)

    async def finish(self, found: Found) -> None:
        """Do to a fresh clone what its plan says; nothing is left to do the second time."""
        await finishing.finish(self._engine, found)

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
                    require_fit(fresh, spec)
                    return fresh
        what = "template" if kind is GuestKind.CONTAINER else "template of a virtual machine"
        raise errors.NotFoundError(f"This cluster has no {what} {image!r} that we may see")

    async def _clone(
        self,
        spec: GuestSpec,
        source: Found,
        *,
        image: bool = False,
        enrolment: Secret | None = None,
    ) -> EngineTask:
        engine, family = self._engine, BY_KIND[source.kind]
        if spec.disk_gb * _GIB < source.disk_bytes:
            raise errors.InvalidError(f"A copy of {source.name} needs a disk at least as large")
        require_fit(source, spec)
        bridge = await bridges.of_guest(engine, source.node, spec.network)
        plan = mapping.plan_of(spec, engine.site, bridge, template=image)
        # In its plan, so that whoever finishes it after a crash brings it in too.
        plan = replace(plan, keys=enrolment.reveal()) if enrolment else plan
        params: dict[str, Param] = {
            family.name: spec.name,
            "description": mapping.description(mapping.record_of(spec, plan)),
        }
        storage = spec.pool or engine.site.storage
        if not await placing.is_linked(engine.client, source, storage):
            params["full"] = True
            if storage:
                params["storage"] = await placing.disk_storage(
                    engine.client, source.node, storage, source.kind
                )
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
            if spec.kind is GuestKind.VM:
                return await self._restore_machine(spec, node, volume)
            # A backup brings its guest's config along, MAC and addresses too.
            more: dict[str, Param] = {"restore": True, "unique": True}
            return await self._unpack(spec, node, volume, more, restored=True)

    async def _restore_machine(self, spec: GuestSpec, node: str, volume: str) -> EngineTask:
        """Unpack a virtual machine; its plan makes it its own, as it does to a clone."""
        engine, wanted = self._engine, spec.pool or self._engine.site.storage
        storage = await placing.disk_storage(engine.client, node, wanted, GuestKind.VM)
        bridge = await bridges.of_guest(engine, node, spec.network)
        record = mapping.record_of(spec, mapping.plan_of(spec, engine.site, bridge))
        params: dict[str, Param] = {
            "archive": volume,
            "unique": True,
            "storage": storage,
            "name": spec.name,
            "description": mapping.description(record),
        }
        params |= {"pool": engine.site.pool} if engine.site.pool else {}

        async def ask(vmid: int) -> Upid:
            engine.directory.expect(vmid, spec.name, record)
            doing = "restore a virtual machine"
            form = {"vmid": vmid, **params}
            return accepted(await engine.client.call(calls.VM_RESTORE, doing, form, node=node))

        place = _Place(node, GuestKind.VM, Lock(Scope.STORAGE, f"{node}/{storage}"))
        return await self._numbered(spec, place, ask)

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
        params |= {"features": NESTED} if plan.nesting else {}

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
        until = pace.now() + LOCK_SECONDS
        while True:
            try:
                return await ask(vmid)
            except errors.LockedError:
                if source is None or pace.now() > until:
                    raise
                if await self._engine.directory.quiet(source, LOCK_SECONDS, _CLOSE) is None:
                    raise


def require_fit(source: Found, spec: GuestSpec) -> None:
    """Pass if such a guest can be made of this one. Raises Conflict, with what to change."""
    if source.kind is GuestKind.CONTAINER and not number(source.config.get("unprivileged")):
        raise errors.ConflictError(
            f"{source.name} is a privileged container, and nothing is made of those"
        )
    if source.kind is GuestKind.VM and spec.address is not None:
        require_cloud_init(source, "network", "address")


def require_cloud_init(source: Found, part: str, what: str) -> None:
    """Pass if Proxmox tells cloud-init in a copy what it needs. Raises Conflict."""
    if not source.cloud_init:
        raise errors.ConflictError(
            f"{source.name} has no cloud-init drive, so no {what} would reach its copy",
            hint="Add a cloud-init drive to the template in Proxmox",
        )
    if source.replaces(part):
        raise errors.ConflictError(
            f"{source.name} has a file of its own for cloud-init's {part} data, so no {what}"
            " would reach its copy",
            hint=f"Take {part}= out of the template's cicustom in Proxmox",
        )


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
