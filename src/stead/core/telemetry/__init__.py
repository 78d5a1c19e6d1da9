"""Traces and figures of what happens, for a collector; nothing at all unless one is named.

Everything asks here and knows nothing of OpenTelemetry, which is imported when it is switched on.
"""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import datetime
from importlib import import_module
from typing import Final, Protocol, cast

from stead.core.errors import Kind, SteadError

Attributes = Mapping[str, str | int]


class TelemetryMissingError(SteadError):
    """A collector is named and the packages that speak to it are not installed."""

    kind = Kind.UNSUPPORTED
    code = "telemetry.missing"


class Span(Protocol):
    """Something that takes time."""

    def set(self, name: str, value: str | int) -> None:
        """Say something about it."""
        ...

    def call(self, name: str) -> None:
        """Give it a better name."""
        ...


class Backend(Protocol):
    """Where it goes."""

    def span(self, name: str, parent: str, attributes: Attributes) -> AbstractContextManager[Span]:
        """Measure a block, below the parent or below what is measured around it."""
        ...

    def carried(self) -> str:
        """Return what is measured now, as others can name it as their parent."""
        ...

    def record(
        self, name: str, parent: str, times: tuple[datetime, datetime], attributes: Attributes
    ) -> None:
        """Write down what has ended already."""
        ...

    def measure(self, name: str, seconds: float, attributes: Attributes) -> None:
        """Add to the distribution of a duration."""
        ...

    def close(self) -> None:
        """Send what is left."""
        ...


class _Nothing:
    def set(self, name: str, value: str | int) -> None:
        """Forget it."""

    def call(self, name: str) -> None:
        """Forget it."""


class _Off:
    """Measures nothing."""

    backend: Backend | None = None


_NOTHING: Final[AbstractContextManager[Span]] = nullcontext(_Nothing())


def start(endpoint: str, service: str) -> None:
    """Send to a collector from now on. Raises TelemetryMissingError."""
    try:
        found = import_module("stead.core.telemetry.otlp")
    except ImportError as error:
        raise TelemetryMissingError(
            "A collector is named, but the packages of telemetry are not installed",
            hint="Install requirements/telemetry.txt, or take telemetry.endpoint out",
        ) from error
    _Off.backend = cast("Backend", found.Otlp(endpoint, service))


def stop() -> None:
    """Send what is left and measure nothing any more; twice is fine."""
    backend, _Off.backend = _Off.backend, None
    if backend is not None:
        backend.close()


@contextmanager
def sending(endpoint: str, service: str) -> Iterator[None]:
    """Send while this lasts, if a collector is named. Raises TelemetryMissingError."""
    if endpoint:
        start(endpoint, service)
    try:
        yield
    finally:
        stop()


def on() -> bool:
    """Tell whether anything is measured."""
    return _Off.backend is not None


def span(name: str, parent: str = "", **attributes: str | int) -> AbstractContextManager[Span]:
    """Measure a block."""
    if _Off.backend is None:
        return _NOTHING
    return _Off.backend.span(name, parent, attributes)


def carried() -> str:
    """Return what is measured now (W3C trace context), for work that goes on elsewhere."""
    return "" if _Off.backend is None else _Off.backend.carried()


def record(
    name: str, parent: str, times: tuple[datetime, datetime], **attributes: str | int
) -> None:
    """Write down what has ended already, below a parent that was carried here."""
    if _Off.backend is not None:
        _Off.backend.record(name, parent, times, attributes)


def measure(name: str, seconds: float, **attributes: str | int) -> None:
    """Add to the distribution of a duration."""
    if _Off.backend is not None:
        _Off.backend.measure(name, seconds, attributes)
