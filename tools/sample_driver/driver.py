"""The sample engine's driver: nothing of it is written yet, and each method says so."""

from collections.abc import Mapping
from typing import Final

from stead.engines import errors
from stead.engines.capabilities import Ability, Capabilities, no
from stead.engines.values import EngineTask, Guest, GuestSpec, Health

_OPTIONS: Final = frozenset(("url", "token"))


class SampleDriver:
    """One cluster. It looks before it makes, and leaves waiting to ``settle``."""

    def __init__(self, url: str, token: str) -> None:
        self._url, self._token = url, token

    async def health(self) -> Health:
        raise _not_written("health")

    async def capabilities(self, pool: str = "") -> Capabilities:
        return Capabilities((no(Ability.CONTAINERS, "create is not written yet"),), pool)

    async def inventory(self) -> tuple[Guest, ...]:
        raise _not_written("inventory")

    async def find(self, name: str) -> Guest | None:
        raise _not_written("find")

    async def create(self, spec: GuestSpec) -> EngineTask:
        raise _not_written("create")

    async def start(self, name: str) -> EngineTask:
        raise _not_written("start")

    async def stop(self, name: str, *, force: bool) -> EngineTask:
        raise _not_written("stop")

    async def delete(self, name: str) -> EngineTask:
        raise _not_written("delete")

    async def settle(self, task: EngineTask, limit_seconds: float) -> None:
        raise _not_written("settle")

    async def close(self) -> None:
        """Let go of connections; there are none yet."""


def _not_written(method: str) -> errors.UnsupportedError:
    return errors.UnsupportedError(
        f"The engine sample has no {method} yet", hint=f"Write it in {__name__}"
    )


def open_driver(options: Mapping[str, str]) -> SampleDriver:
    """Return a driver of one cluster, without any I/O; named by the entry point ``sample``."""
    if unknown := set(options) - _OPTIONS:
        raise errors.InvalidError(f"The engine sample has no option {min(unknown)!r}")
    if missing := _OPTIONS - set(options):
        raise errors.InvalidError(f"The engine sample needs {min(missing)!r}")
    return SampleDriver(options["url"], options["token"])
