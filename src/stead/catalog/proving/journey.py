"""One package's whole life in fresh guests; every claim is checked against its opposite first."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Final

from stead.catalog.inputs import Inputs, validate
from stead.catalog.loader import Package, PackageProof
from stead.catalog.proving import guest as guests
from stead.catalog.proving.guest import BACKUP, KEPT, STATE, Guest, Ran
from stead.catalog.proving.lab import Lab, LabError
from stead.catalog.proving.leftovers import leftovers
from stead.catalog.proving.reach import answers, figures
from stead.catalog.records import Record
from stead.catalog.schemas import Value
from stead.kit import clock, ids
from stead.kit.process import ProcessError

Say = Callable[[str], None]
_SHOWN: Final = 12
_LINE = re.compile(r"[a-z][a-z0-9_]*=.*")


class ProofError(Exception):
    """A package did not do what it says; the message names what was expected."""


@dataclass(frozen=True, slots=True)
class Journey:
    """A proof on its way: what is proven, where, and how long each part took."""

    lab: Lab
    package: Package
    proof: PackageProof
    earlier: Package | None
    say: Say
    seconds: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    guests: list[Guest] = field(default_factory=list)


async def prove(lab: Lab, package: Package, say: Say, earlier: Package | None = None) -> Record:
    """Prove one package; what it does wrong is in the record, only cancelling is raised."""
    began = clock.monotonic()
    if package.proof is None:
        return _record(package, "failed", "proof.yml is missing: it says what to change and stop")
    journey = Journey(lab, package, package.proof, earlier, say)
    result, reason = "proven", ""
    try:
        await _travel(journey)
    except ProofError as error:
        result, reason = "failed", str(error)
    except (LabError, ProcessError, OSError, TimeoutError) as error:
        result, reason = "failed", f"the guest: {error}"
        if package.manifest.nesting and not journey.seconds:
            result = "impossible"
    finally:
        for guest in journey.guests:
            await asyncio.shield(guest.delete())
    journey.seconds["total"] = clock.monotonic() - began
    return _record(package, result, reason, journey)


async def _travel(journey: Journey) -> None:
    terms = journey.proof.terms
    manifest = journey.package.manifest
    one = await _fresh(journey)
    before = await one.inventory()
    await one.unpack(journey.package)
    prepared = await _prepare(journey, one)
    first = validate(manifest, {**terms.inputs, **prepared})
    await _install(journey, one, first)
    second = await _change(journey, one, first, terms.change)
    await _stop(journey, one, second)
    marker = {"MARKER": f"kept{ids.new_id()}"}
    if terms.stateless:
        journey.notes.append(f"keeps nothing: {terms.stateless}")
    else:
        await _must(journey, one, "proof/write.sh", second, "a marker is written", marker)
        await _must(journey, one, "proof/read.sh", second, "the marker is read", marker)
    if manifest.backup_script is not None:
        await _restore(journey, one, second, marker)
    if journey.earlier is not None:
        await _upgrade(journey, journey.earlier, marker)
    await _uninstall(journey, one, second, before)


async def _install(journey: Journey, guest: Guest, given: Inputs) -> None:
    manifest = journey.package.manifest
    if manifest.check_script is None:
        raise ProofError("there is no check.sh: nothing tells a working app from a broken one")
    await _must_not(journey, guest, manifest.check_script, given, "before it is installed")
    ran = await _run(journey, guest, manifest.install_script, given)
    _require(ran, "it installs")
    if "::progress 100" not in ran.output:
        raise ProofError("install.sh does not tell its progress to the end (::progress 100 …)")
    journey.seconds["install"] = ran.seconds
    journey.say(f"installed in {ran.seconds:.1f} s")
    await _must(journey, guest, manifest.check_script, given, "the check passes")
    await _reach(journey, guest, given)
    for path in manifest.data:
        if (await guest.execute("test", "-e", path)).code:
            raise ProofError(f"its data is not at {path}")


async def _reach(journey: Journey, guest: Guest, given: Inputs) -> None:
    """Ask every service from outside of the guest, the way the manifest says."""
    manifest = journey.package.manifest
    for service in manifest.services:
        port = manifest.service_port(service, given.values)
        if problem := await answers(guest.address, port, service):
            raise ProofError(f"service {service.name} on port {port}: {problem}")
    if manifest.metrics is not None:
        source = manifest.service(manifest.metrics.service)
        port = manifest.service_port(source, given.values) if source else 0
        if not await figures(guest.address, port, manifest.metrics.path):
            raise ProofError(f"no figures at port {port} {manifest.metrics.path}")


async def _change(
    journey: Journey, guest: Guest, first: Inputs, change: dict[str, Value]
) -> Inputs:
    manifest = journey.package.manifest
    secrets = {name: secret.reveal() for name, secret in first.secrets.items()}
    second = validate(manifest, {**first.values, **secrets, **change})
    await _must_not(journey, guest, "proof/changed.sh", second, "before the input is changed")
    ran = await _run(journey, guest, manifest.install_script, second)
    _require(ran, "it installs again with a changed input")
    journey.seconds["change"] = ran.seconds
    await _must(journey, guest, "proof/changed.sh", second, "the change is in effect")
    await _must(journey, guest, manifest.check_script or "", second, "the check passes again")
    journey.say(f"changed {', '.join(change)} in {ran.seconds:.1f} s")
    return second


async def _stop(journey: Journey, guest: Guest, given: Inputs) -> None:
    check = journey.package.manifest.check_script or ""
    for unit in journey.proof.terms.stop:
        done = await guest.execute("systemctl", "stop", unit)
        if done.code:
            raise ProofError(f"{unit} cannot be stopped: {done.output.strip()[-300:]}")
    await _must_not(journey, guest, check, given, "while its service is stopped")
    ran = await _run(journey, guest, journey.package.manifest.install_script, given)
    _require(ran, "installing again repairs it")
    await _must(journey, guest, check, given, "the check passes after the repair")
    journey.say("a stopped service is noticed and repaired")


async def _restore(journey: Journey, source: Guest, given: Inputs, marker: dict[str, str]) -> None:
    manifest, package = journey.package.manifest, journey.package
    ran = await _run(journey, source, manifest.backup_script or "", given)
    _require(ran, "it is backed up")
    journey.seconds["backup"] = ran.seconds
    packed = await source.execute("tar", "cf", f"{STATE}/backup.tar", "-C", BACKUP, ".")
    if packed.code:
        raise ProofError(f"backup.sh leaves nothing in {BACKUP}")
    async with _another(journey, source) as target:
        await target.unpack(package)
        await _carry(source, target, "backup.tar")
        _require(await _run(journey, target, manifest.install_script, given), "it installs anew")
        keeps = not journey.proof.terms.stateless
        if keeps:
            fresh = "in the fresh guest"
            await _must_not(journey, target, "proof/read.sh", given, fresh, marker)
        unpack = f"install -d -m 0700 {BACKUP} && tar xf {STATE}/backup.tar -C {BACKUP}"
        await target.execute("sh", "-c", unpack)
        ran = await _run(journey, target, manifest.restore_script or "", given)
        _require(ran, "it is restored into a fresh guest")
        journey.seconds["restore"] = ran.seconds
        check = manifest.check_script or ""
        await _must(journey, target, check, given, "the check passes after the restore")
        if keeps:
            await _must(journey, target, "proof/read.sh", given, "the marker is back", marker)
    journey.say(f"restored into a fresh guest in {ran.seconds:.1f} s")


async def _upgrade(journey: Journey, earlier: Package, marker: dict[str, str]) -> None:
    manifest, package = journey.package.manifest, journey.package
    async with _another(journey, journey.guests[0]) as guest:
        await guest.unpack(earlier)
        await guest.unpack(package)
        raw = {
            name: value
            for name, value in journey.proof.terms.inputs.items()
            if earlier.manifest.input(name) is not None
        }
        old = validate(earlier.manifest, raw)
        limit = earlier.manifest.timeout_seconds
        ran = await guest.script(earlier, earlier.manifest.install_script, old, None, limit)
        _require(ran, f"{earlier.manifest.version} installs")
        secrets = {name: secret.reveal() for name, secret in old.secrets.items()}
        given = validate(manifest, {**old.values, **secrets})
        if not journey.proof.terms.stateless:
            await _must(journey, guest, "proof/write.sh", given, "a marker is written", marker)
        script = manifest.upgrade_script or manifest.install_script
        ran = await _run(journey, guest, script, given)
        _require(ran, f"it is upgraded from {earlier.manifest.version}")
        journey.seconds["upgrade"] = ran.seconds
        await _must(journey, guest, manifest.check_script or "", given, "the upgraded app works")
        if not journey.proof.terms.stateless:
            await _must(journey, guest, "proof/read.sh", given, "the marker survives", marker)
    journey.notes.append(f"upgraded from {earlier.manifest.version}")
    journey.say(f"upgraded from {earlier.manifest.version} in {ran.seconds:.1f} s")


async def _uninstall(
    journey: Journey, guest: Guest, given: Inputs, before: dict[str, dict[str, str]]
) -> None:
    manifest = journey.package.manifest
    if manifest.uninstall_script is None:
        raise ProofError("there is no uninstall.sh")
    ran = await _run(journey, guest, manifest.uninstall_script, given)
    _require(ran, "it uninstalls")
    journey.seconds["uninstall"] = ran.seconds
    again = await _run(journey, guest, manifest.uninstall_script, given)
    _require(again, "it uninstalls twice without complaint")
    await guest.execute("rm", "-rf", BACKUP)
    found = leftovers(before, await guest.inventory(), journey.proof.terms.leftovers)
    if found:
        listed = "; ".join(found[:_SHOWN])
        raise ProofError(f"uninstalling leaves {len(found)} differences: {listed}")
    journey.say(f"uninstalled without a trace in {ran.seconds:.1f} s")


async def _prepare(journey: Journey, guest: Guest) -> dict[str, Value]:
    """Let the proof make inputs that cannot be written down, such as a key pair."""
    if "proof/prepare.sh" not in journey.proof.files:
        return {}
    nothing = Inputs({}, {})
    ran = await guest.script(journey.package, "proof/prepare.sh", nothing, {"KEPT": KEPT})
    _require(ran, "proof/prepare.sh succeeds")
    pairs = [line.partition("=") for line in ran.output.splitlines() if _LINE.fullmatch(line)]
    return {name: value for name, _, value in pairs}


async def _fresh(journey: Journey) -> Guest:
    guest = await guests.start(journey.lab, journey.package)
    journey.guests.append(guest)
    return guest


@contextlib.asynccontextmanager
async def _another(journey: Journey, source: Guest) -> AsyncIterator[Guest]:
    """Start one more guest with what the proof keeps, for a while."""
    guest = await _fresh(journey)
    await source.execute("tar", "cf", f"{STATE}/kept.tar", "-C", KEPT, ".")
    await _carry(source, guest, "kept.tar")
    await guest.execute(
        "sh", "-c", f"mkdir -p {KEPT} && tar xf {STATE}/kept.tar -C {KEPT} && rm {STATE}/kept.tar"
    )
    yield guest
    await guest.delete()
    journey.guests.remove(guest)


async def _carry(source: Guest, target: Guest, name: str) -> None:
    found = await source.execute("test", "-e", f"{STATE}/{name}")
    if found.code == 0:
        await target.push(await source.pull(f"{STATE}/{name}"), f"{STATE}/{name}")


async def _run(
    journey: Journey,
    guest: Guest,
    script: str,
    given: Inputs,
    extra: dict[str, str] | None = None,
) -> Ran:
    limit = journey.package.manifest.timeout_seconds
    more = {"KEPT": KEPT, "ADDRESS": guest.address, **(extra or {})}
    own = more if script.startswith("proof/") else None
    return await guest.script(journey.package, script, given, own, limit)


async def _must(
    journey: Journey,
    guest: Guest,
    script: str,
    given: Inputs,
    claim: str,
    extra: dict[str, str] | None = None,
) -> None:
    _require(await _run(journey, guest, script, given, extra), claim)


async def _must_not(
    journey: Journey,
    guest: Guest,
    script: str,
    given: Inputs,
    when: str,
    extra: dict[str, str] | None = None,
) -> None:
    ran = await _run(journey, guest, script, given, extra)
    if ran.code == 0:
        raise ProofError(f"{script} passes {when}, so it proves nothing")


def _require(ran: Ran, claim: str) -> None:
    if ran.code:
        raise ProofError(f"not so: {claim} (exit code {ran.code}): {ran.output[-600:]}")


def _record(package: Package, result: str, reason: str, journey: Journey | None = None) -> Record:
    manifest = package.manifest
    return Record.model_validate(
        {
            "package": manifest.id,
            "version": manifest.version,
            "digest": package.digest,
            "proof": package.proof.digest if package.proof else "",
            "date": clock.utc_now().date().isoformat(),
            "system": "debian 12",
            "result": result,
            "reason": " ".join(reason.split())[:600],
            "notes": journey.notes if journey else [],
            "seconds": {k: round(v, 1) for k, v in journey.seconds.items()} if journey else {},
        }
    )
