"""Bundles: several packages as a unit, what one gives wired to what another asks for.

A bundle is a folder with ``bundle.yml`` beside those of packages. Whether its members fit is
known only with the whole catalog, so that is checked once all packages are read.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from stead.catalog import document, folders, inputs, lint, resolver
from stead.catalog.document import Document, Where
from stead.catalog.errors import (
    InvalidInputsError,
    PackageError,
    Problem,
    UnknownBundleError,
    UnmetError,
)
from stead.catalog.loader import BUNDLE, BrokenPackage, Package, folders_in, is_bundle
from stead.catalog.rules import placeholders
from stead.catalog.schemas import (
    Line,
    Manifest,
    Name,
    Prose,
    SnakeName,
    Value,
    Version,
    VersionRange,
)

INSIDE: Final = "inside"
MEMBERS: Final = 8
# A member's name ends the name of its deployment, which has forty characters.
MemberName = Annotated[str, StringConstraints(pattern=r"^[a-z]([a-z0-9-]{0,13}[a-z0-9])?$")]
Source = Annotated[
    str, StringConstraints(pattern=r"^[a-z]([a-z0-9-]{0,13}[a-z0-9])?\.[a-z][a-z0-9_]{0,39}$")
]
_Fault = tuple[Where, str, str]


class _Shape(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Member(_Shape):
    """One package of a bundle, on an instance of its own.

    ``inputs`` are answers that are given for everybody. ``wiring`` says of inputs where their
    answers come from: ``MEMBER.OUTPUT``, or ``MEMBER.inside`` for its address in the project.
    """

    name: MemberName
    package: Name
    version: VersionRange = "*"
    inputs: dict[SnakeName, Value] = {}
    wiring: dict[SnakeName, Source] = {}

    @property
    def sources(self) -> list[str]:
        """Return the members that this one is wired to."""
        return sorted({source.partition(".")[0] for source in self.wiring.values()})


class Bundle(_Shape):
    """Several packages as a unit, as an author describes them."""

    id: Name
    name: Line
    version: Version
    summary: Line
    description: Prose = ""
    category: Name
    author: Line
    tags: Annotated[list[Name], Field(max_length=16)] = []
    members: Annotated[list[Member], Field(min_length=1, max_length=MEMBERS)]

    def member(self, name: str) -> Member | None:
        """Return the member of that name, if there is one."""
        return next((one for one in self.members if one.name == name), None)

    @property
    def providers(self) -> frozenset[str]:
        """Return the members that others are wired to, who therefore reach them."""
        return frozenset(source for one in self.members for source in one.sources)


@dataclass(frozen=True, slots=True)
class LoadedBundle:
    """A bundle whose members fit: in the order in which they are deployed."""

    bundle: Bundle
    digest: str
    order: tuple[str, ...]
    packages: Mapping[str, Package] = field(repr=False)

    def asks(self, member: Member) -> Manifest:
        """Return a member's manifest without what the bundle answers itself."""
        manifest = self.packages[member.name].manifest
        given = member.inputs.keys() | member.wiring.keys()
        left = [one for one in manifest.inputs if one.name not in given]
        return manifest.model_copy(update={"inputs": left})


def bundle_schema() -> dict[str, object]:
    """Return the published JSON Schema (2020-12) of ``bundle.yml``."""
    dialect = "https://json-schema.org/draft/2020-12/schema"
    return {"$schema": dialect, **Bundle.model_json_schema()}


@dataclass(frozen=True, slots=True)
class Bundles:
    """Every bundle that was found."""

    known: Mapping[str, LoadedBundle] = field(default_factory=dict)
    broken: tuple[BrokenPackage, ...] = ()

    def get(self, name: str) -> LoadedBundle:
        """Return the bundle of that name; raises UnknownBundleError."""
        if name not in self.known:
            raise UnknownBundleError(name)
        return self.known[name]


def load_bundles(places: Sequence[Path], packages: Mapping[str, Package]) -> Bundles:
    """Read every bundle inside these folders; of two with the same id the first one wins.

    Reads files, so it belongs into a thread. Never raises for what it finds there.
    """
    known: dict[str, LoadedBundle] = {}
    broken: list[BrokenPackage] = []
    for folder in (one for place in places for one in _folders(place)):
        try:
            found = load_bundle(folder, packages)
        except PackageError as error:
            broken.append(BrokenPackage(folder, error.problems))
        else:
            known.setdefault(found.bundle.id, found)
    return Bundles(MappingProxyType(dict(sorted(known.items()))), tuple(broken))


def _folders(place: Path) -> list[Path]:
    try:
        return [one for one in folders_in(place) if is_bundle(one)]
    except OSError:
        return []  # the catalog says so already


