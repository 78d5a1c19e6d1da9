"""What pages and the API say about a package: its proof, its needs and what it opens."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from stead.catalog.loader import Package
from stead.catalog.schemas import Manifest, Service
from stead.ui.models import Badge, Tone


@dataclass(frozen=True, slots=True)
class AppCard:
    """An app among others."""

    id: str
    name: str
    summary: str
    category: str
    tags: tuple[str, ...]
    has_icon: bool
    badge: Badge
    words: str


@dataclass(frozen=True, slots=True)
class Exposed:
    """One service, in words."""

    name: str
    how: str
    public: bool


def cards(packages: Iterable[Package]) -> list[AppCard]:
    """Return the apps by name."""
    made = [card(package) for package in packages]
    return sorted(made, key=lambda one: one.name.lower())


def card(package: Package) -> AppCard:
    """Return what a list shows of an app."""
    manifest = package.manifest
    words = (manifest.name, manifest.id, manifest.category, *manifest.tags, summary(package))
    return AppCard(
        id=manifest.id,
        name=manifest.name,
        summary=summary(package),
        category=manifest.category,
        tags=tuple(manifest.tags),
        has_icon=package.icon is not None,
        badge=badge(package),
        words=" ".join(words).lower(),
    )


def summary(package: Package) -> str:
    """Return one line about an app."""
    manifest = package.manifest
    return manifest.summary or manifest.description.partition("\n")[0]


def badge(package: Package) -> Badge:
    """Say what the prover found about these very scripts."""
    record = package.record
    if record is None and package.unproven:
        return Badge("Not proven", Tone.QUIET, "ring")
    if record is None:
        return Badge("Not tested", Tone.QUIET, "ring")
    if record.result == "proven":
        return Badge("Tested", Tone.GOOD, "check")
    if record.result == "impossible":
        return Badge("Not proven", Tone.QUIET, "ring")
    return Badge("Failed its test", Tone.BAD, "warn")


def exposed(manifest: Manifest) -> list[Exposed]:
    """Return what listens once the app is installed."""
    return [Exposed(one.name, _how(one), one.exposure == "public") for one in manifest.services]


def systems(manifest: Manifest) -> str:
    """Return the systems on which it runs, in words."""
    lowest = manifest.os_requirements.lowest
    return " or ".join(
        f"{family.capitalize()} {version} or newer" if version else family.capitalize()
        for family, version in lowest.items()
    )


def found(
    packages: Mapping[str, Package], words: str = "", category: str = "", tag: str = ""
) -> list[Package]:
    """Return the packages that have every word, and the category and the tag if one is given."""
    wanted = words.lower().split()
    return [
        package
        for package in packages.values()
        if all(word in card(package).words for word in wanted)
        and category in ("", package.manifest.category)
        and (not tag or tag in package.manifest.tags)
    ]


def _how(service: Service) -> str:
    port = service.port if isinstance(service.port, int) else "a port of your choice"
    if service.exposure == "private":
        return f"{service.protocol.upper()} on port {port}, inside the project only"
    return "HTTPS at an address of its own" if service.protocol == "http" else "TCP on a port"
