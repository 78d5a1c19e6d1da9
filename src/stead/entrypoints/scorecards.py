"""``stead admin conformance``: tries every promise of the engine port on a real cluster."""

import hashlib
import sys
from dataclasses import replace
from ipaddress import IPv4Network
from typing import Annotated, Final, cast

import typer

from stead.core.settings import Settings
from stead.engines import registry
from stead.engines.capabilities import Ability
from stead.engines.conformance.scorecard import Result, Scorecard, run_all
from stead.engines.conformance.suite import BEHAVIOURS
from stead.engines.conformance.trial import FullDriver, Target
from stead.engines.values import GuestKind, GuestSize, NetworkSpec
from stead.entrypoints import engines
from stead.entrypoints.local import fail, run, say, settings

_PREFIX: Final = 22
_GIB: Final = 2**30
_VM_MEMORY_MB: Final = 512
# Nothing listens there; the networks' rules need the port of some control plane.
_AGENT_PORT: Final = 8444


def add_to(commands: typer.Typer) -> None:
    """Add the verb."""
    commands.command("conformance")(conformance)


def conformance(
    live: Annotated[
        str, typer.Option(metavar="URL", help="A cluster other than this server's own.")
    ] = "",
    engine: Annotated[str, typer.Option(help="Its kind; the default is this server's.")] = "",
    option: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="What its driver is opened with; repeatable."),
    ] = None,
    image: Annotated[
        str, typer.Option(help="An image with sh, ip, ping and a file system tool set.")
    ] = "",
    within: Annotated[
        str, typer.Option("--range", help="Addresses for two networks, at least a /21.")
    ] = "10.101.0.0/21",
    only: Annotated[str, typer.Option(help="Try behaviours whose name has this in it.")] = "",
) -> None:
    """Try what a cluster declares, with guests that are removed again; print a scorecard.

    With an image of virtual machines, they are what it is tried with.
    The last line is the card as JSON. The two networks stay, for the next time.
    """
    chosen = settings()
    kind = engine or chosen.engine.kind
    options = _options(chosen, kind, live, option or [])
    networks = _networks(within)
    if not any(only in behaviour.name for behaviour in BEHAVIOURS):
        fail(f"no behaviour has {only!r} in its name")
    card = run(_try(kind, options, image or chosen.incus.image, networks, only))
    say(card.text())
    say(card.json())
    if not card.passed:
        raise typer.Exit(1)


async def _try(
    kind: str,
    options: dict[str, str],
    image: str,
    networks: tuple[NetworkSpec, NetworkSpec],
    only: str,
) -> Scorecard:
    driver = _connect(kind, options)
    try:
        target = Target(driver, lambda: _connect(kind, options), image, *networks)
        if begun := await _machine(driver, image):
            target = replace(target, kind=GuestKind.VM, smallest=begun)
        behaviours = [behaviour for behaviour in BEHAVIOURS if only in behaviour.name]
        return await run_all(target, behaviours, registry.required(kind), _tell)
    finally:
        await driver.close()


async def _machine(driver: FullDriver, name: str) -> GuestSize | None:
    """Return the size from which virtual machines of an image begin; None for one of others."""
    if not (await driver.capabilities()).of(Ability.IMAGES).usable:
        return None
    image = next((one for one in await driver.list_images() if one.name == name), None)
    if image is None or image.kind is not GuestKind.VM:
        return None
    return GuestSize(1, _VM_MEMORY_MB, max(1, -(-image.size_bytes // _GIB)))


def _tell(result: Result) -> None:
    sys.stderr.write(f"{result.seconds:6.1f} s  {result.outcome:<12}  {result.behaviour.name}\n")


def _connect(kind: str, options: dict[str, str]) -> FullDriver:
    # Behaviours ask only for what the cluster declares; a method that is not there is a fault.
    return cast("FullDriver", registry.connect(kind, options))


def _options(chosen: Settings, kind: str, live: str, given: list[str]) -> dict[str, str]:
    found = engines.options(chosen) if kind == chosen.engine.kind else {}
    if kind == "simulator":
        # A world of its own, in which time jumps: the server's is left alone.
        found = {"time": "jump", "images": chosen.incus.image}
    if live:
        found["url"] = live
    for pair in given:
        name, is_pair, value = pair.partition("=")
        if not is_pair:
            fail(f"{pair!r} is not NAME=VALUE")
        found[name] = value
    return found


def _networks(within: str) -> tuple[NetworkSpec, NetworkSpec]:
    """Return two networks whose names tell their range: a name is never used for another one."""
    try:
        whole = IPv4Network(within)
        first, second, *_ = whole.subnets(new_prefix=_PREFIX)
    except ValueError:
        fail(f"{within} has no room for two networks of /{_PREFIX}")
    tag = hashlib.sha256(str(whole).encode()).hexdigest()[:8]
    own, other = (
        NetworkSpec(f"cf{tag}{number}", cidr, cidr[1], _AGENT_PORT, (whole,))
        for number, cidr in enumerate((first, second))
    )
    return own, other
