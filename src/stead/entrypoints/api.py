"""The two HTTP applications: console and API behind the edge, and the agents' listener."""

from typing import Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp

from stead import __version__
from stead.agents import routes as agent_routes
from stead.agents.arrivals import Arrivals
from stead.audit import routes as audit_routes
from stead.bundles import routes as bundle_routes
from stead.catalog import routes as catalog_routes
from stead.core import log
from stead.core.db import Database
from stead.core.errors import SteadError
from stead.core.http import Provided, problem
from stead.deployments import (
    acting_routes,
    change_routes,
    routes as deployment_routes,
    snapshot_routes,
)
from stead.entrypoints import declarations, document, health, metrics, web
from stead.entrypoints.guard import BodyLimit, SignIn
from stead.entrypoints.lasting import Lasting
from stead.entrypoints.once import Once
from stead.entrypoints.trace import Traced
from stead.exposure import routes as exposure_routes
from stead.fleet import routes as fleet_routes, streams as job_streams
from stead.identity import routes as identity_routes
from stead.infra import routes as infra_routes
from stead.instances import routes as instance_routes
from stead.kit.text import sendable
from stead.operations import routes as operation_routes
from stead.platform import routes as platform_routes, setting_routes
from stead.sources import routes as source_routes
from stead.webhooks import routes as webhook_routes

logger = log.get(__name__)
# Whoever adds routes finds in docs/recipes/add-a-route.md what they get for nothing.
ROUTERS: Final = (
    health.router,
    metrics.router,
    catalog_routes.router,
    deployment_routes.router,
    acting_routes.router,
    snapshot_routes.router,
    change_routes.router,
    operation_routes.router,
    identity_routes.router,
    exposure_routes.router,
    instance_routes.router,
    platform_routes.router,
    setting_routes.router,
    audit_routes.router,
    infra_routes.router,
    fleet_routes.router,
    job_streams.router,
    webhook_routes.router,
    source_routes.router,
    bundle_routes.router,
)
# What the framework itself refuses, before any of our code is asked.
_UNROUTED: Final = {
    404: ("request.address", "There is nothing at this address"),
    405: ("request.method", "This address does not take that method"),
}
_OTHERWISE: Final = ("request.malformed", "The request does not have the expected shape")


def control_routes() -> FastAPI:
    """Return what console and API answer to; raises declarations.UndeclaredActionError."""
    app = FastAPI(
        title="Stead",
        version=__version__,
        description="Apps, containers and routes on the machines you own.",
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/openapi.json",
    )
    for router in ROUTERS:
        app.include_router(router)
    web.add_pages(app)
    _finish(app)
    document.describe(app)
    return app


def control_app(provided: Provided, routes: FastAPI | None = None) -> ASGIApp:
    """Return console and API, with these services behind them.

    ``routes`` may be some that served others before, and will do so no more; making them
    takes far longer than all the rest.
    """
    app = routes or control_routes()
    app.state.provided = provided
    web.add_services(provided)
    figures = metrics.Metrics()
    provided.add(figures)
    once = Once(app, provided)
    guarded = Traced(BodyLimit(SignIn(Lasting(once, provided), provided)), provided)
    return metrics.Measured(web.Browser(guarded, provided), figures)


def agent_app(provided: Provided) -> ASGIApp:
    """Return what guests may reach: enrolment, jobs, packages, and nothing else."""
    app = FastAPI(title="Stead agents", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.provided = provided
    app.state.arrivals = Arrivals(provided.get(Database))
    app.include_router(agent_routes.router)
    _finish(app)
    return BodyLimit(app, limit=4 * 1024 * 1024)


def _finish(app: FastAPI) -> None:
    app.add_exception_handler(SteadError, _expected)
    app.add_exception_handler(RequestValidationError, _malformed)
    app.add_exception_handler(HTTPException, _unrouted)
    app.state.methods = declarations.methods(declarations.list_declarations(app))


async def _expected(_request: Request, error: Exception) -> Response:
    if not isinstance(error, SteadError):
        raise error
    return problem(error)


async def _malformed(_request: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError):
        raise error
    fields = {sendable(_place(found["loc"])): str(found["msg"]) for found in error.errors()}
    return _problem(422, *_OTHERWISE, fields=fields)


async def _unrouted(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    answer = _problem(error.status_code, *_UNROUTED.get(error.status_code, _OTHERWISE))
    answer.headers.update(error.headers or {})
    if "allow" in answer.headers:
        # The framework tells only of the first route that it met there.
        found = declarations.methods_at(request.app.state.methods, request.url.path)
        answer.headers["Allow"] = ", ".join(sorted(found))
    return answer


def _place(path: tuple[str | int, ...]) -> str:
    """Return the field that a fault is in; a body that cannot be read has only an offset."""
    names = [str(part) for part in path[1:]]
    return ".".join(names) if names and not names[0].isdigit() else "body"


def _problem(status: int, code: str, title: str, **more: object) -> Response:
    return JSONResponse(
        {
            "type": f"urn:stead:error:{code}",
            "title": title,
            "status": status,
            "code": code,
            **more,
        },
        status_code=status,
        media_type="application/problem+json",
    )
