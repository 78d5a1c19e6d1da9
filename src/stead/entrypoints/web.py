"""Collects the console's pages and stands between them and the browser.

Pages fail like the API does, with a problem document; what a browser gets instead is made
here, in one place: an error page, or the way to sign in.
"""

import hmac
import json
from functools import cache
from typing import Annotated, Final

from fastapi import Depends, FastAPI, Request
from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.datastructures import MutableHeaders
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from stead.audit import pages as audit_pages
from stead.bundles import pages as bundle_pages
from stead.catalog import pages as catalog_pages
from stead.core.authz import Actor, ForbiddenError
from stead.core.http import Provided, provided
from stead.core.settings import Settings
from stead.deployments import (
    acting_pages,
    adoption,
    change_pages,
    pages as deployment_pages,
    snapshot_pages,
)
from stead.entrypoints import console as console_pages, failing
from stead.fleet import pages as fleet_pages, subjects as fleet_subjects
from stead.identity import pages as identity_pages
from stead.infra import pages as infra_pages
from stead.infra.pages import subject as cluster_subject
from stead.instances import pages as instance_pages
from stead.kit.words import say
from stead.operations import pages as operation_pages
from stead.operations.public import Recoveries, Subjects
from stead.platform import pages as platform_pages, setting_pages
from stead.sources import pages as source_pages
from stead.ui.assets import Assets
from stead.ui.console import CSRF_FIELD, Console
from stead.ui.headers import SECURITY_HEADERS
from stead.ui.models import Problem
from stead.webhooks import pages as webhook_pages

PAGES: Final = {
    "catalog": catalog_pages,
    "bundles": bundle_pages,
    "deployments": deployment_pages,
    "acting": acting_pages,
    "snapshots": snapshot_pages,
    "change": change_pages,
    "operations": operation_pages,
    "platform": platform_pages,
    "settings": setting_pages,
    "identity": identity_pages,
    "audit": audit_pages,
    "infra": infra_pages,
    "instances": instance_pages,
    "fleet": fleet_pages,
    "webhooks": webhook_pages,
    "sources": source_pages,
    "console": console_pages,
}
_NOT_PAGES: Final = ("/api/", "/edge/", "/static/", "/healthz", "/readyz")
_UNAUTHENTICATED: Final = 401
_ERRORS: Final = 400
_SERVER_ERRORS: Final = 500
_ANSWER_LIMIT: Final = 256 * 1024
_SIMULATED: Final = say(
    "Simulated engine: nothing shown here runs. Containers, addresses and use are made up."
)


class _Answer(BaseModel):
    """What a problem document, or the framework's own error, says."""

    model_config = ConfigDict(extra="ignore")

    title: str = ""
    hint: str = ""
    fields: dict[str, str] = {}


def add_pages(app: FastAPI) -> None:
    """Add the pages of all domains; every form that is sent has to prove where it came from."""
    for module in PAGES.values():
        app.include_router(
            module.router, include_in_schema=False, dependencies=[Depends(check_form)]
        )


def add_services(services: Provided) -> None:
    """Add what the pages need besides the services of the domains."""
    simulated = services.get(Settings).engine.simulated
    services.add(_console(_SIMULATED if simulated else ""))
    services.add(
        Subjects(
            {
                "deployment": deployment_pages.find_subject,
                "bundle": bundle_pages.find_subject,
                "cluster": cluster_subject.find_subject,
                "machine": fleet_subjects.find_machine,
                "bulk": fleet_subjects.find_bulk,
                "source": source_pages.find_subject,
            }
        )
    )
    services.add(Recoveries({"deployment": adoption.RECOVERY}))


@cache
def _console(banner: str) -> Console:
    """Return the templates, which are compiled once in a process."""
    folders = {name: module.TEMPLATES for name, module in PAGES.items()}
    return Console(folders, Assets(), banner=banner)


async def check_form(
    request: Request, settings: Annotated[Settings, Depends(provided(Settings))]
) -> None:
    """Refuse a form that did not come from our own page, and from this very session."""
    if request.method == "GET":
        return
    if request.headers.get("origin") != settings.server.console_url:
        raise ForbiddenError("This form was not sent by the console itself")
    actor: Actor | None = request.state.actor
    expected = actor.csrf if actor is not None else ""
    given = (await request.form()).get(CSRF_FIELD, "")
    if not isinstance(given, str) or not hmac.compare_digest(given.encode(), expected.encode()):
        raise ForbiddenError(
            "This form belongs to another session", hint="Load the page again and send it anew."
        )


class Browser:
    """Outermost: adds the security headers, and turns failures into pages for browsers."""

    def __init__(self, app: ASGIApp, services: Provided) -> None:
        self._app = app
        self._console = services.get(Console)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and look at what comes back."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        held: list[Message] = []

        async def look(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(raw=message["headers"])
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
                if _wants_page(request, message["status"], headers.get("content-type", "")):
                    held.append(message)
                    return
            if not held:
                await send(message)
                return
            held.append(message)
            if not message.get("more_body", False):
                page = self._page(request, held)
                page.headers.update(SECURITY_HEADERS)
                await page(scope, receive, send)

        await self._app(scope, receive, look)

    def _page(self, request: Request, held: list[Message]) -> Response:
        status: int = held[0]["status"]
        if status == _UNAUTHENTICATED:
            return self._ask_to_sign_in(request)
        body = b"".join(part.get("body", b"") for part in held[1:])
        answer = _read(body[:_ANSWER_LIMIT])
        title, hint = failing.words(status)
        actor: Actor | None = getattr(request.state, "actor", None)
        return self._console.page(
            request,
            "ui/error.html",
            viewer=actor,
            status=status,
            code=status,
            problem=Problem(title, answer.title, answer.hint or hint),
            fields=answer.fields,
            can_repeat=request.method == "GET" and status >= _SERVER_ERRORS,
        )

    def _ask_to_sign_in(self, request: Request) -> Response:
        elsewhere = request.headers.get("sec-fetch-site") in {"cross-site", "same-site"}
        if elsewhere and request.method == "GET":
            return self._console.page(request, "ui/bounce.html", viewer=None)
        return RedirectResponse("/sign-in", status_code=303)


def _wants_page(request: Request, status: int, content_type: str) -> bool:
    return (
        status >= _ERRORS
        and not content_type.startswith("text/html")
        and not request.url.path.startswith(_NOT_PAGES)
        and "text/html" in request.headers.get("accept", "")
    )


def _read(body: bytes) -> _Answer:
    try:
        return _Answer.model_validate(json.loads(body))
    except (ValueError, ValidationError):
        return _Answer()
