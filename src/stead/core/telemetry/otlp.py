"""Sends traces and figures to a collector by OTLP over HTTP, from threads of its own."""

from datetime import datetime
from functools import cache
from types import TracebackType
from typing import Final

from opentelemetry import propagate, trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.metrics import Histogram
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Status, StatusCode

from stead import __version__
from stead.core.telemetry import Attributes

_PARENT: Final = "traceparent"
_NANO: Final = 1_000_000_000
EVERY_MS: Final = 15_000
LINGER_MS: Final = 3_000


class _Measured:
    def __init__(self, inner: trace.Span) -> None:
        self._inner = inner

    def set(self, name: str, value: str | int) -> None:
        """Say something about it."""
        self._inner.set_attribute(name, value)

    def call(self, name: str) -> None:
        """Give it a better name."""
        self._inner.update_name(name)


class _Block:
    """A block that is measured. What it raised is told by its kind: messages may hold secrets."""

    def __init__(
        self, tracer: trace.Tracer, name: str, parent: str, attributes: Attributes
    ) -> None:
        self._inner = tracer.start_span(
            name, context=_context(parent), attributes=dict(attributes)
        )
        self._current = trace.use_span(
            self._inner, record_exception=False, set_status_on_exception=False
        )

    def __enter__(self) -> _Measured:
        self._current.__enter__()
        return _Measured(self._inner)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trail: TracebackType | None,
    ) -> None:
        if kind is not None:
            self._inner.set_status(Status(StatusCode.ERROR, kind.__name__))
        self._current.__exit__(kind, error, trail)
        self._inner.end()


class Otlp:
    """One connection to a collector. What it cannot send is dropped, never waited for."""

    def __init__(self, endpoint: str, service: str) -> None:
        base = endpoint.rstrip("/")
        about = Resource.create({"service.name": service, "service.version": __version__})
        self._traces = TracerProvider(resource=about, shutdown_on_exit=False)
        exporter = OTLPSpanExporter(endpoint=f"{base}/v1/traces", timeout=LINGER_MS / 1000)
        self._traces.add_span_processor(BatchSpanProcessor(exporter))
        figures = OTLPMetricExporter(endpoint=f"{base}/v1/metrics", timeout=LINGER_MS / 1000)
        reader = PeriodicExportingMetricReader(figures, export_interval_millis=EVERY_MS)
        self._figures = MeterProvider([reader], resource=about, shutdown_on_exit=False)
        self._tracer = self._traces.get_tracer("stead", __version__)
        self._histogram = cache(self._make_histogram)

    def span(self, name: str, parent: str, attributes: Attributes) -> "_Block":
        """Measure a block."""
        return _Block(self._tracer, name, parent, attributes)

    def carried(self) -> str:
        """Return what is measured now."""
        carrier: dict[str, str] = {}
        propagate.inject(carrier)
        return carrier.get(_PARENT, "")

    def record(
        self, name: str, parent: str, times: tuple[datetime, datetime], attributes: Attributes
    ) -> None:
        """Write down what has ended already."""
        began, ended = (int(moment.timestamp() * _NANO) for moment in times)
        one = self._tracer.start_span(
            name, context=_context(parent), attributes=dict(attributes), start_time=began
        )
        one.end(ended)

    def measure(self, name: str, seconds: float, attributes: Attributes) -> None:
        """Add to the distribution of a duration."""
        self._histogram(name).record(seconds, dict(attributes))

    def close(self) -> None:
        """Send what is left, for a short while."""
        self._traces.force_flush(LINGER_MS)
        self._traces.shutdown()
        self._figures.shutdown(LINGER_MS)

    def _make_histogram(self, name: str) -> Histogram:
        return self._figures.get_meter("stead", __version__).create_histogram(name, unit="s")


def _context(parent: str) -> Context | None:
    return propagate.extract({_PARENT: parent}) if parent else None
