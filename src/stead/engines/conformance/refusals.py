"""What a cluster declares that it cannot do, it refuses with the reason that it declared."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from stead.engines.capabilities import Ability
from stead.engines.conformance.trial import FullDriver, Trial, expect, refused
from stead.engines.errors import UnsupportedError
from stead.engines.values import (
    Command,
    GuestFile,
    GuestKind,
    GuestSize,
    GuestSpec,
    Image,
    TerminalSize,
)

Call = Callable[[FullDriver, GuestSpec], Awaitable[object]]


async def what_is_declared_no_is_refused(trial: Trial) -> None:
    """Each ability that is declared no has no method, or one that says the declared reason."""
    record = await trial.driver.capabilities()
    spec = await trial.make()
    for ability, (method, call) in _CALLS.items():
        entry = record.of(ability)
        if entry.usable or not hasattr(trial.driver, method):
            continue
        error = await refused(call(trial.driver, spec), UnsupportedError)
        expect(entry.reason in error.message, f"{ability} is refused with {error.message!r}")


async def _vm(driver: FullDriver, spec: GuestSpec) -> None:
    await driver.create(
        GuestSpec(
            name=spec.name + "-vm",
            key=spec.key,
            owner=spec.owner,
            image=spec.image,
            network=spec.network,
            address=None,
            mac="",
            cores=1,
            memory_mb=512,
            disk_gb=4,
            kind=GuestKind.VM,
        )
    )


async def _terminal(driver: FullDriver, spec: GuestSpec) -> None:
    async with driver.open_terminal(spec.name, TerminalSize()):
        pass


async def _events(driver: FullDriver, _spec: GuestSpec) -> None:
    async with driver.events():
        pass


async def _export(driver: FullDriver, spec: GuestSpec) -> None:
    async for _ in driver.export_backup(spec.name):
        pass


_CALLS: Final[Mapping[Ability, tuple[str, Call]]] = {
    Ability.VMS: ("create", _vm),
    Ability.EVACUATION: ("evacuate", lambda driver, _spec: driver.evacuate("no-such-node")),
    Ability.FILES: (
        "push_file",
        lambda driver, spec: driver.push_file(spec.name, GuestFile("/etc/x", b"")),
    ),
    Ability.EXEC: ("execute", lambda driver, spec: driver.execute(spec.name, Command(("true",)))),
    Ability.CONSOLE: ("open_terminal", _terminal),
    Ability.SNAPSHOTS: (
        "create_snapshot",
        lambda driver, spec: driver.create_snapshot(spec.name, "s"),
    ),
    Ability.RESIZE: (
        "resize",
        lambda driver, spec: driver.resize(spec.name, GuestSize(1, 128, 1)),
    ),
    Ability.CLONE: ("clone", lambda driver, spec: driver.clone(spec.name, spec)),
    Ability.IMAGES: (
        "publish_image",
        lambda driver, spec: driver.publish_image(spec.name, Image("refused", "k")),
    ),
    Ability.BACKUPS: ("export_backup", _export),
    Ability.METRICS: ("usage", lambda driver, _spec: driver.usage()),
    Ability.EVENTS: ("events", _events),
}
