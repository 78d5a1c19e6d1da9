"""What a project may use: reserved with the intent, released when the thing is gone."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from stead.core.authz import Action, Actor
from stead.core.db import Uow
from stead.identity import projects, rules
from stead.identity.errors import InvalidRequestError, LimitReachedError
from stead.identity.repository import limits as repository
from stead.identity.rules import LABELS, Resource
from stead.kit.words import say

# How these begin a line; the catalog of messages learns them here.
_TITLES: Final = (
    *(say("Instances"), say("Cores"), say("MB of memory"), say("GB of disk")),
    *(say("Addresses"), say("Routes"), say("Snapshots")),
)


@dataclass(frozen=True, slots=True)
class Use:
    """One resource: how much is in use, and the most there may be (None: no limit)."""

    resource: Resource
    used: int
    limit: int | None

    @property
    def label(self) -> str:
        """Return what is counted, in words."""
        return LABELS[self.resource]

    @property
    def title(self) -> str:
        """Return the same as a heading."""
        return self.label[0].upper() + self.label[1:]


async def reserve(uow: Uow, owner: str, project_id: str, amounts: Mapping[Resource, int]) -> None:
    """Take up what a new thing needs, in the transaction that writes down its intent.

    Requests of one project happen one after the other from here to their commit, so two
    cannot both take the last free place. Raises ArchivedError and LimitReachedError.
    """
    await projects.take_turn(uow, project_id)
    limits = await repository.limits_of(uow, project_id)
    asked = {one.value: amount for one, amount in amounts.items()}
    if limits:
        used = await repository.usage(uow, project_id)
        broken = rules.excesses(limits, used, asked)
        if broken:
            raise _refusal(broken)
    await repository.add(uow, owner, project_id, asked)


async def amend(uow: Uow, owner: str, project_id: str, amounts: Mapping[Resource, int]) -> None:
    """Let a thing take up other amounts of these than before; less is always possible.

    Raises ArchivedError and LimitReachedError, as ``reserve`` does.
    """
    held = await repository.find(uow, owner)
    if held is None:
        return
    asked = {one.value: amount for one, amount in amounts.items()}
    more = {name: n - getattr(held, name) for name, n in asked.items() if n > getattr(held, name)}
    if more:
        await projects.take_turn(uow, project_id)
        limits = await repository.limits_of(uow, project_id)
        broken = rules.excesses(limits, await repository.usage(uow, project_id), more)
        if broken:
            raise _refusal(broken)
    for name, amount in asked.items():
        setattr(held, name, amount)
    await uow.session.flush()


async def release(uow: Uow, owner: str) -> None:
    """Give back what a thing took up; twice is fine."""
    await repository.release(uow, owner)


async def list_use(uow: Uow, actor: Actor, project_id: str) -> list[Use]:
    """Return use and limit of every resource. Raises NotFoundError."""
    await projects.get_row(uow, actor, project_id, Action.PROJECT_READ)
    limits = await repository.limits_of(uow, project_id)
    used = await repository.usage(uow, project_id)
    return [Use(one, used[one], limits.get(one)) for one in Resource]


async def set_limits(
    uow: Uow, actor: Actor, project_id: str, limits: Mapping[Resource, int | None]
) -> list[Use]:
    """Change the limits that are named; None takes one away.

    A limit below what is in use stops new things and takes nothing away.
    """
    await projects.get_row(uow, actor, project_id, Action.LIMIT_SET)
    wrong = {one.value: "Zero or more" for one, n in limits.items() if n is not None and n < 0}
    if wrong:
        raise InvalidRequestError("These limits make no sense", fields=wrong)
    await projects.take_turn(uow, project_id)
    wanted: dict[str, int | None] = {**await repository.limits_of(uow, project_id)}
    wanted |= {one.value: amount for one, amount in limits.items()}
    kept = {one: amount for one, amount in wanted.items() if amount is not None}
    await repository.replace_limits(uow, project_id, kept)
    await uow.session.flush()
    return await list_use(uow, actor, project_id)


def _refusal(broken: list[rules.Excess]) -> LimitReachedError:
    return LimitReachedError(
        f"This project's limits do not allow it: {broken[0].sentence}",
        fields={one.resource.value: one.sentence for one in broken},
        hint="Remove something, choose a smaller size, or ask a platform admin for a higher limit",
    )
