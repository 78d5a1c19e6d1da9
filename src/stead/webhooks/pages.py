"""Pages of webhooks: those of a project, one with what it was told, one delivery."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import ValidationError

from stead.core import authz
from stead.core.authz import Action, Actor, action
from stead.core.db import Database
from stead.core.errors import HTTP_STATUS, Kind, SteadError
from stead.core.http import ActorDep, DatabaseDep, provided
from stead.core.vault import Vault
from stead.ui.console import Console, form_texts
from stead.webhooks import service, views
from stead.webhooks.errors import InvalidWebhookError
from stead.webhooks.rules import DeliveryState
from stead.webhooks.schemas import DeliveryOut, WebhookChangeIn, WebhookIn, WebhookOut

TEMPLATES: Final = Path(__file__).parent / "templates"
REFRESH_SECONDS: Final = 2
LATEST: Final = 50
_CORRECTABLE: Final = frozenset({Kind.INVALID, Kind.CONFLICT})
_EVENT: Final = "event."
_FIELDS: Final = {
    "name": "A name of up to 80 characters",
    "url": "An address that starts with https://",
    "events": "Choose at least one",
}
router = APIRouter()


@dataclass(frozen=True, slots=True)
class Desk:
    """What every page here works with."""

    request: Request
    actor: Actor
    database: Database
    vault: Vault
    console: Console

    def page(self, template: str, *, status: int = 200, **values: object) -> Response:
        """Render a page for whoever asked."""
        return self.console.page(
            self.request, template, viewer=self.actor, status=status, **values
        )

    def may(self, asked: Action, project_id: str) -> bool:
        """Tell whether whoever asked may do this in the project."""
        return authz.allows(self.actor, asked, project_id)


@dataclass(frozen=True, slots=True)
class Form:
    """What was filled in, and what is wrong with it."""

    name: str = ""
    url: str = ""
    events: tuple[str, ...] = ()
    error: SteadError | None = None
    problems: dict[str, str] = field(default_factory=dict)


def _desk(
    request: Request,
    actor: ActorDep,
    database: DatabaseDep,
    vault: Annotated[Vault, Depends(provided(Vault))],
    console: Annotated[Console, Depends(provided(Console))],
) -> Desk:
    return Desk(request, actor, database, vault, console)


DeskDep = Annotated[Desk, Depends(_desk)]


@router.get("/projects/{project_id}/webhooks")
@action(Action.WEBHOOK_READ)
async def show_webhooks(project_id: str, desk: DeskDep) -> Response:
    return await _list(desk, project_id, Form())


@router.post("/projects/{project_id}/webhooks")
@action(Action.WEBHOOK_MANAGE)
async def create_webhook(project_id: str, desk: DeskDep) -> Response:
    given = await form_texts(desk.request)
    try:
        asked = _asked(given)
        async with desk.database.write() as uow:
            made = await service.create(uow, desk.actor, desk.vault, project_id, asked)
    except SteadError as error:
        if error.kind not in _CORRECTABLE:
            raise
        return await _list(desk, project_id, _refused(given, error))
    return _page(desk, made, [], Form(), made.secret)


@router.get("/webhooks/{webhook_id}")
@action(Action.WEBHOOK_READ)
async def show_webhook(webhook_id: str, desk: DeskDep) -> Response:
    return await _show(desk, webhook_id, Form())


@router.post("/webhooks/{webhook_id}")
@action(Action.WEBHOOK_MANAGE)
async def change_webhook(webhook_id: str, desk: DeskDep) -> Response:
    given = await form_texts(desk.request)
    try:
        asked = WebhookChangeIn(**_asked(given).model_dump())
        async with desk.database.write() as uow:
            await service.change(uow, desk.actor, webhook_id, asked)
    except SteadError as error:
        if error.kind not in _CORRECTABLE:
            raise
        return await _show(desk, webhook_id, _refused(given, error))
    return _go(f"/webhooks/{webhook_id}")


@router.post("/webhooks/{webhook_id}/pause")
@action(Action.WEBHOOK_MANAGE)
async def pause_webhook(webhook_id: str, desk: DeskDep) -> Response:
    async with desk.database.write() as uow:
        await service.pause(uow, desk.actor, webhook_id)
    return _go(f"/webhooks/{webhook_id}")


@router.post("/webhooks/{webhook_id}/resume")
@action(Action.WEBHOOK_MANAGE)
async def resume_webhook(webhook_id: str, desk: DeskDep) -> Response:
    async with desk.database.write() as uow:
        await service.resume(uow, desk.actor, webhook_id)
    return _go(f"/webhooks/{webhook_id}")


@router.post("/webhooks/{webhook_id}/secret")
@action(Action.WEBHOOK_MANAGE)
async def rotate_secret(webhook_id: str, desk: DeskDep) -> Response:
    async with desk.database.write() as uow:
        made = await service.rotate(uow, desk.actor, desk.vault, webhook_id)
        reads = desk.may(Action.WEBHOOK_READ, made.project_id)
        told = await service.list_deliveries(uow, desk.actor, made.id, LATEST) if reads else []
    return _page(desk, made, told, Form(), made.secret)


@router.post("/webhooks/{webhook_id}/test")
@action(Action.WEBHOOK_MANAGE)
async def send_test(webhook_id: str, desk: DeskDep) -> Response:
    async with desk.database.write() as uow:
        await service.send_test(uow, desk.actor, webhook_id)
    return _go(f"/webhooks/{webhook_id}")


@router.post("/webhooks/{webhook_id}/delete")
@action(Action.WEBHOOK_MANAGE)
async def delete_webhook(webhook_id: str, desk: DeskDep) -> Response:
    async with desk.database.write() as uow:
        project_id = await service.delete(uow, desk.actor, desk.vault, webhook_id)
    return _go(f"/projects/{project_id}/webhooks")


@router.get("/webhooks/{webhook_id}/deliveries/{delivery_id}")
@action(Action.WEBHOOK_READ)
async def show_delivery(webhook_id: str, delivery_id: str, desk: DeskDep) -> Response:
    async with desk.database.read() as uow:
        webhook = await service.get_(uow, desk.actor, webhook_id)
        found = await service.get_delivery(uow, desk.actor, webhook_id, delivery_id)
    waits = found.state == DeliveryState.PENDING
    manages = desk.may(Action.WEBHOOK_MANAGE, webhook.project_id)
    return desk.page(
        "webhooks/delivery.html",
        webhook=webhook,
        one=found,
        badge=views.state(found.state, found.tries),
        said=views.said,
        body=json.dumps(found.body, indent=2, ensure_ascii=False),
        can_send=manages and not waits and not webhook.paused,
        refresh=REFRESH_SECONDS if waits and not webhook.paused else 0,
    )


@router.post("/webhooks/{webhook_id}/deliveries/{delivery_id}/redeliver")
@action(Action.WEBHOOK_MANAGE)
async def redeliver(webhook_id: str, delivery_id: str, desk: DeskDep) -> Response:
    async with desk.database.write() as uow:
        await service.redeliver(uow, desk.actor, webhook_id, delivery_id)
    return _go(f"/webhooks/{webhook_id}/deliveries/{delivery_id}")


async def _list(desk: Desk, project_id: str, form: Form) -> Response:
    async with desk.database.read() as uow:
        found = await service.list_(uow, desk.actor, project_id)
    return desk.page(
        "webhooks/list.html",
        status=_status(form),
        project_id=project_id,
        rows=[(one, views.paused(one.paused)) for one in found],
        form=form,
        events=views.EVENTS,
        manages=desk.may(Action.WEBHOOK_MANAGE, project_id),
    )


async def _show(desk: Desk, webhook_id: str, form: Form) -> Response:
    async with desk.database.read() as uow:
        found = await service.get_(uow, desk.actor, webhook_id)
        told = await service.list_deliveries(uow, desk.actor, webhook_id, LATEST)
    return _page(desk, found, told, form)


def _page(
    desk: Desk,
    found: WebhookOut,
    told: list[DeliveryOut],
    form: Form,
    secret: str | None = None,
) -> Response:
    waits = any(one.state == DeliveryState.PENDING for one in told)
    return desk.page(
        "webhooks/show.html",
        status=_status(form),
        one=found,
        badge=views.paused(found.paused),
        why=views.WHY.get(found.paused, ""),
        secret=secret,
        form=form if form.error is not None else _form(found),
        events=views.EVENTS,
        rows=[(each, views.state(each.state, each.tries), views.said(each.last)) for each in told],
        manages=desk.may(Action.WEBHOOK_MANAGE, found.project_id),
        # A secret that is shown stays until the person has it.
        refresh=REFRESH_SECONDS if waits and secret is None and form.error is None else 0,
    )


def _form(found: WebhookOut) -> Form:
    return Form(found.name, found.url, tuple(found.events))


def _asked(given: dict[str, str]) -> WebhookIn:
    """Return what a form means. Raises InvalidWebhookError."""
    events = [name.removeprefix(_EVENT) for name in given if name.startswith(_EVENT)]
    asked = {"name": given.get("name", ""), "url": given.get("url", ""), "events": events}
    try:
        return WebhookIn.model_validate(asked)
    except ValidationError as error:
        wrong = {str(one["loc"][0]) for one in error.errors()}
        raise InvalidWebhookError(
            "Something is missing or cannot be right",
            fields={name: text for name, text in _FIELDS.items() if name in wrong},
        ) from error


def _refused(given: dict[str, str], error: SteadError) -> Form:
    events = tuple(name.removeprefix(_EVENT) for name in given if name.startswith(_EVENT))
    return Form(
        given.get("name", ""), given.get("url", ""), events, error, dict(error.fields or {})
    )


def _status(form: Form) -> int:
    return HTTP_STATUS[form.error.kind] if form.error is not None else 200


def _go(to: str) -> Response:
    return RedirectResponse(to, status_code=303)
