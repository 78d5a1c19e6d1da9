"""Pages of work on machines: the forms for jobs, and work on many."""

import base64
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Response
from fastapi.responses import RedirectResponse
from pydantic import JsonValue, ValidationError

from stead.catalog.public import reach
from stead.core import authz
from stead.core.authz import Action, action
from stead.core.errors import Kind, SteadError
from stead.core.http import provided
from stead.deployments.public import OutputOut
from stead.fleet import bulk, installs, outputs, service, tasks, views
from stead.fleet.desk import Desk, DeskDep, show_machine
from stead.fleet.errors import InvalidError, NoRemovalError
from stead.fleet.schemas import BulkIn, LimitsIn, PackageIn, TaskIn
from stead.fleet.tasks import Fleet
from stead.ui.console import form_texts
from stead_agent.job import MOST_AT_ONCE

REFRESH_SECONDS: Final = 3
ARGUMENT: Final = "arg."
_CORRECTABLE: Final = frozenset({Kind.INVALID, Kind.CONFLICT})
router = APIRouter()
FleetDep = Annotated[Fleet, Depends(provided(Fleet))]


@router.post("/agents/{machine_id}/jobs")
@action(Action.JOB_RUN)
async def start_job(machine_id: str, desk: DeskDep, fleet: FleetDep) -> Response:
    form = await form_texts(desk.request)
    try:
        asked = _task(form)
        async with desk.database.write() as uow:
            began = await tasks.start(uow, desk.actor, fleet, machine_id, asked)
    except SteadError as error:
        if error.kind not in _CORRECTABLE:
            raise
        return await show_machine(desk, machine_id, error)
    return RedirectResponse(f"/operations/{began.operation_id}", status_code=303)


@router.post("/agents/{machine_id}/remove-package")
@action(Action.JOB_RUN)
async def uninstall(machine_id: str, desk: DeskDep, fleet: FleetDep) -> Response:
    form = await form_texts(desk.request)
    place, forget = (machine_id, form.get("app", "")), "forget" in form
    try:
        async with desk.database.write() as uow:
            began = await installs.uninstall(uow, desk.actor, fleet, place, forget=forget)
    except NoRemovalError as error:
        return await show_machine(desk, machine_id, error)
    return RedirectResponse(f"/operations/{began.operation_id}", status_code=303)


@router.get("/agents/{machine_id}/packages/{app}")
@action(Action.AGENT_READ)
async def show_package(machine_id: str, app: str, desk: DeskDep, fleet: FleetDep) -> Response:
    return await _package(desk, fleet, machine_id, app)


@router.post("/agents/{machine_id}/packages/{app}/reveal")
@action(Action.DEPLOYMENT_REVEAL)
async def reveal_package(machine_id: str, app: str, desk: DeskDep, fleet: FleetDep) -> Response:
    async with desk.database.read() as uow:
        found = await outputs.reveal(uow, desk.actor, fleet.vault, machine_id, app)
    answer = await _package(desk, fleet, machine_id, app, found)
    answer.headers["Cache-Control"] = "no-store"
    return answer


async def _package(
    desk: Desk,
    fleet: Fleet,
    machine_id: str,
    app: str,
    revealed: list[OutputOut] | None = None,
) -> Response:
    async with desk.database.read() as uow:
        machine = await service.get_(uow, desk.actor, machine_id)
        found = await outputs.get_(uow, desk.actor, fleet.vault, machine_id, app)
    return desk.page(
        "fleet/package.html",
        one=machine,
        package=found,
        outputs=found.outputs if revealed is None else revealed,
        revealed=revealed is not None,
        reveals=authz.allows(desk.actor, Action.DEPLOYMENT_REVEAL, machine.project_id),
        runs=authz.allows(desk.actor, Action.JOB_RUN, machine.project_id),
    )


@router.post("/agents/{machine_id}/limits")
@action(Action.JOB_ADMINISTER)
async def set_limits(machine_id: str, desk: DeskDep) -> Response:
    form = await form_texts(desk.request)
    try:
        numbers = {name: form[name] for name in ("changing", "quick") if form.get(name)}
        async with desk.database.write() as uow:
            await service.set_limits(uow, desk.actor, machine_id, LimitsIn.model_validate(numbers))
    except ValidationError:
        wrong = InvalidError(f"Choose numbers from 1 to {MOST_AT_ONCE}")
        return await show_machine(desk, machine_id, wrong)
    return RedirectResponse(f"/agents/{machine_id}", status_code=303)


