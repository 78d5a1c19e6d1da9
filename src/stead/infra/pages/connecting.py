"""Connecting a cluster in two steps: look at its certificate, then say who we are."""

from collections.abc import Mapping
from typing import Annotated, Final

from fastapi import Query, Request, Response
from fastapi.responses import RedirectResponse

from stead.core import authz
from stead.core.authz import Action, Actor, action
from stead.core.errors import HTTP_STATUS, Kind, SteadError
from stead.core.http import ActorDep, DatabaseDep
from stead.infra import changing, clusters, connecting, nodes
from stead.infra.pages.desk import ConnectingDep, ConsoleDep, router
from stead.infra.schemas import EngineOut, NewClusterIn, ProbeOut
from stead.ui.console import Console, form_texts
from stead.ui.models import Problem

_EXPECTED: Final = frozenset({Kind.INVALID, Kind.CONFLICT})
_NAME_LENGTH: Final = 40
_FINGERPRINT_LENGTH: Final = 200
_NODE_LENGTH: Final = 120


@router.get("/connect")
@action(Action.PLATFORM_MANAGE)
async def ask_where(
    request: Request,
    actor: ActorDep,
    console: ConsoleDep,
    engine: Annotated[str, Query(max_length=20)] = "",
) -> Response:
    """Show the first step."""
    authz.enter(actor, Action.PLATFORM_MANAGE)
    return _first(console, request, actor, {"engine": engine})


@router.post("/connect/certificate")
@action(Action.PLATFORM_MANAGE)
async def show_certificate(request: Request, actor: ActorDep, console: ConsoleDep) -> Response:
    """Look at the certificate; nothing of ours is sent there."""
    form = await form_texts(request)
    try:
        options = _options(form)
        found = await connecting.probe(actor, form.get("engine", ""), options)
    except SteadError as error:
        return _first(console, request, actor, form, _expected(error))
    return _second(console, request, actor, form, found)


@router.post("/connect")
@action(Action.PLATFORM_MANAGE)
async def connect(
    request: Request,
    actor: ActorDep,
    console: ConsoleDep,
    database: DatabaseDep,
    tools: ConnectingDep,
) -> Response:
    """Connect the cluster and follow its first test."""
    form = await form_texts(request)
    if not form.get("engine"):
        return RedirectResponse("/clusters/connect", status_code=303)
    asked = NewClusterIn(
        name=form.get("name", "")[:_NAME_LENGTH],
        engine=form.get("engine", "")[:20],
        options=_options(form),
        fingerprint=form.get("fingerprint", "")[:_FINGERPRINT_LENGTH] if _compared(form) else "",
    )
    try:
        async with database.write() as uow:
            made = await connecting.connect(uow, actor, tools, asked)
    except SteadError as error:
        found = ProbeOut(engine=asked.engine, fingerprint=form.get("fingerprint", ""))
        return _second(console, request, actor, form, found, _expected(error))
    return RedirectResponse(f"/operations/{made.operation_id}", status_code=303)


@router.post("/{cluster_id}/check")
@action(Action.PLATFORM_MANAGE)
async def check(
    cluster_id: str, actor: ActorDep, database: DatabaseDep, tools: ConnectingDep
) -> Response:
    """Test a cluster and follow the test."""
    async with database.write() as uow:
        operation_id = await connecting.check(uow, actor, tools, cluster_id)
    return RedirectResponse(f"/operations/{operation_id}", status_code=303)


@router.post("/{cluster_id}/probe")
@action(Action.PLATFORM_MANAGE)
async def compare_certificate(
    cluster_id: str, request: Request, actor: ActorDep, console: ConsoleDep, database: DatabaseDep
) -> Response:
    """Show the certificate of now beside the trusted one."""
    async with database.read() as uow:
        engine, options, trusted = await connecting.target(uow, actor, cluster_id)
        cluster = await clusters.get_(uow, actor, cluster_id)
    found = await connecting.probe(actor, engine, options)
    return console.page(
        request,
        "infra/certificate.html",
        viewer=actor,
        cluster=cluster,
        found=found,
        trusted=trusted,
    )


@router.post("/{cluster_id}/certificate")
@action(Action.PLATFORM_MANAGE)
async def confirm_certificate(
    cluster_id: str, request: Request, actor: ActorDep, database: DatabaseDep
) -> Response:
    """Trust the certificate that was compared."""
    form = await form_texts(request)
    fingerprint = form.get("fingerprint", "")[:_FINGERPRINT_LENGTH]
    async with database.write() as uow:
        row = await connecting.confirm(uow, actor, cluster_id, fingerprint)
        cluster_id = row.id
    return RedirectResponse(f"/clusters/{cluster_id}", status_code=303)


