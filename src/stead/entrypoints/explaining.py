"""``stead admin can``: whether somebody may do something, and what decides it."""

from typing import Annotated

import typer

from stead.core import authz, durable
from stead.core.authz import Action, Actor
from stead.core.db import Uow
from stead.deployments import public as deployments
from stead.entrypoints.local import fail, run, say, settings, with_ground
from stead.entrypoints.plant import Ground
from stead.identity import public as identity


def add_to(commands: typer.Typer) -> None:
    """Add the verb to a group of commands."""
    commands.command("can")(can)


def can(
    user: Annotated[str, typer.Argument(help="A person's name.")],
    action: Annotated[str, typer.Argument(help="Such as deployment.create; `list` shows all.")],
    resource: Annotated[
        str, typer.Argument(help="A project's name, deployment:ID or operation:ID.")
    ] = "",
    *,
    token: Annotated[str, typer.Option(help="With this token of theirs (its beginning).")] = "",
) -> None:
    """Say whether somebody may do something, and which role or scope decides it."""
    if action not in {one.value for one in Action}:
        fail("Actions are: " + ", ".join(Action))
    asked = Action(action)

    async def look(ground: Ground) -> tuple[bool, str]:
        async with ground.database.read() as uow:
            actor = await _actor(uow, user, token)
            project_id, where = await _project(uow, resource)
            decision = authz.decide(actor, asked, project_id)
            return decision.allowed, identity.explain(actor, decision, where)

    allowed, sentence = run(with_ground(settings(), look, verb="can"))
    if not allowed:
        fail(sentence)
    say(sentence)


async def _actor(uow: Uow, user: str, token: str) -> Actor:
    user_id = await identity.find_user_id(uow, user)
    found = await identity.load_actor(uow, user_id or "")
    if found is None:
        fail(f"There is nobody named {user}, or their account is disabled")
    if not token:
        return found
    bearer = await identity.find_actor_by_prefix(uow, found.user_id, token)
    if bearer is None:
        fail(f"{user} has no token that begins with {token}")
    return bearer


async def _project(uow: Uow, resource: str) -> tuple[str | None, str]:
    """Return the project that a resource belongs to, by id and by name."""
    if not resource:
        return None, ""
    kind, colon, name = resource.partition(":")
    project_id: str | None = None
    if not colon:
        project_id = await identity.find_project_id(uow, resource)
    elif kind == "deployment":
        project_id = await deployments.find_project_id(uow, name)
    elif kind == "operation":
        operation = await durable.get(uow, name)
        project_id = operation.project_id if operation is not None else None
    if project_id is None:
        fail(f"There is no {resource}; name a project, deployment:ID or operation:ID")
    return project_id, await identity.find_project_name(uow, project_id)
