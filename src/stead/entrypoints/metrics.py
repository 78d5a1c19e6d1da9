"""Figures for Prometheus: what was asked of this process, and how operations stand.

They are told on the loopback only, to who asks directly: an edge passes the whole world on.
"""

from ipaddress import ip_address
from typing import Final

from fastapi import APIRouter, Request, Response
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from stead.agents import public as agents
from stead.core.authz import NotFoundError, public
from stead.core.db import Database
from stead.core.http import DatabaseDep
from stead.kit import clock
from stead.operations import public as operations

BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_SERVER_ERRORS: Final = 500
_NOT_MATCHED: Final = "(none)"
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_FORWARDED: Final = ("x-forwarded-for", "forwarded", "x-real-ip")
router = APIRouter(tags=["health"])


class Metrics:
    """The figures of one application."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        self.requests = Counter(
            "stead_http_requests",
            "Requests by method, route and status.",
            ("method", "route", "status"),
            registry=self.registry,
        )
        self.seconds = Histogram(
            "stead_http_request_seconds",
            "Time until an answer began, by route.",
            ("method", "route"),
            buckets=BUCKETS,
            registry=self.registry,
        )
        self.operations = Gauge(
            "stead_operations", "Operations by state.", ("state",), registry=self.registry
        )

        self.waiting = Gauge("stead_jobs_queued", "Jobs that wait.", registry=self.registry)
        self.running = Gauge("stead_jobs_running", "Jobs that run.", registry=self.registry)
        self.agents = self._gauge("stead_agents", "Agents by health.", "health")
        self.success = self._gauge(
            "stead_job_success_ratio", "Part of an app's latest jobs that ended well.", "app"
        )
        self.took = self._gauge(
            "stead_job_mean_seconds", "How long an app's latest jobs took.", "app"
        )
        self.failures = self._gauge(
            "stead_job_failures", "Failures among the latest jobs, by class.", "class"
        )

    def _gauge(self, name: str, text: str, label: str) -> Gauge:
        return Gauge(name, text, (label,), registry=self.registry)

    async def tell(self, database: Database) -> bytes:
        """Return all figures in Prometheus' text format."""
        async with database.read() as uow:
            counts = await operations.count_by_state(uow)
            work = await agents.figures(uow)
        self.operations.clear()
        for state, number in counts.items():
            self.operations.labels(state).set(number)
        self._tell_work(work)
        return generate_latest(self.registry)

    def _tell_work(self, work: agents.Figures) -> None:
        self.waiting.set(work.queued)
        self.running.set(work.running)
        for gauge in (self.agents, self.success, self.took, self.failures):
            gauge.clear()
        for health, number in work.agents.items():
            self.agents.labels(health).set(number)
        for one in work.apps:
            self.success.labels(one.app).set(one.success)
            self.took.labels(one.app).set(one.mean_seconds)
        for kind, number in work.failures.items():
            self.failures.labels(kind).set(number)


class Measured:
    """Counts and times every request by its route, so that nobody's ids become labels."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = clock.monotonic()
        status = _SERVER_ERRORS
        took = None

        async def look(message: Message) -> None:
            nonlocal status, took
            if message["type"] == "http.response.start":
                status, took = message["status"], clock.monotonic() - began
            await send(message)

        try:
            await self._app(scope, receive, look)
        finally:
            method, route = _labels(scope)
            self._metrics.requests.labels(method, route, str(status)).inc()
            self._metrics.seconds.labels(method, route).observe(
                took if took is not None else clock.monotonic() - began
            )


@router.get("/metrics")
@router.get("/api/metrics")
@public("told to who asks directly on the loopback; nobody else hears that it is there")
async def get_metrics(request: Request, database: DatabaseDep) -> Response:
    """Tell the figures in Prometheus' text format."""
    if not _is_direct(request):
        raise NotFoundError("There is nothing here")
    metrics: Metrics = request.app.state.provided.get(Metrics)
    return Response(await metrics.tell(database), media_type=CONTENT_TYPE_LATEST)


def _is_direct(request: Request) -> bool:
    if request.client is None or any(name in request.headers for name in _FORWARDED):
        return False
    try:
        return ip_address(request.client.host).is_loopback
    except ValueError:
        return False


def _labels(scope: Scope) -> tuple[str, str]:
    path = getattr(scope.get("route"), "path", None)
    # Anybody can invent methods and paths; each would be kept for ever.
    if not isinstance(path, str):
        return _NOT_MATCHED, _NOT_MATCHED
    return scope["method"] if scope["method"] in _METHODS else _NOT_MATCHED, path
