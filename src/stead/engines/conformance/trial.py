"""What a behaviour works with: a cluster, fresh guests on it, and words for broken promises."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Final, Protocol, TypeVar

from stead.engines import limits
from stead.engines.abilities import (
    Backups,
    BootLog,
    Clone,
    Console,
    Evacuation,
    Events,
    Exec,
    Files,
    Images,
    Metrics,
    Networks,
    Resize,
    Snapshots,
)
from stead.engines.capabilities import Ability
from stead.engines.errors import EngineError, Retry
from stead.engines.port import EngineDriver
from stead.engines.values import (
    Command,
    EngineTask,
    Finished,
    Guest,
    GuestKind,
    GuestSize,
    GuestSpec,
    NetworkSpec,
)
from stead.kit import ids

FIRST_ADDRESS: Final = 20
_TRIES: Final = 400
Answer = TypeVar("Answer")


class BrokenError(Exception):
    """The driver does not keep a promise of the port."""


class FullDriver(
    EngineDriver,
    Files,
    Networks,
    BootLog,
    Snapshots,
    Resize,
    Exec,
    Console,
    Clone,
    Images,
    Backups,
    Metrics,
    Events,
    Evacuation,
    Protocol,
):
    """A driver of which a behaviour uses only what its needs name."""


@dataclass(frozen=True, slots=True)
class Target:
    """A cluster to try, and how.

    ``image`` holds sh, cat, echo, head, sleep, stty, ip, ping, dd and fallocate. ``other`` is a
    network that belongs to another project. ``another`` gives a second driver of the same
    cluster, as after a restart. ``lose_answer`` makes the driver lose the answer of its next
    change, ``alone`` says that nobody else is on the cluster, so that its nodes may be emptied;
    without them those behaviours are left out. ``kind`` is what every guest of the run is, and
    ``smallest`` the size from which its image can be begun.
    """

    driver: FullDriver
    another: Callable[[], FullDriver]
    image: str
    network: NetworkSpec
    other: NetworkSpec
    lose_answer: Callable[[], None] | None = None
    seconds: float = 120
    pause_seconds: float = 0.05
    prefix: str = field(default_factory=lambda: "cf" + ids.new_id()[-6:])
    numbers: "count[int]" = field(default_factory=count)
    alone: bool = False
    kind: GuestKind = GuestKind.CONTAINER
    smallest: GuestSize = limits.MINIMUM


@dataclass(frozen=True, slots=True)
class Behaviour:
    """One promise, in the words of its docstring, and what the cluster needs to keep it.

    ``only`` names the kind of guest that it is about, when it is not about both.
    """

    name: str
    promise: str
    needs: tuple[Ability, ...]
    run: Callable[["Trial"], Awaitable[None]]
    loses_answers: bool = False
    disturbs: bool = False
    only: GuestKind | None = None


class Trial:
    """One run of one behaviour; it knows what it made and takes it away."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.driver = target.driver
        self._names: list[str] = []
        self._images: list[str] = []

    def spec(self, **changes: object) -> GuestSpec:
        """Return a new guest's spec, as small as can be, with an address and MAC of its own."""
        number = next(self.target.numbers)
        name = f"{self.target.prefix}-{number}"
        spec = GuestSpec(
            name=name,
            key=f"key-of-{name}",
            owner=f"owner-of-{name}",
            image=self.target.image,
            network=self.target.network.name,
            address=self.target.network.cidr[FIRST_ADDRESS + number],
            mac=f"02:5d:{number >> 8 & 255:02x}:{number & 255:02x}:00:01",
            cores=self.target.smallest.cores,
            memory_mb=self.target.smallest.memory_mb,
            disk_gb=self.target.smallest.disk_gb,
            kind=self.target.kind,
        )
        spec = replace(spec, **changes)  # type: ignore[arg-type]
        self._names.append(spec.name)
        return spec

    def grown(self) -> GuestSize:
        """Return a size with more memory and a larger disk than the smallest has."""
        least = self.target.smallest
        return replace(least, memory_mb=2 * least.memory_mb, disk_gb=least.disk_gb + 1)

    def image_name(self) -> str:
        """Return the name of an image that the trial will make."""
        name = f"{self.target.prefix}-image-{next(self.target.numbers)}"
        self._images.append(name)
        return name

    async def make(self, spec: GuestSpec | None = None, *, start: bool = False) -> GuestSpec:
        """Create a guest, and start it if asked for; return its spec."""
        spec = spec or self.spec()
        await self.done(self.driver.create(spec))
        if start:
            await self.start(spec.name)
        return spec

    async def start(self, name: str) -> None:
        """Start a guest and wait."""
        await self.patiently(lambda: self.driver.start(name))

    async def stop(self, name: str) -> None:
        """Stop a guest by force and wait."""
        await self.patiently(lambda: self.driver.stop(name, force=True))

    async def done(self, call: Awaitable[EngineTask]) -> None:
        """Wait until what a call began has ended well."""
        await self.driver.settle(await call, self.target.seconds)

    async def patiently(self, call: Callable[[], Awaitable[EngineTask]]) -> None:
        """Do and settle, again while the failure may pass, as a step of a workflow does."""
        for left in range(_TRIES, -1, -1):
            try:
                await self.done(call())
            except EngineError as error:
                if error.retry is Retry.NEVER or not left:
                    raise
                await asyncio.sleep(self.target.pause_seconds)
            else:
                return

    async def guest(self, name: str) -> Guest:
        """Return a guest that has to be there."""
        found = await self.driver.find(name)
        if found is None:
            raise BrokenError(f"the guest {name} is not found")
        return found

    async def run(self, name: str, script: str, *, limit_seconds: float = 60) -> Finished:
        """Run a line of shell in a guest."""
        return await self.driver.execute(
            name, Command(("sh", "-c", script), limit_seconds=limit_seconds)
        )

    async def said(self, name: str, script: str) -> str:
        """Return what a line of shell says; it has to end well."""
        finished = await self.run(name, script)
        expect(
            finished.code == 0,
            f"in the guest, {script!r} ends with {finished.code}: "
            f"{finished.errors.decode(errors='replace')[:200]}",
        )
        return finished.output.decode(errors="replace").strip()

    async def clean(self) -> None:
        """Take away everything that the trial made, and see that it is gone."""
        await asyncio.gather(*map(self._remove, self._names))
        for name in self._images:
            await self.patiently(lambda name=name: self.driver.delete_image(name))  # type: ignore[misc]
        left = {guest.name for guest in await self.driver.inventory()} & set(self._names)
        expect(not left, f"deleted guests stay in the inventory: {sorted(left)}")

    async def _remove(self, name: str) -> None:
        if await self.driver.find(name) is not None:
            await self.stop(name)
            await self.patiently(lambda: self.driver.delete(name))


def expect(kept: bool, promise: str) -> None:  # noqa: FBT001  (it reads as an assertion)
    """Raise Broken with the promise unless it was kept."""
    if not kept:
        raise BrokenError(promise)


async def refused(call: Awaitable[object], *kinds: type[EngineError]) -> EngineError:
    """Return the error of a call that has to fail as one of these kinds."""
    wanted = " or ".join(kind.__name__ for kind in kinds)
    try:
        result = await call
    except kinds as error:
        return error
    except EngineError as error:
        raise BrokenError(
            f"it fails as {type(error).__name__} instead of {wanted}: {error.message}"
        ) from error
    raise BrokenError(f"it works ({result!r}) instead of failing as {wanted}")
