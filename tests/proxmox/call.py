"""What a handler gets and gives: the call, the answer, the refusal, and the list of handlers."""

import dataclasses
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.proxmox.world import World

VERIFY = "Parameter verification failed."


class RefusedError(Exception):
    """An answer that is not 200; the text becomes the reason phrase."""

    def __init__(
        self,
        status: int,
        reason: str,
        errors: Mapping[str, str] | None = None,
        *,
        bare: bool = False,
        echo: bool = False,
    ) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.errors = errors
        # What the server itself refuses has no JSON: an empty body, or the reason once more.
        self.bare = bare or echo
        self.body = reason.encode() if echo else b""


def died(text: str) -> RefusedError:
    """Return what an uncaught error of the real one looks like."""
    return RefusedError(500, text)


def invalid(**errors: str) -> RefusedError:
    """Return a refusal of parameters."""
    return RefusedError(400, VERIFY, errors)


def forbidden(detail: str = "") -> RefusedError:
    """Return a failed permission check."""
    return RefusedError(
        403, f"Permission check failed ({detail})" if detail else "Permission check failed"
    )


@dataclasses.dataclass
class Reply:
    """An answer with keys beside ``data``, or one that is not JSON at all."""

    data: object
    beside: dict[str, object] = dataclasses.field(default_factory=dict)
    raw: bytes | None = None


@dataclasses.dataclass
class Identity:
    """Who calls: a user by ticket, or a token of a user."""

    name: str
    ticket: bool

    @property
    def user(self) -> str:
        return self.name.split("!", maxsplit=1)[0]

    @property
    def root(self) -> bool:
        """Only the person root counts as root; a token of root does not."""
        return self.name == "root@pam"


@dataclasses.dataclass
class Call:
    """One call after routing, authentication and the check of its parameters."""

    world: "World"
    who: Identity
    params: dict[str, Any]
    raw: dict[str, Any]
    path: str = ""

    def get(self, name: str, default: Any = None) -> Any:
        return self.params.get(name, default)

    def __getitem__(self, name: str) -> Any:
        return self.params[name]

    def may(self, path: str, *privileges: str) -> bool:
        """Whether the caller has one of these privileges."""
        return any(self.world.access.has(self.who.name, path, one) for one in privileges)

    def need(self, path: str, *privileges: str) -> None:
        """Refuse unless the caller has one of these privileges."""
        if not self.may(path, *privileges):
            raise forbidden(f"{path}, {'|'.join(privileges)}")


Handler = Callable[[Call], Awaitable[object]]
HANDLERS: dict[str, Handler] = {}


def serves(*keys: str) -> Callable[[Handler], Handler]:
    """Mark the handler of ``METHOD /path/{as}/in/the/table``."""

    def register(handler: Handler) -> Handler:
        for key in keys:
            HANDLERS[key] = handler
        return handler

    return register
