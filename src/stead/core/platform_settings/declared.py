"""What a platform setting is; each domain declares its own beside the code that obeys them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeAlias

from stead.core.platform_settings.kinds import Json, Kind, Value


@dataclass(frozen=True, slots=True)
class Setting(Generic[Value]):
    """One setting of the whole platform; what comes before the dot of its name is its group.

    ``title`` names it for people, ``help`` says what it does and what a change means.
    """

    name: str
    default: Value
    kind: Kind[Value]
    title: str
    help: str

    @property
    def group(self) -> str:
        """Return what it stands together with."""
        return self.name.partition(".")[0]

    @property
    def stored_default(self) -> Json:
        """Return the default as it would be stored."""
        return self.kind.write(self.default)

    def accept(self, given: object) -> Json:
        """Return what is to be stored for what was given. Raises UnacceptableError."""
        return self.kind.write(self.kind.read(given))


AnySetting: TypeAlias = Setting[Any]


def collect(settings: Iterable[AnySetting]) -> Mapping[str, AnySetting]:
    """Return settings by name, in their order. A name that is there twice is a bug."""
    found: dict[str, AnySetting] = {}
    for one in settings:
        if one.name in found:
            raise ValueError(f"{one.name} is declared twice")
        found[one.name] = one
    return found