def load_bundle(folder: Path, packages: Mapping[str, Package]) -> LoadedBundle:
    """Read a bundle and check it against these packages; raises PackageError with all faults."""
    files = folders.read(folder)
    if BUNDLE not in files:
        raise PackageError(Problem(BUNDLE, None, "is missing", "write one"))
    read = document.read(BUNDLE, files[BUNDLE])
    bundle = lint.shaped(read, Bundle)
    if bundle.id != folder.name:
        raise PackageError(read.problem(("id",), "differs from its folder", f"say {folder.name}"))
    members = _members(bundle, read, packages)
    order = _order(bundle, read)
    faults = [
        *_conflicts(bundle, packages),
        *(fault for at, one in enumerate(bundle.members) for fault in _wired(at, one, members)),
    ]
    if faults:
        raise PackageError(*(read.problem(*fault) for fault in faults))
    told = "".join(f"{name} {members[name].digest}\n" for name in sorted(members))
    digest = hashlib.sha256(files[BUNDLE] + told.encode()).hexdigest()
    return LoadedBundle(bundle, digest, order, members)


def _members(
    bundle: Bundle, read: Document, packages: Mapping[str, Package]
) -> dict[str, Package]:
    found: dict[str, Package] = {}
    problems = []
    for at, one in enumerate(bundle.members):
        package = packages.get(one.package)
        here: Where = ("members", at)
        if one.name in found:
            problems.append(
                read.problem((*here, "name"), f"{one.name} is there twice", "rename one")
            )
        if package is None:
            message = f"{one.name} needs {one.package}, which is not in the catalog"
            problems.append(read.problem((*here, "package"), message, "name a package of it"))
            continue
        version = package.manifest.version
        if not resolver.is_within(version, one.version):
            message = f"{one.name} needs {one.package} {one.version}; {version} is in the catalog"
            problems.append(read.problem((*here, "version"), message, "change the range"))
        found[one.name] = package
    if problems:
        raise PackageError(*problems)
    return found


def _order(bundle: Bundle, read: Document) -> tuple[str, ...]:
    """Return members so that each comes after those that it is wired to."""
    order: list[str] = []
    left = list(bundle.members)
    while left:
        ready = [one for one in left if all(source in order for source in one.sources)]
        if not ready:
            at = bundle.members.index(left[0])
            names = " and ".join(one.name for one in left)
            message = f"{names} wait for each other, or for a member that is not there"
            raise PackageError(read.problem(("members", at, "wiring"), message, "unwire one"))
        order += [one.name for one in ready]
        left = [one for one in left if one.name not in order]
    return tuple(order)


def _conflicts(bundle: Bundle, packages: Mapping[str, Package]) -> Iterator[_Fault]:
    try:
        resolver.plan(packages, [one.package for one in bundle.members], {})
    except UnmetError as error:
        yield ("members",), error.message, "choose packages that go together"


def _wired(at: int, member: Member, packages: Mapping[str, Package]) -> Iterator[_Fault]:
    manifest = packages[member.name].manifest
    for name, source in member.wiring.items():
        here: Where = ("members", at, "wiring", name)
        asked = manifest.input(name)
        if asked is None:
            yield here, f"{member.package} asks for no {name}", "name one of its inputs"
        elif name in member.inputs:
            yield here, f"{name} is answered twice", "remove it from inputs"
        elif (secret := _is_secret(packages, source)) is None:
            yield here, f"{source} is given by nobody", "name an output of a member, or .inside"
        elif secret and not asked.is_secret:
            yield here, f"{source} is secret and {name} is not", "wire it to a password"
    for one in manifest.inputs:
        rule = one.visible_if
        if rule is not None and rule.input in member.wiring:
            text = f"{one.name} depends on {rule.input}, whose answer comes later"
            yield ("members", at, "wiring", rule.input), text, "answer it in inputs"
    yield from _answered(at, member, manifest)


def _answered(at: int, member: Member, manifest: Manifest) -> Iterator[_Fault]:
    for name in member.inputs:
        asked = manifest.input(name)
        here: Where = ("members", at, "inputs", name)
        if asked is None:
            yield here, f"{member.package} asks for no {name}", "name one of its inputs"
        elif asked.is_secret:
            yield here, f"{name} is a secret that everybody could read", "leave it to be made"
    only = manifest.model_copy(
        update={"inputs": [one for one in manifest.inputs if one.name in member.inputs]}
    )
    try:
        inputs.validate(only, member.inputs)
    except InvalidInputsError as error:
        for name, text in error.fields.items():
            yield ("members", at, "inputs", name), f"{name}: {text}", "correct it"


def _is_secret(packages: Mapping[str, Package], source: str) -> bool | None:
    """Tell whether what a member gives is secret; None when it gives no such thing."""
    name, _, output = source.partition(".")
    if name not in packages:
        return None
    manifest = packages[name].manifest
    for one in manifest.outputs:
        if one.name == output:
            asked = (manifest.input(each) for each in placeholders(one.value))
            return any(each is not None and each.is_secret for each in asked)
    return False if output == INSIDE else None
