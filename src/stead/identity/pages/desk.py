"""What the pages of identity share: their router, and what each of them needs."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse

from stead.core.authz import Actor
from stead.core.db import Database
from stead.core.errors import HTTP_STATUS, Kind, SteadError
from stead.core.http import ActorDep, DatabaseDep, provided
from stead.core.settings import Settings
from stead.identity import cookies
from stead.identity.authenticators import Doors
from stead.identity.sessions import Client
from stead.ui.console import Console, form_texts
from stead.ui.models import Problem

TEMPLATES: Final = Path(__file__).parents[1] / "templates"
router: Final = APIRouter()


@dataclass(frozen=True, slots=True)
class Hall:
    """What a page outside of the shell needs; nobody has to be signed in."""

    request: Request
    database: Database
    doors: Doors
    settings: Settings
    console: Console

    @property
    def viewer(self) -> Actor | None:
        """Return who is signed in, if somebody is."""
        actor: Actor | None = self.request.state.actor
        return actor

    @property
    def client(self) -> Client:
        """Return from where the request comes."""
        return cookies.client_of(self.request)

    async def given(self) -> dict[str, str]:
        """Return what the form says."""
        return await form_texts(self.request)

    def page(self, template: str, *, status: int = 200, **values: object) -> Response:
        """Return a page of identity's own."""
        return self.console.page(
            self.request, f"identity/{template}", viewer=self.viewer, status=status, **values
        )


@dataclass(frozen=True, slots=True)
class Desk(Hall):
    """What a page of somebody who is signed in needs."""

    actor: Actor


@dataclass(frozen=True, slots=True)
class Trouble:
    """What a form was refused for: at its top, and at its fields."""

    problem: Problem | None = None
    fields: dict[str, str] | None = None
    kind: Kind = Kind.INVALID

    @property
    def status(self) -> int:
        """Return what the page is answered with."""
        return HTTP_STATUS[self.kind] if self.problem or self.fields else 200

    def at(self, field: str) -> str | None:
        """Return what is wrong with one field."""
        return (self.fields or {}).get(field)


def trouble(title: str, error: SteadError) -> Trouble:
    """Return a refusal as a form shows it; what no form can mend is raised on."""
    if HTTP_STATUS[error.kind] in {403, 404, 503} and not error.fields:
        raise error
    return Trouble(Problem(title, error.message, error.hint), error.fields, error.kind)


def go(path: str) -> Response:
    """Send the browser on after a form was taken."""
    return RedirectResponse(path, status_code=303)


async def _hall(
    request: Request,
    database: DatabaseDep,
    doors: Annotated[Doors, Depends(provided(Doors))],
    settings: Annotated[Settings, Depends(provided(Settings))],
    console: Annotated[Console, Depends(provided(Console))],
) -> Hall:
    return Hall(request, database, doors, settings, console)


HallDep = Annotated[Hall, Depends(_hall)]


async def _desk(hall: HallDep, actor: ActorDep) -> Desk:
    return Desk(hall.request, hall.database, hall.doors, hall.settings, hall.console, actor)


DeskDep = Annotated[Desk, Depends(_desk)]
