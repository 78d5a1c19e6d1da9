"""Verbs for authors of packages: lint, new and test; they need no server."""

import asyncio
import contextlib
import importlib.resources
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final, Never

import typer

from stead.catalog import bundles, loader, records, scaffold
from stead.catalog.errors import PackageError
from stead.catalog.importing import checkout, confirm as confirming, draft
from stead.catalog.loader import BUILT_IN, Package
from stead.catalog.proving import lab as labs
from stead.catalog.proving.journey import prove
from stead.catalog.proving.lab import Lab, LabError
from stead.catalog.records import Record
from stead.catalog.schemas import manifest_schema
from stead.kit import process
from stead.kit.process import ProcessError

KINDS: Final = (loader.MANIFEST, loader.BUNDLE)
FAILED: Final = 1
USAGE: Final = 2
CHECKOUT: Final = Path(str(importlib.resources.files("stead"))).parents[1]
REPORT: Final = "catalog-report.md"
STATE: Final = Path("/var/lib/stead-proof")
Paths = Annotated[list[Path] | None, typer.Argument(help="Folders of packages, or of many.")]

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
commands = typer.Typer(no_args_is_help=True, help="Write, check and prove packages.")
app.add_typer(commands, name="catalog")


def main() -> None:
    """Run one of these verbs."""
    app()


@commands.command()
def lint(paths: Paths = None) -> None:
    """Check packages and print every fault with file, line and fix."""
    count = 0
    folders = _folders(paths or [BUILT_IN])
    for folder in folders:
        try:
            _check(folder)
        except PackageError as error:
            count += len(error.problems)
            for problem in error.problems:
                _say(f"{folder}/{problem}")
    if count:
        _fail(f"{count} fault{'s' if count > 1 else ''} in {len(folders)} package(s)")
    _say(f"{len(folders)} package(s), no faults")


def _check(folder: Path) -> None:
    """Read a package, or a bundle of those beside it and the built-in ones."""
    if not loader.is_bundle(folder):
        loader.load_package(folder)
        return
    bundles.load_bundle(folder, loader.load([folder.parent, BUILT_IN]).packages)


@commands.command()
def new(
    path: Annotated[Path, typer.Argument(help="The folder; its name is the app's id.")],
) -> None:
    """Write a small package that works, to change into your own."""
    try:
        written = scaffold.write(path)
    except scaffold.ScaffoldError as error:
        _fail(str(error))
    _say("\n".join(str(path / name) for name in written))
    _say(f"\nNow: stead catalog lint {path}; stead catalog test {path}")


@commands.command()
def schema(
    *, bundle: Annotated[bool, typer.Option("--bundle", help="That of bundle.yml.")] = False
) -> None:
    """Print the JSON Schema of manifest.yml, for editors."""
    found = bundles.bundle_schema() if bundle else manifest_schema()
    _say(json.dumps(found, indent=1))


@commands.command("import")
def import_(
    paths: Annotated[
        list[Path], typer.Argument(help="install/NAME-install.sh, or a checkout with many.")
    ],
    *,
    into: Annotated[Path, typer.Option(help="The folder that gets the drafts.")] = Path(),
) -> None:
    """Make drafts of packages from scripts in the style of Proxmox VE helper scripts.

    Their text is read, nothing is run. A draft is not offered before somebody confirmed it.
    """
    found = [script for path in paths for script in checkout.scripts(path.resolve())]
    if not found:
        _fail("there is no install/NAME-install.sh", USAGE)
    failed = 0
    for script in found:
        try:
            made = draft.make(checkout.read(script))
            folder = draft.write(made, into)
        except checkout.UnreadableError as error:
            failed += 1
            sys.stderr.write(f"stead: {error}\n")
            continue
        _say(f"{folder}: {made.open_points} points for a person, see {folder / draft.REVIEW}")
    if failed:
        _fail(f"{failed} of {len(found)} could not be imported")


@commands.command()
def confirm(
    folder: Annotated[Path, typer.Argument(help="The folder of a draft.")],
    *,
    seen: Annotated[
        str, typer.Option("--digest", help="Of what you looked at, instead of being asked.")
    ] = "",
) -> None:
    """Show how a draft differs from what was imported, and make a package of it."""
    folder = folder.resolve()
    try:
        digest = confirming.digest(folder)
        if not seen:
            _say("\n".join(confirming.difference(folder)))
            _say(f"\ndigest {digest}")
            if not sys.stdin.isatty():
                _fail(f"say --digest {digest} once you have looked at it", USAGE)
            typer.confirm("Does this do what you want, as root, and nothing else?", abort=True)
        confirming.enable(folder, seen or digest)
    except (checkout.UnreadableError, OSError) as error:
        _fail(str(error))
    _say(f"{folder.name} is a package now: stead catalog test {folder}")