@router.get("/bulk")
@action(Action.AGENT_READ)
async def show_bulks(desk: DeskDep, fleet: FleetDep) -> Response:
    return await _list(desk, fleet)


@router.post("/bulk")
@action(Action.JOB_RUN)
async def start_bulk(desk: DeskDep, fleet: FleetDep) -> Response:
    form = await form_texts(desk.request)
    chosen = [name.removeprefix("machine.") for name in form if name.startswith("machine.")]
    try:
        asked = await _bulk(desk, form, chosen)
        async with desk.database.write() as uow:
            made = await bulk.start(uow, desk.actor, fleet, asked)
    except SteadError as error:
        if error.kind not in _CORRECTABLE:
            raise
        return await _list(desk, fleet, error)
    return RedirectResponse(f"/bulk/{made.id}", status_code=303)


@router.get("/bulk/{bulk_id}")
@action(Action.AGENT_READ)
async def show_bulk(bulk_id: str, desk: DeskDep) -> Response:
    async with desk.database.read() as uow:
        found = await bulk.get_(uow, desk.actor, bulk_id)
    ended = views.has_ended(found)
    may = authz.allows(desk.actor, Action.JOB_RUN, found.project_id)
    return desk.page(
        "fleet/bulk.html",
        one=found,
        badge=views.bulk(found),
        rows=[(target, views.target(target)) for target in found.targets],
        can_cancel=may and not ended,
        can_retry=may and ended and found.counts["done"] < len(found.targets),
        refresh=0 if ended else REFRESH_SECONDS,
    )


@router.post("/bulk/{bulk_id}/retry")
@action(Action.JOB_RUN)
async def retry_bulk(bulk_id: str, desk: DeskDep, fleet: FleetDep) -> Response:
    async with desk.database.write() as uow:
        await bulk.retry(uow, desk.actor, fleet, bulk_id)
    return RedirectResponse(f"/bulk/{bulk_id}", status_code=303)


async def _list(desk: DeskDep, fleet: Fleet, error: SteadError | None = None) -> Response:
    async with desk.database.read() as uow:
        found = await bulk.list_(uow, desk.actor)
        machines = await service.list_(uow, desk.actor)
    return desk.page(
        "fleet/bulks.html",
        status=200 if error is None else 422,
        rows=[(one, views.bulk(one)) for one in found],
        machines=[
            one for one in machines if authz.allows(desk.actor, Action.JOB_RUN, one.project_id)
        ],
        apps=sorted(fleet.catalog.offered(reach(desk.actor))),
        error=error,
    )


def _task(form: dict[str, str]) -> TaskIn:
    arguments: dict[str, JsonValue] = {
        name.removeprefix(ARGUMENT): value
        for name, value in form.items()
        if name.startswith(ARGUMENT) and value
    }
    kind = form.get("kind", "")
    content = form.get("content", "").replace("\r\n", "\n").encode(errors="replace")
    encoded = base64.b64encode(content).decode() if kind == "file" else None
    try:
        return TaskIn.model_validate({"kind": kind, "arguments": arguments, "content": encoded})
    except ValidationError as error:
        raise InvalidError("The form has something that cannot be right") from error


async def _bulk(desk: DeskDep, form: dict[str, str], chosen: list[str]) -> BulkIn:
    app = form.get("app", "")
    async with desk.database.read() as uow:
        known = {one.id: one.project for one in await service.list_(uow, desk.actor)}
    projects = {known.get(one, "") for one in chosen}
    if len(projects) > 1:
        raise InvalidError("Choose machines of one project")
    numbers = {name: form[name] for name in _NUMBERS if form.get(name)}
    asked = {
        "machines": chosen,
        "project": next(iter(projects), None),
        "install": PackageIn(app=app[:40]) if app else None,
        "task": None if app else _task(form),
    }
    try:
        return BulkIn.model_validate(asked | numbers)
    except ValidationError as error:
        raise InvalidError(
            "Choose at least one machine, and numbers within their limits"
        ) from error


_NUMBERS: Final = ("concurrency", "canaries", "accepted_failures")
