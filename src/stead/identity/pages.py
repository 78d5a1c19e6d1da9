"""Pages of identity: sign in by link, sign out, API tokens."""

from pathlib import Path
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse

from stead.core.authz import Action, Actor, UnauthenticatedError, action, public
from stead.core.http import ActorDep, DatabaseDep, provided
from stead.identity import cookies, service, tokens
from stead.ui.console import Console, form_texts

TEMPLATES: Final = Path(__file__).parent / "templates"
NAME_LIMIT: Final = 80
_SECONDS: Final = int(service.SESSION_LIFE.total_seconds())
router = APIRouter()
ConsoleDep = Annotated[Console, Depends(provided(Console))]


@router.get("/sign-in")
@public("explains how to sign in")
async def show_sign_in(request: Request, console: ConsoleDep) -> Response:
    return console.page(request, "identity/sign_in.html", viewer=_viewer(request))


@router.get("/sign-in/{token}")
@public("shows a button; whoever looks at a link must not use it up")
async def show_link(
    token: str, request: Request, console: ConsoleDep, database: DatabaseDep
) -> Response:
    async with database.read() as uow:
        is_open = await service.link_is_open(uow, token)
    return _link_page(request, console, token, is_open=is_open)


@router.post("/sign-in/{token}")
@public("the link itself is the proof")
async def redeem_link(
    token: str, request: Request, console: ConsoleDep, database: DatabaseDep
) -> Response:
    try:
        async with database.write() as uow:
            session = await service.redeem_link(uow, token)
    except UnauthenticatedError:
        return _link_page(request, console, token, is_open=False)
    response = RedirectResponse("/", status_code=303)
    cookies.put_session(response, session, _SECONDS)
    return response


@router.post("/sign-out")
@action(Action.SESSION_END)
async def sign_out(request: Request, _actor: ActorDep, database: DatabaseDep) -> Response:
    session = cookies.session_of(request)
    if session is not None:
        async with database.write() as uow:
            await service.end_session(uow, session)
    response = RedirectResponse("/sign-in", status_code=303)
    cookies.drop_session(response)
    return response


@router.get("/tokens")
@action(Action.TOKEN_MANAGE)
async def show_tokens(
    request: Request, actor: ActorDep, console: ConsoleDep, database: DatabaseDep
) -> Response:
    async with database.read() as uow:
        known = await tokens.list_tokens(uow, actor)
    return _tokens_page(request, console, actor, known)


@router.post("/tokens")
@action(Action.TOKEN_MANAGE)
async def create_token(
    request: Request, actor: ActorDep, console: ConsoleDep, database: DatabaseDep
) -> Response:
    name = (await form_texts(request)).get("name", "").strip()
    problem = _name_problem(name)
    made = None
    async with database.write() as uow:
        if problem is None:
            asked = tokens.TokenRequest(name)
            made = (await tokens.issue(uow, actor, asked)).secret
        known = await tokens.list_tokens(uow, actor)
    kept = name if problem else ""
    return _tokens_page(request, console, actor, known, made=made, name=kept, problem=problem)


@router.post("/tokens/{token_id}/revoke")
@action(Action.TOKEN_MANAGE)
async def revoke_token(token_id: str, actor: ActorDep, database: DatabaseDep) -> Response:
    async with database.write() as uow:
        await tokens.revoke_token(uow, actor, token_id)
    return RedirectResponse("/tokens", status_code=303)


def _link_page(request: Request, console: Console, token: str, *, is_open: bool) -> Response:
    return console.page(
        request,
        "identity/link.html",
        viewer=_viewer(request),
        status=200 if is_open else 410,
        token=token,
        is_open=is_open,
    )


def _tokens_page(  # noqa: PLR0913  (one argument for each thing that the page shows)
    request: Request,
    console: Console,
    actor: Actor,
    known: list[tokens.Token],
    *,
    made: str | None = None,
    name: str = "",
    problem: str | None = None,
) -> Response:
    return console.page(
        request,
        "identity/tokens.html",
        viewer=actor,
        status=422 if problem else 200,
        tokens=known,
        made=made,
        name=name,
        problem=problem,
        name_limit=NAME_LIMIT,
    )


def _name_problem(name: str) -> str | None:
    if not name:
        return "Give the token a name, such as the machine that will use it"
    return f"Use {NAME_LIMIT} characters at most" if len(name) > NAME_LIMIT else None


def _viewer(request: Request) -> Actor | None:
    actor: Actor | None = request.state.actor
    return actor
