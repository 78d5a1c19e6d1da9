"""Loads folders of packages into a catalog; a broken package is reported and hides no other."""

import hashlib
import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Final

from stead.catalog import archive, document, folders, lint, records, rules
from stead.catalog.errors import PackageError, Problem, UnknownPackageError
from stead.catalog.records import Record
from stead.catalog.schemas import Manifest, Proof
from stead.core.authz import Actor

BUILT_IN: Final = Path(__file__).parent / "packages"
MANIFEST: Final = "manifest.yml"
BUNDLE: Final = "bundle.yml"
MANIFEST_LIMIT: Final = 256 * 1024
LIBRARY: Final = "stead.sh"
LOCK_FILE: Final = "package-lock.json"
PROOF: Final = "proof.yml"
DRAFT: Final = "draft.json"
PROOF_FOLDER: Final = "proof/"
_NOT_SENT: Final = frozenset({MANIFEST, PROOF, "README.md", "REVIEW.md", "icon.svg"})


@dataclass(frozen=True, slots=True)
class Origin:
    """The source that a package came from; what comes with the server has none."""

    id: str
    name: str
    revision: str


@dataclass(frozen=True, slots=True)
class Package:
    """One version of an app, ready to be offered and to be sent to an agent.

    ``own_digest`` leaves out the shell functions that we add, which come with the server.
    """

    manifest: Manifest
    digest: str
    own_digest: str
    archive: bytes = field(repr=False)
    readme: str = field(repr=False)
    icon: str | None = field(repr=False)
    proof: "PackageProof | None" = field(repr=False)
    record: Record | None = None
    origin: Origin | None = None
    place: Path | None = None

    @property
    def tested(self) -> Record | None:
        """Return the record that these very scripts passed their proof, if there is one."""
        found = self.record
        return found if found is not None and found.result == "proven" else None

    @property
    def unproven(self) -> str | None:
        """Return why its author could not prove it, until somebody has."""
        return self.proof.terms.unproven if self.proof and self.tested is None else None


@dataclass(frozen=True, slots=True)
class PackageProof:
    """What the prover needs; guests of people who deploy never see it."""

    terms: Proof
    files: Mapping[str, bytes] = field(repr=False)
    digest: str


@dataclass(frozen=True, slots=True)
class BrokenPackage:
    """A folder that is no usable package, and why."""

    folder: Path
    problems: tuple[Problem, ...]
    origin: Origin | None = None


@dataclass(slots=True)
class Catalog:
    """Everything that was found. ``users`` says which projects use which source.

    One of these is handed out when the server starts, and filled anew whenever a source changes.
    """

    packages: Mapping[str, Package]
    broken: tuple[BrokenPackage, ...] = ()
    users: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def fill(self, other: "Catalog") -> None:
        """Offer what another one has, from now on."""
        self.packages, self.broken, self.users = other.packages, other.broken, other.users

    def get(self, name: str, projects: Collection[str] | None = None) -> Package:
        """Return the package of that name; raises UnknownPackageError.

        With ``projects`` one that none of them uses the source of is as good as absent.
        """
        found = self.packages.get(name)
        if found is None or not self.offers(found, projects):
            raise UnknownPackageError(name)
        return found

    def offered(self, projects: Collection[str] | None) -> Mapping[str, Package]:
        """Return what is offered to these projects together; None stands for everything."""
        return {
            name: package
            for name, package in self.packages.items()
            if self.offers(package, projects)
        }

    def offers(self, package: Package, projects: Collection[str] | None) -> bool:
        """Tell whether one of these projects may use a package."""
        if package.origin is None or projects is None:
            return True
        return not self.users.get(package.origin.id, frozenset()).isdisjoint(projects)


def reach(actor: Actor) -> Collection[str] | None:
    """Return the projects whose packages somebody sees; None stands for all packages."""
    return None if actor.oversees else actor.projects.keys()


def load(places: Sequence[Path]) -> Catalog:
    """Read every folder inside the given ones; where two have the same id the first one wins.

    Reads files, so it belongs into a thread. Never raises for what it finds there.
    """
    packages: dict[str, Package] = {}
    broken: list[BrokenPackage] = []
    for place in places:
        try:
            found = [one for one in folders_in(place) if not is_bundle(one)]
        except OSError as error:
            problem = Problem(
                ".", None, f"cannot be read ({error.strerror})", "allow or remove it"
            )
            broken.append(BrokenPackage(place, (problem,)))
            continue
        proven = records.latest(records.read(place))
        for folder in found:
            try:
                package = with_record(load_package(folder), proven)
                _add(packages, replace(package, place=place))
            except PackageError as error:
                broken.append(BrokenPackage(folder, error.problems))
    return Catalog(MappingProxyType(dict(sorted(packages.items()))), tuple(broken))


def load_package(folder: Path) -> Package:
    """Read one package; raises PackageError with everything that is wrong with it."""
    return package_of(folder.name, folders.read(folder))


def package_of(name: str, files: Mapping[str, bytes]) -> Package:
    """Make a package of the files of a folder of this name; raises PackageError."""
    manifest = _manifest(name, files)
    problems = [
        *_draft_problems(files),
        *_script_problems(manifest, files),
        *_secret_problems(files),
        *_icon_problems(files),
    ]
    if problems:
        raise PackageError(*problems)
    content = {name: data for name, data in files.items() if _is_sent(name)}
    packed = archive.build(manifest, {**content, LIBRARY: _library()})
    return Package(
        manifest=manifest,
        digest=hashlib.sha256(packed).hexdigest(),
        own_digest=hashlib.sha256(archive.build(manifest, content)).hexdigest(),
        archive=packed,
        readme=_text(files, "README.md") or "",
        icon=_text(files, "icon.svg"),
        proof=_proof(manifest, files),
    )


