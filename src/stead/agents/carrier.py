"""Answers what agents ask through a Redis, as if it had come over HTTPS.

The database stays the truth and the Redis only carries. Each call is handed to the agents' own
application, which checks its signature and that it is made once; the answer is signed and put
where the agent waits. Whatever is lost on the way is asked again, because nobody takes it for
done before the answer to it has come.
"""

import asyncio
import json
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from stead.agents import redis, repository, rules, service
from stead.agents.errors import AgentRefusedError
from stead.agents.redis import Connection, Door, RedisError
from stead.core import log
from stead.core.db import Database
from stead.core.settings import RedisSettings
from stead.core.vault import Vault
from stead_agent import carried, signing

# What a request says of itself that came this way.
CARRIED: Final = "stead.carried"
USER: Final = "stead-agent-"
PAUSES: Final = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
LOOK_SECONDS: Final = 30.0
ANSWER_SECONDS: Final = 120
CALL_LIMIT: Final = 2 * 1024 * 1024
# A guest that asks without end must not have everything done at once.
AT_ONCE: Final = 32
_LIST = re.compile(r"agent:([0-9a-z]{26}):calls|job:([0-9a-z]{26}):updates")
_HEADERS: Final = ("Stead-Agent", "Stead-Nonce", "Stead-Time", "Stead-Signature")
_MAY: Final = ("+ping", "+rpush", "+publish", "+blpop", "+lrem", "+del")
logger = log.get(__name__)


@dataclass(frozen=True, slots=True)
class Offer:
    """Where agents find the Redis."""

    host: str
    port: int
    ca: str


@dataclass(frozen=True, slots=True)
class Call:
    """A call as it was found in a list."""

    agent: str
    nonce: str
    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    is_own: bool

    @property
    def answers(self) -> str:
        """Return the list in which its agent waits."""
        if self.target == carried.CLAIM:
            return f"agent:{self.agent}:jobs"
        return f"agent:{self.agent}:answers:{self.nonce}"

    def moves_jobs(self, status: int) -> bool:
        """Tell whether the agent holds other jobs after it than before."""
        told = self.target == carried.CLAIM or self.target.endswith("/result")
        return told and status == HTTPStatus.OK


Ask = Callable[[Call], Awaitable[tuple[int, str]]]


