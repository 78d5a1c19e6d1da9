"""View models that more than one domain shows; templates get these instead of loose strings."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from stead.kit.words import Said


class Tone(StrEnum):
    """What a state means to the person who looks at it."""

    GOOD = "good"
    BUSY = "busy"
    BAD = "bad"
    QUIET = "quiet"


@dataclass(frozen=True, slots=True)
class Badge:
    """A state in words; ``icon`` says the same again for those who cannot tell colours."""

    label: str
    tone: Tone
    icon: str

    def __post_init__(self) -> None:
        """Take the label for one of our own texts; what is no message stays as it is."""
        if not isinstance(self.label, Said):
            object.__setattr__(self, "label", Said(self.label))


@dataclass(frozen=True, slots=True)
class Link:
    """A place to go to; ``external`` ones are apps, which open in a tab of their own."""

    url: str
    label: str
    external: bool = False


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several answers; ``help`` says what it leads to."""

    value: str
    label: str
    help: str = ""


@dataclass(frozen=True, slots=True)
class Problem:
    """What went wrong and what to do next."""

    title: str
    text: str
    hint: str = ""

    def __post_init__(self) -> None:
        """Take the title for one of our own texts."""
        if not isinstance(self.title, Said):
            object.__setattr__(self, "title", Said(self.title))


class Viewer(Protocol):
    """Who looks at a page."""

    @property
    def name(self) -> str:
        """Return the name to greet with."""
        ...

    @property
    def csrf(self) -> str:
        """Return what the forms of this session carry."""
        ...

    @property
    def oversees(self) -> bool:
        """Tell whether the pages about the whole platform are for them."""
        ...
