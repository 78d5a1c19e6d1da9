"""Every attacker at every target, and what is wrong about the answers."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import httpx
from tests.factories.databases import rehearsed
from tests.factories.platform import Platform
from tests.support.attack.attackers import Attacker, Credential, Scene, Standing, send
from tests.support.attack.content import Content
from tests.support.attack.filling import (
    Attack,
    CannotFillError,
    Forms,
    fill,
    variants,
)
from tests.support.attack.surface import Target
from tests.support.attack.world import PERSONAL, World, absent

from stead.core.authz import PlatformRole, Role

# Answer anybody with success, on purpose.
OPEN: Final = frozenset(
    {
        "/healthz",
        "/readyz",
        "/api/health",
        "/metrics",
        "/api/metrics",
        "/api/openapi.json",
        "/agent/v1/stead-agent.pyz",
        "/edge/v1/stopped",
    }
)
_VOLATILE: Final = frozenset({"date", "content-length", "x-request-id"})
_FRESH: Final = re.compile(r"\b(web|csp)_[\w-]{20,}")


@dataclass(frozen=True)
class Matrix:
    """An attacked project, the attackers' own, and the targets."""

    platform: Platform
    victim: World
    own: World
    forms: Forms
    content: Content
    rehearsing: bool = False
    # Who has attacked what; the same for all that are made from this one.
    attacked: set[tuple[str, str]] = field(default_factory=set)

    async def run(self, targets: Iterable[Target], attacker: Attacker) -> list[str]:
        """Return what is wrong, in words."""
        chosen = sorted(targets, key=lambda one: one.writes)
        reads = [one for one in chosen if not one.writes]
        writes = [one for one in chosen if one.writes]
        known = {}
        for one in reads:
            for worldly in (False, True):
                key = attacker.key(one), worldly
                if key not in known:
                    known[key] = await self._credential(attacker, one, worldly=worldly)
        before = await self.content.look()
        found = [wrong for one in reads for wrong in await self._one(one, attacker, known)]
        if await self.content.look() != before:
            found.append(f"{attacker} changed something by reading")
        # A write may cost its credential, so each gets a fresh one.
        return found + [wrong for one in writes for wrong in await self._one(one, attacker, {})]

    async def send(self, attack: Attack, credential: Credential) -> httpx.Response:
        """Send a request; while rehearsing, what it changes is forgotten."""
        if not self.rehearsing:
            return await send(self.platform, attack, credential)
        with rehearsed(self.platform.database):
            return await send(self.platform, attack, credential)

    async def _one(
        self, target: Target, attacker: Attacker, known: dict[tuple[str, bool], Credential]
    ) -> list[str]:
        standing = attacker.towards(target)
        try:
            attacks = self._attacks(target, attacker, standing)
        except CannotFillError as error:
            return [str(error)]
        found = []
        for attack in attacks:
            worldly = bool(attack.foreign)
            credential = known.get((attacker.key(target), worldly))
            if credential is None:
                credential = await self._credential(attacker, target, worldly=worldly)
            wrong = await self._attack(attack, attacker, standing, credential)
            found += [f"{target}: {attacker}: {one}" for one in wrong]
        return found

    async def _credential(
        self, attacker: Attacker, target: Target, *, worldly: bool
    ) -> Credential:
        return await attacker.credential(
            Scene(self.platform, self.victim, self.own, target, worldly)
        )

    def _attacks(self, target: Target, attacker: Attacker, standing: Standing) -> list[Attack]:
        if standing is Standing.ENTITLED and target.writes:
            return []
        if standing is Standing.STRANGER:
            own, foreign = self._sides(attacker)
            return variants(target, own, foreign, self.forms)
        return [fill(target, {}, self.victim.ids, self.forms)]

    def _sides(self, attacker: Attacker) -> tuple[dict[str, str], dict[str, str]]:
        """Return whose ids are the attacker's own; members share all but what is personal."""
        if attacker.role is None:
            return self.own.ids, self.victim.ids
        personal = {name: self.victim.ids[name] for name in PERSONAL}
        return self.own.ids | self.victim.ids | {n: self.own.ids[n] for n in personal}, personal

    async def _attack(
        self, attack: Attack, attacker: Attacker, standing: Standing, credential: Credential
    ) -> list[str]:
        stranger, writes = standing is Standing.STRANGER, attack.target.writes
        before = await self.content.look() if writes else {}
        answer = await self.send(attack, credential)
        self.attacked.add((str(attack.target), str(attacker)))
        after = await self.content.look() if writes else {}
        wrong = [
            *self._leaked(attack, answer, self._hidden_from(attacker)),
            *judged(attack.target, standing, answer),
        ]
        # What a stranger does with things of their own is their own business.
        if before != after and (attack.foreign or not stranger):
            wrong.append(f"changed {_differences(before, after)} ({answer.status_code})")
        if stranger and attack.foreign:
            wrong += await self._told_apart(attack, attacker, credential, answer)
        return wrong

    def _hidden_from(self, attacker: Attacker) -> frozenset[str]:
        if attacker.role is None:
            return self.victim.marks
        if isinstance(attacker.role, PlatformRole):
            return frozenset({self.victim.secret})
        own = frozenset() if attacker.role is Role.OWNER else self.victim.private
        return own | {self.victim.secret}

    def _leaked(
        self, attack: Attack, answer: httpx.Response, hidden: frozenset[str]
    ) -> Iterator[str]:
        sent = {self.victim.ids[name] for name in attack.foreign}
        # A search tells back what was searched for.
        searched = " ".join(attack.query.values())
        text = f"{answer.text} {answer.headers}"
        leaked = sorted(one for one in hidden - sent if one in text and one not in searched)
        if leaked:
            yield f"was told {leaked}"

    async def _told_apart(
        self, attack: Attack, attacker: Attacker, credential: Credential, answer: httpx.Response
    ) -> list[str]:
        """Ask the same about what does not exist; nobody may hear a difference."""
        nothing = absent(self.victim)
        foreign = {name: nothing[name] for name in attack.foreign}
        same = fill(attack.target, self._sides(attacker)[0], foreign, self.forms)
        other = await self.send(same, credential)
        # Some things have several names; the one that was asked by is to be compared.
        asked = {name: self.victim.ids[name] for name in sorted(attack.foreign)}
        first = comparable(answer, asked | self.victim.ids)
        second = comparable(other, asked | self.victim.ids | foreign)
        if first != second:
            return [f"hears {first} about ours and {second} about what does not exist"]
        in_path = any(self.victim.ids[name] in attack.path for name in attack.foreign)
        if in_path and not attack.target.is_public and answer.status_code not in {403, 404}:
            return [f"is not refused: {answer.status_code}"]
        return []


