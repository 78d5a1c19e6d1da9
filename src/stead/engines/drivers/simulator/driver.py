"""The simulated engine's driver: the reference for what the port's words mean."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from typing_extensions import override

from stead.engines import errors
from stead.engines.capabilities import Ability
from stead.engines.drivers.simulator import faults
from stead.engines.drivers.simulator.around import Around
from stead.engines.drivers.simulator.inside import Inside
from stead.engines.drivers.simulator.journal import Journal
from stead.engines.drivers.simulator.looking import Looking
from stead.engines.drivers.simulator.nodes import Nodes
from stead.engines.drivers.simulator.times import RealTime, VirtualTime
from stead.engines.drivers.simulator.world import World
from stead.engines.values import GuestEvent, GuestUsage

_OPTIONS: Final = frozenset(("nodes", "images", "time", "speed", "state", "faults", "without"))


class SimulatorDriver(Around, Inside, Looking, Nodes):
    """Every ability of the port, on a world in memory."""

    @property
    def world(self) -> World:
        """Return the simulated cluster, for tests that look behind the port."""
        return self._world

    @override
    async def close(self) -> None:
        self._world.close()

    async def usage(self) -> tuple[GuestUsage, ...]:
        async with self._call("usage", "", Ability.METRICS):
            now = self._world.time.now()
            return tuple(
                GuestUsage(
                    name=guest.name,
                    cpu_seconds=round((now - guest.started_at) * guest.size.cores / 50, 3),
                    memory_bytes=guest.size.memory_mb * 1024 * 1024 // 4,
                    disk_bytes=sum(len(f.content) for f in (guest.disk or {}).values()),
                    received_bytes=int(now - guest.started_at) * 200,
                    sent_bytes=int(now - guest.started_at) * 100,
                )
                for guest in self._world.guests.values()
                if guest.running
            )

    @asynccontextmanager
    async def events(self) -> AsyncIterator[AsyncIterator[GuestEvent]]:
        async with self._call("events", "", Ability.EVENTS):
            queue: asyncio.Queue[GuestEvent | None] = asyncio.Queue()
            self._world.listeners.add(queue)
        try:
            yield _follow(queue)
        finally:
            self._world.listeners.discard(queue)


async def _follow(queue: asyncio.Queue[GuestEvent | None]) -> AsyncIterator[GuestEvent]:
    while (event := await queue.get()) is not None:
        yield event
    raise errors.UnreachableError("Events came faster than they were read")


def open_driver(options: Mapping[str, str]) -> SimulatorDriver:
    """Return a driver with a world of its own; named by the entry point ``simulator``.

    Options, all of them optional: ``nodes`` (how many), ``images`` (names, by comma), ``time``
    (``real`` or ``jump``), ``speed`` of real time, ``state`` (a file that keeps the world),
    ``faults`` (a JSON file of rules), ``without`` (abilities to switch off, by comma).
    """
    if unknown := set(options) - _OPTIONS:
        raise errors.InvalidError(f"The engine simulator has no option {min(unknown)!r}")
    try:
        return _open(options)
    except (ValueError, OSError) as error:
        raise errors.InvalidError(f"The engine simulator cannot be set up: {error}") from error


def _open(options: Mapping[str, str]) -> SimulatorDriver:
    journal = Journal(Path(options["state"])) if options.get("state") else None
    start = journal.moment if journal is not None else 0
    speed = float(options.get("speed", "1"))
    if options.get("time", "real") not in {"real", "jump"} or speed <= 0:
        raise ValueError("time is real or jump, and speed is above 0")
    real = options.get("time", "real") == "real"
    world = World(
        RealTime(speed=speed, start=start) if real else VirtualTime(start=start),
        nodes=[f"sim{number + 1}" for number in range(int(options.get("nodes", "3")))],
        images=options.get("images", "stead-base").split(","),
        journal=journal,
    )
    rules = json.loads(Path(options["faults"]).read_text()) if options.get("faults") else []
    without = frozenset(Ability(each) for each in options.get("without", "").split(",") if each)
    return SimulatorDriver(world, faults.FaultPlan(faults.parse(rules)), without)
