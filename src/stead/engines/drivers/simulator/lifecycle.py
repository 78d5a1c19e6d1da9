"""The port's own methods on the simulated cluster."""

from stead.engines import errors, limits
from stead.engines.capabilities import Ability, Capabilities
from stead.engines.drivers.simulator import records
from stead.engines.drivers.simulator.calls import DONE, POOL, Calls
from stead.engines.drivers.simulator.faults import Effect, Fault
from stead.engines.drivers.simulator.records import Disk
from stead.engines.drivers.simulator.world import MAKING
from stead.engines.values import EngineTask, Guest, GuestKind, GuestSpec, Health, NetworkSpec

VERSION = "1 (simulated)"


class Lifecycle(Calls):
    """Guests come, run and go."""

    async def health(self) -> Health:
        async with self._call("health"):
            up = tuple(node for node in self._world.nodes if node not in self._world.down)
            return Health(VERSION, up, engine="Simulator", simulated=True)

    async def capabilities(self, pool: str = "") -> Capabilities:
        async with self._call("capabilities"):
            if pool not in {"", POOL}:
                raise errors.NotFoundError(f"There is no simulated storage {pool}")
            return self.record()

    async def inventory(self) -> tuple[Guest, ...]:
        async with self._call("inventory") as fault:
            if fault is None or fault.effect is not Effect.STALE_INVENTORY:
                self._last_inventory = tuple(map(self._world.see, self._world.guests.values()))
            return self._last_inventory

    async def find(self, name: str) -> Guest | None:
        async with self._call("find", name):
            guest = self._world.guests.get(name)
            return self._world.see(guest) if guest is not None else None

    async def create(self, spec: GuestSpec) -> EngineTask:
        limits.check_spec(spec)
        self._check_kind(spec)
        async with self._call("create", spec.name) as fault:
            if (task := self._made_before(spec)) is not None:
                return task
            image = self._world.images.get(spec.image)
            if image is None:
                raise errors.NotFoundError(f"There is no image {spec.image}")
            return self._make("create", spec, image.disk, fault)

    async def reassign(self, name: str, spec: GuestSpec) -> EngineTask:
        limits.check_spec(spec)
        self._check_kind(spec)
        async with self._call("reassign", name):
            if (task := self._made_before(spec)) is not None:
                return task
            guest = self._idle(name, running=False)
            if guest.log:
                raise errors.ConflictError(f"The guest {name} has run, and keeps what it did")
            if spec.kind is not guest.kind:
                raise errors.InvalidError(f"{name} is a {guest.kind} and stays one")
            if spec.disk_gb < guest.size.disk_gb:
                raise errors.InvalidError(f"The disk of {name} is larger already")
            self._check_place(spec)
            made = records.new_guest(spec, node=guest.node, mac=guest.mac, pool=POOL, task="")
            made.disk, made.made = guest.disk, True
            self._world.replace(guest, made)
            return DONE

    async def start(self, name: str) -> EngineTask:
        async with self._call("start", name) as fault:
            guest = self._guest(name)
            if (task := self._running_task(guest, "start")) is not None:
                return task
            return DONE if self._idle(name).running else self._accept("start", name, fault)

    async def stop(self, name: str, *, force: bool) -> EngineTask:
        async with self._call("stop", name) as fault:
            if name not in self._world.guests:
                return DONE
            guest = self._guest(name)
            if (task := self._running_task(guest, "stop")) is not None:
                return task
            return self._accept("stop", name, fault) if self._idle(name).running else DONE

    async def delete(self, name: str) -> EngineTask:
        async with self._call("delete", name) as fault:
            if name not in self._world.guests:
                return DONE
            guest = self._guest(name)
            if (task := self._running_task(guest, "delete")) is not None:
                return task
            self._idle(name, running=False)
            return self._accept("delete", name, fault)

    async def settle(self, task: EngineTask, limit_seconds: float) -> None:
        if task.done:
            return
        world, deadline = self._world, self._world.time.now() + limit_seconds
        async with self._call("settle", self._name_of(task)):
            found = world.tasks.get(task.native_id)
            if found is None:
                return
            while not found.ended and world.time.now() < deadline:
                await world.time.until(min(found.ends_at, deadline))
            if not found.ended:
                raise errors.OutcomeUnknownError(
                    f"The simulated task has not ended within {limit_seconds:g} seconds"
                )
            if found.failure is not None:
                raise world.failure(found)

    async def close(self) -> None:
        """Let go of nothing: the world stays, as an engine does when a client leaves."""

    async def ensure_network(self, spec: NetworkSpec) -> None:
        async with self._call("ensure_network", spec.name, Ability.NETWORKS):
            self._world.save_network(spec.name)

    async def boot_log(self, name: str) -> str:
        async with self._call("boot_log", name, Ability.BOOT_LOG):
            guest = self._world.guests.get(name)
            return guest.log[-4000:] if guest is not None else ""

    def _name_of(self, task: EngineTask) -> str:
        found = self._world.tasks.get(task.native_id)
        return found.guest if found is not None else ""

    def _check_kind(self, spec: GuestSpec) -> None:
        self.record().require(
            Ability.CONTAINERS if spec.kind is GuestKind.CONTAINER else Ability.VMS
        )

    def _made_before(self, spec: GuestSpec) -> EngineTask | None:
        """Return what an earlier call with this key began; raise Conflict for another key."""
        guest = self._world.guests.get(spec.name)
        if guest is None:
            return None
        if guest.key != spec.key:
            raise errors.ConflictError(f"There is a guest {spec.name} already, not this one")
        return self._running_task(guest, *MAKING) or DONE

    def _make(self, kind: str, spec: GuestSpec, disk: Disk, fault: Fault | None) -> EngineTask:
        world = self._world
        self._check_place(spec)
        guest = records.new_guest(
            spec, node=world.place(), mac=world.new_mac(), pool=POOL, task=""
        )
        guest.disk = dict(disk) or None
        world.add(guest)
        return self._accept(kind, spec.name, fault)

    def _check_place(self, spec: GuestSpec) -> None:
        world = self._world
        if spec.network and spec.network not in world.networks:
            raise errors.NotFoundError(f"There is no network {spec.network}")
        if spec.pool not in {"", POOL}:
            raise errors.NotFoundError(f"There is no simulated storage {spec.pool}")
        if spec.address and (spec.network, str(spec.address)) in world.addresses:
            raise errors.ConflictError(f"The address {spec.address} belongs to another guest")