def find_earlier(folder: Path) -> Package | None:
    """Return the version before this one, where its author keeps it (.earlier/ID beside it)."""
    older = folder.parent / ".earlier" / folder.name
    return load_package(older) if older.is_dir() else None


def with_record(package: Package, proven: Mapping[tuple[str, str], Record]) -> Package:
    """Return a package with what the prover last found about these very files."""
    proof = package.proof.digest if package.proof else ""
    return replace(package, record=proven.get((package.digest, proof)))


def _is_sent(name: str) -> bool:
    return name not in _NOT_SENT and not name.startswith(PROOF_FOLDER)


def _proof(manifest: Manifest, files: Mapping[str, bytes]) -> PackageProof | None:
    if PROOF not in files:
        return None
    terms = lint.parse_proof(document.read(PROOF, files[PROOF]), manifest)
    own = {name: data for name, data in files.items() if name.startswith(PROOF_FOLDER)}
    wanted = ["changed.sh"] if terms.stateless else ["changed.sh", "write.sh", "read.sh"]
    scripts = {*(f"{PROOF_FOLDER}{name}" for name in wanted), *(n for n in own if ".sh" in n)}
    problems = _faults_of_scripts(sorted(scripts), files)
    if problems:
        raise PackageError(*problems)
    parts = sorted([(PROOF, files[PROOF]), *own.items()])
    told = b"".join(b"%s %d\n%s" % (name.encode(), len(data), data) for name, data in parts)
    return PackageProof(terms, MappingProxyType(own), hashlib.sha256(told).hexdigest())


def is_bundle(folder: Path) -> bool:
    """Tell whether a folder holds several packages as a unit, rather than one package."""
    return (folder / BUNDLE).is_file()


def folders_in(place: Path) -> list[Path]:
    """Return the folders inside of one that are not hidden; raises OSError."""
    with os.scandir(place) as entries:
        names = [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
    return [place / name for name in sorted(names) if not name.startswith((".", "_"))]


def _add(packages: dict[str, Package], package: Package) -> None:
    name = package.manifest.id
    if name in packages:
        message = f"the id {name} belongs to a package that was found first"
        raise PackageError(Problem(MANIFEST, None, message, "choose another id"))
    packages[name] = package


def _manifest(folder: str, files: Mapping[str, bytes]) -> Manifest:
    if MANIFEST not in files:
        raise PackageError(Problem(MANIFEST, None, "is missing", "write one"))
    for name in (archive.MANIFEST, LIBRARY):
        if name in files:
            raise PackageError(Problem(name, None, "is a name that we fill in", "rename it"))
    data = files[MANIFEST]
    if len(data) > MANIFEST_LIMIT:
        message = f"is larger than {MANIFEST_LIMIT // 1024} KiB"
        raise PackageError(Problem(MANIFEST, None, message, "shorten it"))
    read = document.read(MANIFEST, data)
    manifest = lint.parse(read)
    if manifest.id != folder:
        raise PackageError(read.problem(("id",), "differs from its folder", f"say {folder}"))
    return manifest


def _draft_problems(files: Mapping[str, bytes]) -> list[Problem]:
    """Refuse what was imported until a person has confirmed it."""
    fix = "read REVIEW.md, then: stead catalog confirm FOLDER"
    told = Problem(DRAFT, None, "is a draft that nobody has confirmed", fix)
    return [told] if DRAFT in files else []


def _script_problems(manifest: Manifest, files: Mapping[str, bytes]) -> list[Problem]:
    return _faults_of_scripts(manifest.scripts, files)


def _secret_problems(files: Mapping[str, bytes]) -> list[Problem]:
    """Find passwords that everybody would know; prose may speak of them."""
    fix = "take it from an input of type password with generate: true"
    return [
        Problem(name, line, f"sets a secret that everybody can read: {words}", fix)
        for name, data in files.items()
        if _is_sent(name) and b"\0" not in data
        for line, words in rules.fixed_secrets(_searched(name, data))
    ]


def _searched(name: str, data: bytes) -> str:
    text = data.decode("utf-8", errors="replace")
    return rules.without_locked(text) if name.rpartition("/")[2] == LOCK_FILE else text


def _faults_of_scripts(scripts: Sequence[str], files: Mapping[str, bytes]) -> list[Problem]:
    problems = []
    for script in scripts:
        text = _text(files, script)
        fault = "is missing" if text is None else rules.script_problem(text)
        if fault:
            fix = "begin it with #!/bin/bash and set -euo pipefail"
            problems.append(Problem(script, None if text is None else 1, fault, fix))
    return problems


def _icon_problems(files: Mapping[str, bytes]) -> list[Problem]:
    icon = _text(files, "icon.svg")
    fault = None if icon is None else rules.icon_problem(icon)
    return [Problem("icon.svg", None, fault, "draw it with plain shapes")] if fault else []


def _text(files: Mapping[str, bytes], name: str) -> str | None:
    try:
        return files[name].decode("utf-8") if name in files else None
    except UnicodeDecodeError as error:
        raise PackageError(Problem(name, None, "is not UTF-8", "save it as UTF-8")) from error


def _library() -> bytes:
    """Return the shell functions that every package may use."""
    return (BUILT_IN / LIBRARY).read_bytes()