@router.post("/{cluster_id}/credentials")
@action(Action.PLATFORM_MANAGE)
async def rotate(
    cluster_id: str,
    request: Request,
    actor: ActorDep,
    database: DatabaseDep,
    tools: ConnectingDep,
) -> Response:
    """Replace credentials and follow how the new ones are tried."""
    options = _options(await form_texts(request))
    given = {name: text for name, text in options.items() if text.strip()}
    async with database.write() as uow:
        operation_id = await changing.rotate(uow, actor, tools, cluster_id, given)
    return RedirectResponse(f"/operations/{operation_id}", status_code=303)


@router.post("/{cluster_id}/evacuate")
@action(Action.PLATFORM_MANAGE)
async def evacuate(
    cluster_id: str,
    request: Request,
    actor: ActorDep,
    database: DatabaseDep,
    tools: ConnectingDep,
) -> Response:
    """Empty a node and follow how its guests move."""
    node = (await form_texts(request)).get("node", "")[:_NODE_LENGTH]
    async with database.write() as uow:
        operation_id = await nodes.evacuate(uow, actor, tools, cluster_id, node)
    return RedirectResponse(f"/operations/{operation_id}", status_code=303)


@router.post("/{cluster_id}/restore")
@action(Action.PLATFORM_MANAGE)
async def restore(
    cluster_id: str,
    request: Request,
    actor: ActorDep,
    database: DatabaseDep,
    tools: ConnectingDep,
) -> Response:
    """Take a node back and follow how its guests return."""
    node = (await form_texts(request)).get("node", "")[:_NODE_LENGTH]
    async with database.write() as uow:
        operation_id = await nodes.restore(uow, actor, tools, cluster_id, node)
    return RedirectResponse(f"/operations/{operation_id}", status_code=303)


@router.post("/{cluster_id}/takeover")
@action(Action.PLATFORM_MANAGE)
async def take_over(
    cluster_id: str, actor: ActorDep, database: DatabaseDep, tools: ConnectingDep
) -> Response:
    """Take a cluster over and follow its preflight."""
    async with database.write() as uow:
        operation_id = await changing.take_over(uow, actor, tools, cluster_id)
    return RedirectResponse(f"/operations/{operation_id}", status_code=303)


@router.post("/{cluster_id}/disconnect")
@action(Action.PLATFORM_MANAGE)
async def disconnect(
    cluster_id: str,
    request: Request,
    actor: ActorDep,
    database: DatabaseDep,
    tools: ConnectingDep,
) -> Response:
    """Drop a cluster's record; its guests run on there."""
    forget = (await form_texts(request)).get("forget") == "true"
    async with database.write() as uow:
        await changing.disconnect(uow, actor, tools.vault, cluster_id, forget=forget)
    return RedirectResponse("/clusters", status_code=303)


def _first(
    console: Console,
    request: Request,
    actor: Actor,
    form: Mapping[str, str],
    error: SteadError | None = None,
) -> Response:
    engines = connecting.engines(actor)
    chosen = _chosen(engines, form.get("engine", ""))
    return console.page(
        request,
        "infra/connect.html",
        viewer=actor,
        status=HTTP_STATUS[error.kind] if error is not None else 200,
        engines=engines,
        engine=chosen,
        form=form,
        address=next((one for one in chosen.fields if one.name == chosen.address), None),
        problem=_problem(error),
    )


def _second(
    console: Console,
    request: Request,
    actor: Actor,
    form: Mapping[str, str],
    found: ProbeOut,
    error: SteadError | None = None,
) -> Response:
    chosen = _chosen(connecting.engines(actor), found.engine)
    return console.page(
        request,
        "infra/connect_known.html",
        viewer=actor,
        status=HTTP_STATUS[error.kind] if error is not None else 200,
        engine=chosen,
        # What is secret is typed anew: it is not sent back to a browser.
        form={
            name: text
            for name, text in form.items()
            if name.removeprefix("option.") not in _secret(chosen)
        },
        found=found,
        rest=[one for one in chosen.fields if one.name != chosen.address],
        problem=_problem(error),
    )


def _chosen(engines: list[EngineOut], wanted: str) -> EngineOut:
    real = [one for one in engines if one.address]
    return next((one for one in engines if one.engine == wanted), (real or engines)[0])


def _secret(engine: EngineOut) -> set[str]:
    return {one.name for one in engine.fields if one.secret}


def _options(form: Mapping[str, str]) -> dict[str, str]:
    return {
        name.removeprefix("option."): text
        for name, text in form.items()
        if name.startswith("option.")
    }


def _compared(form: Mapping[str, str]) -> bool:
    return form.get("compared") == "true"


def _expected(error: SteadError) -> SteadError:
    if error.kind in _EXPECTED:
        return error
    raise error


def _problem(error: SteadError | None) -> Problem | None:
    return (
        None
        if error is None
        else Problem("This cannot be connected yet", error.message, error.hint)
    )
