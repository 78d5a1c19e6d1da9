"""Who attacks: nobody, people from elsewhere, and members whose role allows less."""

import itertools
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum, auto
from typing import Final

import httpx
from sqlalchemy import update
from tests.factories.platform import ORIGIN, Platform
from tests.support.attack.filling import Attack
from tests.support.attack.surface import Target
from tests.support.attack.world import World

from stead.core.authz import Actor
from stead.core.policy import POLICY, Action, PlatformRole, Relation, Role
from stead.identity import public as identity
from stead.identity.models import ApiTokenRow, SessionRow
from stead.kit import clock, ids

# The policy as it was when the tests were loaded: they change it later.
RULES: Final = dict(POLICY)


class Standing(Enum):
    """What somebody is to what a target works on."""

    NOBODY = auto()
    STRANGER = auto()
    REFUSED = auto()
    ENTITLED = auto()


@dataclass(frozen=True)
class Credential:
    """A token in the header, or a session in a cookie."""

    token: str = ""
    session: str = ""

    def headers(self, target: Target) -> dict[str, str]:
        """Return what a program or a browser would send along."""
        accept = "text/html,*/*;q=0.8" if target.is_page else "application/json"
        headers = {"Accept": accept, "Origin": ORIGIN}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        if self.session:
            headers["Cookie"] = f"{identity.COOKIE}={self.session}"
        return headers

    @property
    def csrf(self) -> str:
        """Return what this session's forms carry."""
        return identity.csrf_token(self.session) if self.session else ""


@dataclass(frozen=True)
class Scene:
    """Where an attack happens, and what for.

    Worldly members own something elsewhere, which must not help.
    """

    platform: Platform
    victim: World
    own: World
    target: Target
    worldly: bool = False


Way = Callable[[Scene], Awaitable[Credential]]


@dataclass(frozen=True)
class Attacker:
    """Somebody, with a way to get a credential."""

    name: str
    standing: Standing
    credential: Way
    role: Role | PlatformRole | None = None

    def __str__(self) -> str:
        """Return what findings call them."""
        return self.name

    def key(self, target: Target) -> str:
        """Return what one credential does for: most of them for everything."""
        return target.declared if self.standing is Standing.REFUSED else ""

    def towards(self, target: Target) -> Standing:
        """Return what they are to a target's action: their role may allow it."""
        if target.is_public or self.standing in {Standing.NOBODY, Standing.REFUSED}:
            return Standing.NOBODY if target.is_public else self.standing
        rule = RULES[Action(target.declared)]
        if self.role in rule.roles | rule.platform:
            return Standing.ENTITLED
        if rule.relation is Relation.SELF:
            return Standing.ENTITLED if self.role is Role.OWNER else Standing.STRANGER
        if rule.relation is Relation.PLATFORM or self.role is not None:
            return Standing.REFUSED
        return Standing.STRANGER


def entitled(victim: World, target: Target) -> Actor:
    """Return who may do what a target does: an admin for the platform's own things."""
    if not target.is_public and RULES[Action(target.declared)].relation is Relation.PLATFORM:
        return victim.members[PlatformRole.ADMIN]
    return victim.owner


_ADDRESSES = itertools.count(1)


async def send(platform: Platform, attack: Attack, credential: Credential) -> httpx.Response:
    """Send one request; a crash of the server is an answer of 500."""
    target = attack.target
    headers = credential.headers(target)
    form = None if attack.form is None else {"csrf": credential.csrf, **attack.form}
    # Each from an address of its own: what is attacked here is not the pace of wrong tokens.
    number = next(_ADDRESSES)
    address = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
    to_agents = target.path.startswith("/agent/")
    client = platform.agent() if to_agents else platform.api(address=address)
    async with client as api:
        return await api.request(
            target.method,
            attack.path,
            params=attack.query,
            json=attack.body,
            data=form,
            headers=headers,
        )


def rightful(world: World, declared: str) -> Actor:
    """Return who may do an action: what no member may is the admin's, all else the owner's."""
    members = {one for one, rule in RULES.items() if rule.roles or rule.relation is Relation.SELF}
    return world.owner if declared in members else world.members[PlatformRole.ADMIN]


async def _nothing(_scene: Scene) -> Credential:
    return Credential()


async def _invented(_scene: Scene) -> Credential:
    return Credential(token=ids.new_token("stt"))


async def _invented_session(_scene: Scene) -> Credential:
    return Credential(session=ids.new_token("sts"))


async def _expired(scene: Scene) -> Credential:
    token = await scene.platform.token(scene.victim.owner)
    await _expire(scene.platform, ApiTokenRow, token)
    return Credential(token=token)


async def _expired_session(scene: Scene) -> Credential:
    session = await scene.platform.session(scene.victim.owner)
    await _expire(scene.platform, SessionRow, session)
    return Credential(session=session)


async def _ended_session(scene: Scene) -> Credential:
    session = await scene.platform.session(scene.victim.owner)
    async with scene.platform.database.write() as uow:
        await identity.end_session(uow, session)
    return Credential(session=session)


async def _expire(
    platform: Platform, table: type[ApiTokenRow] | type[SessionRow], token: str
) -> None:
    async with platform.database.write() as uow:
        past = clock.utc_now() - timedelta(seconds=1)
        await uow.session.execute(
            update(table).where(table.token_hash == ids.token_hash(token)).values(expires_at=past)
        )


def _person(role: Role | PlatformRole | None, *, by_token: bool) -> Way:
    """Return how a member of the attacked project, or the owner of another one, signs in."""

    async def way(scene: Scene) -> Credential:
        known = scene.victim.worldly if scene.worldly else scene.victim.members
        person = scene.own.owner if role is None else known[role]
        if by_token:
            return Credential(token=await scene.platform.token(person))
        return Credential(session=await scene.platform.session(person))

    return way


async def _without_the_scope(scene: Scene) -> Credential:
    others = [one for one in Action if one != scene.target.declared]
    person = rightful(scene.victim, scene.target.declared)
    return Credential(token=await scene.platform.token(person, *others))


async def _for_another_project(scene: Scene) -> Credential:
    """Return a token of somebody who owns both projects, limited to the other one."""
    owner, other = scene.victim.worldly[Role.OWNER], scene.own.ids["project_id"]
    return Credential(token=await scene.platform.token(owner, project=other))


def _people() -> Iterator[Attacker]:
    for by_token, how in ((True, "by token"), (False, "by session")):
        elsewhere = _person(None, by_token=by_token)
        yield Attacker(f"a member of another project, {how}", Standing.STRANGER, elsewhere)
        for role in (*Role, *PlatformRole):
            member = _person(role, by_token=by_token)
            where = "project" if isinstance(role, Role) else "platform"
            yield Attacker(f"{role} of the {where}, {how}", Standing.STRANGER, member, role)


ATTACKERS: Final = (
    Attacker("nobody", Standing.NOBODY, _nothing),
    Attacker("an invented token", Standing.NOBODY, _invented),
    Attacker("an invented session", Standing.NOBODY, _invented_session),
    Attacker("an expired token", Standing.NOBODY, _expired),
    Attacker("an expired session", Standing.NOBODY, _expired_session),
    Attacker("an ended session", Standing.NOBODY, _ended_session),
    Attacker("a token without the scope", Standing.REFUSED, _without_the_scope, Role.OWNER),
    Attacker("a token for another project", Standing.STRANGER, _for_another_project),
    *_people(),
)
