"""How bundles look on pages and in the catalog's answers."""

from collections.abc import Mapping
from typing import Final

from stead.bundles.schemas import OfferedMemberOut, OfferedOut
from stead.catalog import public as catalog
from stead.ui.models import Badge, Tone

_STATES: Final[Mapping[str, Badge]] = {
    "waiting": Badge("Waiting", Tone.QUIET, "ring"),
    "deploying": Badge("Deploying", Tone.BUSY, "spin"),
    "live": Badge("Live", Tone.GOOD, "check"),
    "removing": Badge("Removing", Tone.BUSY, "spin"),
    "remove_failed": Badge("Removal failed", Tone.BAD, "warn"),
    "gone": Badge("Gone", Tone.QUIET, "ring"),
}
BUSY: Final = frozenset({"deploying", "removing"})


def state(name: str) -> Badge:
    """Return how a bundle or a member stands."""
    return _STATES.get(name, Badge(name, Tone.QUIET, "ring"))


def offered(loaded: catalog.LoadedBundle) -> OfferedOut:
    """Return what the catalog says of a bundle."""
    bundle = loaded.bundle
    return OfferedOut(
        id=bundle.id,
        name=bundle.name,
        version=bundle.version,
        summary=bundle.summary,
        description=bundle.description,
        category=bundle.category,
        tags=list(bundle.tags),
        digest=loaded.digest,
        members=[_member(loaded, name) for name in loaded.order],
    )


def _member(loaded: catalog.LoadedBundle, name: str) -> OfferedMemberOut:
    member = next(one for one in loaded.bundle.members if one.name == name)
    manifest = loaded.packages[name].manifest
    return OfferedMemberOut(
        name=name,
        app=manifest.id,
        version=manifest.version,
        wiring=dict(member.wiring),
        inputs=catalog.json_schema(loaded.asks(member)),
    )