@commands.command("test")
def prove_(
    paths: Paths = None,
    *,
    all_: Annotated[bool, typer.Option("--all", help="Prove the built-in packages.")] = False,
    changed: Annotated[
        bool, typer.Option("--changed", help="Leave out what the report says is proven.")
    ] = False,
    earlier: Annotated[
        Path | None, typer.Option(help="An earlier version of the package, to upgrade from.")
    ] = None,
    image: Annotated[
        Path | None, typer.Option(help="A folder that script/base-image wrote.")
    ] = None,
    incus: Annotated[
        Path | None, typer.Option(help="Use this Incus (its INCUS_DIR), not one of our own.")
    ] = None,
    report: Annotated[bool, typer.Option(help="Write down what was found.")] = True,
) -> None:
    """Prove packages in fresh containers: install, change, stop, back up, restore, uninstall."""
    chosen_folders = _folders([BUILT_IN] if all_ else paths or [])
    folders = [one for one in chosen_folders if not loader.is_bundle(one)]
    if not folders:
        _fail("name a package's folder, or say --all", USAGE)
    if earlier is not None and len(folders) > 1:
        _fail("--earlier belongs to one package", USAGE)
    try:
        packages = [(folder, _load(folder)) for folder in folders]
        older = loader.load_package(earlier) if earlier else None
        chosen = [pair for pair in packages if not (changed and pair[1].tested)]
        if all_:
            chosen = [pair for pair in chosen if not _leaves_out(pair[1])]
        if not chosen:
            _say("Nothing is left to prove")
            return
        failed = asyncio.run(_prove_all(chosen, older, image, incus, report=report))
    except (PackageError, LabError, ProcessError) as error:
        _fail(str(error))
    if failed:
        _fail(f"not proven: {', '.join(failed)}")


def _leaves_out(package: Package) -> bool:
    """Say which packages nobody can prove here; to try one all the same, name its folder."""
    if package.unproven:
        _say(f"{package.manifest.id} {package.manifest.version}: not proven, {package.unproven}")
    return package.unproven is not None


async def _prove_all(
    packages: Sequence[tuple[Path, Package]],
    earlier: Package | None,
    image: Path | None,
    incus: Path | None,
    *,
    report: bool,
) -> list[str]:
    failed = []
    async with contextlib.AsyncExitStack() as stack:
        folder = image or await _build_image(stack)
        lab = await stack.enter_async_context(_lab(incus, folder))
        for place, package in packages:
            name = package.manifest.id
            _say(f"{name} {package.manifest.version} ({package.digest[:12]})")
            older = earlier or loader.find_earlier(place)
            found = await prove(lab, package, lambda text: _say(f"  {text}"), older)
            _say(f"  {found.result} in {found.seconds.get('total', 0):.0f} s {found.reason}")
            if report:
                write_report(place.parent, found)
            if found.result != "proven":
                failed.append(name)
    return failed


def write_report(place: Path, record: Record) -> None:
    """Keep a record beside the packages and write the report for people anew."""
    kept = records.append(place, record)
    checkout = place == BUILT_IN and (CHECKOUT / "docs").is_dir()
    target = CHECKOUT / "docs" if checkout else place
    (target / REPORT).write_text(records.render(kept), encoding="utf-8")


def _lab(incus: Path | None, image: Path) -> contextlib.AbstractAsyncContextManager[Lab]:
    if incus is not None:
        return labs.given_lab(incus, image)
    if os.geteuid() != 0:
        raise LabError("Proofs start containers: run them as root, or name an Incus with --incus")
    return labs.own_lab(STATE, image)


async def _build_image(stack: contextlib.AsyncExitStack) -> Path:
    script = CHECKOUT / "script" / "base-image"
    if not script.exists():
        raise LabError("Name a folder with a base image: --image (script/base-image makes one)")
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    await process.check([str(script), str(folder)], limit_seconds=900)
    return folder


def _load(folder: Path) -> Package:
    """Load a package with its record; raises PackageError."""
    package = loader.load_package(folder)
    return loader.with_record(package, records.latest(records.read(folder.parent)))


def _folders(paths: Sequence[Path]) -> list[Path]:
    found: list[Path] = []
    for path in (one.resolve() for one in paths):
        if not path.is_dir():
            _fail(f"{path} is no folder", USAGE)
        within = sorted(one.parent for kind in KINDS for one in path.glob(f"*/{kind}"))
        itself = any((path / kind).exists() for kind in KINDS)
        found += [path] if itself or not within else within
    return found


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _fail(text: str, code: int = FAILED) -> Never:
    sys.stderr.write(f"stead: {text}\n")
    raise typer.Exit(code)
