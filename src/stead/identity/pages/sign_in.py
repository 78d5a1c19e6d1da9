"""Signing in: name and password, then the second factor, or a link; and signing out."""

from fastapi import Response

from stead.core.authz import Action, UnauthenticatedError, action, public
from stead.core.errors import Kind, SteadError
from stead.identity import cookies, sessions, signing_in
from stead.identity.errors import TooManyAttemptsError
from stead.identity.pages.desk import DeskDep, Hall, HallDep, Trouble, go, router
from stead.identity.signing_in import Attempt
from stead.kit.secrets import Secret
from stead.kit.words import say
from stead.ui.models import Problem

TITLE = say("You are not signed in")


@router.get("/sign-in")
@public("a form to sign in with")
async def show_sign_in(hall: HallDep) -> Response:
    return _form(hall, Trouble())


@router.post("/sign-in")
@public("name and password are the proof")
async def sign_in(hall: HallDep) -> Response:
    given = await hall.given()
    name, password = given.get("name", "").strip(), Secret(given.get("password", ""))
    attempt = Attempt(name, password, hall.client)
    try:
        opened = await signing_in.sign_in(hall.database, hall.doors, attempt)
    except SteadError as error:
        return _form(hall, _sorry(error), name)
    if not opened.pending:
        return await signed_in(hall, opened.session)
    response = go("/sign-in/code")
    seconds = int(sessions.PENDING_LIFE.total_seconds())
    cookies.put_session(response, opened.session, seconds)
    return response


@router.get("/sign-in/code")
@public("whoever gave a password is asked for the second factor")
async def show_code(hall: HallDep) -> Response:
    session = cookies.session_of(hall.request)
    async with hall.database.read() as uow:
        owes = session is not None and await signing_in.owes_second_factor(uow, session)
    return hall.page("code.html", trouble=Trouble()) if owes else go("/sign-in")


@router.post("/sign-in/code")
@public("the session that owes its second factor, and the code, are the proof")
async def give_code(hall: HallDep) -> Response:
    code = (await hall.given()).get("code", "")
    owing = cookies.session_of(hall.request) or ""
    try:
        session = await signing_in.give_second_factor(
            hall.database, hall.doors, owing, code, hall.client
        )
    except UnauthenticatedError as error:
        return _form(hall, _sorry(error))
    except SteadError as error:
        wrong = _sorry(error)
        return hall.page("code.html", status=wrong.status, trouble=wrong)
    return await signed_in(hall, session)


@router.get("/sign-in/{token}")
@public("shows a button; whoever looks at a link must not use it up")
async def show_link(token: str, hall: HallDep) -> Response:
    async with hall.database.read() as uow:
        is_open = await sessions.link_is_open(uow, token)
    return _link_page(hall, token, is_open=is_open)


@router.post("/sign-in/{token}")
@public("the link itself is the proof")
async def redeem_link(token: str, hall: HallDep) -> Response:
    try:
        async with hall.database.write() as uow:
            session = await sessions.redeem_link(uow, token, hall.client)
    except UnauthenticatedError:
        return _link_page(hall, token, is_open=False)
    return await signed_in(hall, session)


async def signed_in(hall: Hall, session: str, to: str = "/") -> Response:
    """Give the browser its session and send it on."""
    async with hall.database.read() as uow:
        life = await sessions.longest(uow)
    response = go(to)
    cookies.put_session(response, session, int(life.total_seconds()))
    return response


@router.post("/sign-out")
@action(Action.SESSION_END)
async def sign_out(desk: DeskDep) -> Response:
    session = cookies.session_of(desk.request)
    if session is not None:
        async with desk.database.write() as uow:
            await sessions.end_session(uow, session)
    response = go("/sign-in")
    cookies.drop_session(response)
    return response


def _form(hall: Hall, wrong: Trouble, name: str = "") -> Response:
    return hall.page("sign_in.html", status=wrong.status, trouble=wrong, name=name)


def _sorry(error: SteadError) -> Trouble:
    title = say("Wait a little") if isinstance(error, TooManyAttemptsError) else TITLE
    kind = Kind.INVALID if error.kind is Kind.UNAUTHENTICATED else error.kind
    return Trouble(Problem(title, error.message, error.hint), error.fields, kind)


def _link_page(hall: Hall, token: str, *, is_open: bool) -> Response:
    return hall.page("link.html", status=200 if is_open else 410, token=token, is_open=is_open)