class Carrier:
    """One process's hand in a Redis; several may have theirs in the same."""

    def __init__(self, where: Door, offer: Offer, database: Database, vault: Vault) -> None:
        self._where = where
        self._offer = offer
        self._database = database
        self._vault = vault
        self._work: Connection | None = None
        self._busy: Counter[str] = Counter()

    async def run(self, ask: Ask) -> None:
        """Carry until cancelled; a Redis that goes away is waited for."""
        failures = 0
        while True:
            try:
                await self._listen(ask)
            except Exception as error:  # noqa: BLE001 - whatever ends a connection, the next may work
                failures = 0 if self._work is not None else failures
                pause = PAUSES[min(failures, len(PAUSES) - 1)]
                failures += 1
                reasons = "; ".join(_reasons(error))
                logger.warning("redis.lost", reason=reasons, pause_seconds=pause)
                self._work = None
                await asyncio.sleep(pause)

    async def place_of(self, agent_id: str, instance_id: str) -> dict[str, object] | None:
        """Let an agent in, and return where; None while nothing is carried. Makes a user."""
        if self._work is None:
            return None
        try:
            await self._grant(agent_id, instance_id)
        except RedisError as error:
            logger.warning("redis.grant.failed", agent=agent_id, reason=str(error))
            return None
        at = self._offer
        return {"host": at.host, "port": at.port, "ca": at.ca, "user": USER + agent_id}

    async def _listen(self, ask: Ask) -> None:
        ringing = await redis.connect(self._where)
        try:
            work = await redis.connect(self._where)
            try:
                async with asyncio.TaskGroup() as group:
                    async for name in ringing.rings("agent:*:calls", "job:*:updates"):
                        if name is None:
                            self._work = work
                            group.create_task(self._look_after(ask, group, work))
                            logger.info("redis.carries", host=self._where.host)
                        else:
                            group.create_task(self._empty(ask, group, work, name))
            finally:
                work.close()
        finally:
            ringing.close()

    async def _look_after(self, ask: Ask, group: asyncio.TaskGroup, work: Connection) -> None:
        """See to what nobody rang for, and to users whose agent has gone, now and then."""
        agents = await self._agents()
        for agent_id in agents:
            answers = f"agent:{agent_id}:jobs"
            anew = json.dumps({"call": carried.ANEW})
            await work.do(("RPUSH", answers, anew), ("EXPIRE", answers, ANSWER_SECONDS))
        while True:
            await self._forget(work, agents)
            async with self._database.read() as uow:
                jobs = await repository.held_jobs(uow)
            names = [f"agent:{one}:calls" for one in agents]
            for name in [*names, *(f"job:{one}:updates" for one in jobs)]:
                await self._empty(ask, group, work, name)
            seen = self._database.bus.version(service.GONE)
            await self._database.bus.changed(service.GONE, seen, LOOK_SECONDS)
            agents = await self._agents()

    async def _agents(self) -> dict[str, str]:
        async with self._database.read() as uow:
            return await repository.all_agents(uow)

    async def _forget(self, work: Connection, agents: Iterable[str]) -> None:
        """Take the users of agents that are not there any more."""
        (users,) = await work.do(("ACL", "USERS"))
        names = (
            [one.decode() for one in users if isinstance(one, bytes)]
            if isinstance(users, list)
            else []
        )
        known = {USER + one for one in agents}
        gone = [one for one in names if one.startswith(USER) and one not in known]
        if gone:
            await work.do(("ACL", "DELUSER", *gone))

    async def _grant(self, agent_id: str, instance_id: str) -> None:
        """Let an agent reach its own lists and those of the jobs that it holds, nothing else."""
        work = self._work
        if work is None:
            raise RedisError("nothing is carried now")
        async with self._database.read() as uow:
            key = await service.key_of(uow, self._vault, agent_id)
            jobs = await repository.held_jobs(uow, instance_id)
        password = signing.redis_password(key.hex(), agent_id)
        names = [f"agent:{agent_id}:*", *(f"job:{one}:updates" for one in jobs)]
        allowed = [mark + name for name in names for mark in ("~", "&")]
        user = ("ACL", "SETUSER", USER + agent_id, "reset", "on", f">{password}")
        await work.do((*user, *allowed, "-@all", *_MAY))

    async def _empty(
        self, ask: Ask, group: asyncio.TaskGroup, work: Connection, name: str
    ) -> None:
        """Take what is in a list; each call is then answered by itself."""
        found = _LIST.fullmatch(name)
        while found is not None:
            (raw,) = await work.do(("LPOP", name))
            if not isinstance(raw, bytes):
                return
            if self._busy[name] < AT_ONCE:
                group.create_task(self._answer(ask, work, name, raw))

    async def _answer(self, ask: Ask, work: Connection, name: str, raw: bytes) -> None:
        self._busy[name] += 1
        try:
            call = _parse(name, raw)
            if call is None:
                logger.info("redis.nonsense", list=name)
                return
            status, body = await ask(call)
            await self._put(work, call, status, body)
        except RedisError:
            raise
        except AgentRefusedError:
            logger.info("redis.refused", list=name)
        except Exception as error:  # noqa: BLE001 - the agent asks again; the others go on
            logger.warning("redis.unanswered", list=name, reason=type(error).__name__)
        finally:
            self._busy[name] -= 1
            if not self._busy[name]:
                del self._busy[name]

    async def _put(self, work: Connection, call: Call, status: int, body: str) -> None:
        if status == HTTPStatus.UNAUTHORIZED and not call.is_own:
            # Whoever put it there is perhaps not whom it names.
            return
        async with self._database.read() as uow:
            key = await service.key_of(uow, self._vault, call.agent)
            known = await repository.find_agent(uow, call.agent)
        if known is not None and call.moves_jobs(status):
            await self._grant(call.agent, known.instance_id)
        text = rules.answer_text(call.nonce, status, body)
        signature = rules.sign(key, rules.ANSWER, text)
        told = {"call": call.nonce, "status": status, "body": body, "signature": signature}
        await work.do(
            ("RPUSH", call.answers, json.dumps(told)),
            ("EXPIRE", call.answers, ANSWER_SECONDS),
        )


def carrier(settings: RedisSettings, database: Database, vault: Vault) -> Carrier | None:
    """Return what carries, None when no Redis is set. Raises RedisError."""
    if not settings.url or settings.ca_file is None:
        return None
    where = redis.door(settings.url, settings.ca_file)
    host, _, port = settings.agent_address.rpartition(":")
    offer = Offer(host or where.host, int(port) if port else where.port, where.ca)
    return Carrier(where, offer, database, vault)


def _parse(name: str, raw: bytes) -> Call | None:
    """Return the call, None for what no agent of ours puts into this list."""
    try:
        found = json.loads(raw[:CALL_LIMIT])
        given = found["headers"]
        headers = tuple((one, str(given[one])) for one in _HEADERS)
        method, target, body = (str(found[one]) for one in ("method", "target", "body"))
        content = body.encode()
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    agent, nonce = headers[0][1], headers[1][1]
    mine = carried.list_for(agent, target)
    if mine != name or method != "POST" or not re.fullmatch(r"[0-9a-f]{32}", nonce):
        return None
    if not all(value.isascii() and value.isprintable() for _, value in headers):
        return None
    named = (*headers, ("Content-Type", "application/json"))
    return Call(agent, nonce, method, target, named, content, name.startswith("agent:"))


def _reasons(error: BaseException) -> list[str]:
    if isinstance(error, BaseExceptionGroup):
        return [text for one in error.exceptions for text in _reasons(one)]
    return [str(error) if isinstance(error, RedisError) else type(error).__name__]