def judged(target: Target, standing: Standing, answer: httpx.Response) -> Iterator[str]:
    """Say what is wrong about an answer's status."""
    status = answer.status_code
    if status >= 500:
        yield f"broke the server: {answer.text[:300]}"
    elif target.is_public:
        if status < 400 and not target.is_page and target.path not in OPEN:
            yield "was let in; add it to OPEN if it is meant for anybody"
    elif standing is Standing.NOBODY and not _sent_away(target, answer):
        yield f"was not asked to sign in: {status} {answer.text[:200]}"
    elif standing is Standing.REFUSED and status != 403:
        yield f"was not refused: {status} {answer.text[:200]}"


def comparable(answer: httpx.Response, ids: dict[str, str]) -> tuple[Any, ...]:
    """Return an answer without what is new in every answer, and without the ids asked about."""
    headers = sorted(
        (name, _plain(value, ids))
        for name, value in answer.headers.items()
        if name not in _VOLATILE
    )
    return answer.status_code, headers, _plain(answer.text, ids)


def _plain(text: str, ids: dict[str, str]) -> str:
    for name, value in ids.items():
        text = text.replace(value, f"<{name}>")
    return _FRESH.sub(r"\1_fresh", text)


def _sent_away(target: Target, answer: httpx.Response) -> bool:
    if target.is_page:
        # A form of a session that is over may be refused as such.
        over = target.writes and answer.status_code == 403
        return over or (answer.status_code, answer.headers.get("location")) == (303, "/sign-in")
    return answer.status_code == 401


def _differences(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    return [name for name in before if before[name] != after[name]]
