"""Use cases of enrolment: one-time tokens, keys that agents made, recognising requests."""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from stead.agents import repository, rules
from stead.agents.errors import AgentRefusedError
from stead.agents.models import AgentRow, EnrolmentRow
from stead.core.db import Uow
from stead.core.vault import Vault
from stead.kit import clock, ids
from stead.kit.secrets import Secret

TOKEN_LIFE: Final = timedelta(minutes=10)
TIMELESS_SECONDS: Final = 30 * 24 * 3600
_ENROLMENT: Final = "enrolment"
# The bus topic that says: some agent is not one any more.
GONE: Final = "agents:gone"
# One request in 256 tidies up.
_TIDY: Final = "00"


def topic(instance_id: str) -> str:
    """Return the bus topic that says: this instance's agent is there."""
    return f"agent:{instance_id}"


def queue_topic(instance_id: str) -> str:
    """Return the bus topic of an instance's waiting jobs."""
    return f"jobs:{instance_id}"


async def issue_enrolment(uow: Uow, instance_id: str) -> str:
    """Return a fresh one-time token; earlier ones of this instance no longer count."""
    await repository.delete_enrolments(uow, instance_id)
    token = ids.new_token("ste")
    uow.session.add(
        EnrolmentRow(
            token_hash=ids.token_hash(token),
            instance_id=instance_id,
            expires_at=clock.utc_now() + TOKEN_LIFE,
        )
    )
    return token


async def keep_enrolment(uow: Uow, vault: Vault, instance_id: str) -> Secret:
    """Return an instance's one-time token, the same one until it has served or was revoked.

    For guests that get it as they are made: a request that lost its answer has to be repeated
    with the same token. It lies in the vault until then.
    """
    kept = await vault.find(uow, _kept(instance_id), _ENROLMENT)
    if kept is not None:
        row = await repository.find_enrolment(uow, ids.token_hash(kept.reveal()))
        if row is not None and row.key_hash is None:
            return kept
    token = Secret(await issue_enrolment(uow, instance_id))
    await vault.put(uow, _kept(instance_id), _ENROLMENT, token)
    return token


async def expect(uow: Uow, instance_id: str, life: timedelta, address: str | None) -> None:
    """Let an instance's token be good from now on for so long, and from nowhere but an address.

    The address is for engines that see to it that nobody else uses it.
    """
    for row in await repository.enrolments_of(uow, instance_id):
        row.expires_at = clock.utc_now() + life
        row.address = address


@dataclass(frozen=True, slots=True)
class Newcomer:
    """An agent at its first contact; ``address`` is where it calls from."""

    token: str
    key: str
    version: str
    facts: Mapping[str, str]
    address: str = ""


async def enrol(uow: Uow, vault: Vault, newcomer: Newcomer) -> str:
    """Accept an agent's own key for a token, once; the same pair again gets the same answer."""
    row = await repository.find_enrolment(uow, ids.token_hash(newcomer.token))
    key_hash = hashlib.sha256(newcomer.key.encode()).hexdigest()
    if row is None or row.address not in (None, newcomer.address):
        raise AgentRefusedError("This enrolment token is not valid")
    agent = await repository.find_agent_of(uow, row.instance_id)
    if row.key_hash is not None:
        if agent is None or not hmac.compare_digest(row.key_hash, key_hash):
            raise AgentRefusedError("This enrolment token is not valid")
        return agent.id
    if row.expires_at <= clock.utc_now():
        raise AgentRefusedError("This enrolment token is not valid")
    now, limits = clock.utc_now(), rules.Limits()
    if agent is not None:
        limits = rules.Limits(agent.changing_limit, agent.quick_limit)
        await repository.delete_agent(uow, agent.id)
        await vault.forget(uow, agent.id)
    agent = AgentRow(
        id=ids.new_id(),
        instance_id=row.instance_id,
        version=newcomer.version,
        facts={**newcomer.facts, "address": newcomer.address},
        enrolled_at=now,
        last_seen_at=now,
        changing_limit=limits.changing,
        quick_limit=limits.quick,
    )
    uow.session.add(agent)
    row.key_hash = key_hash
    await vault.put(uow, agent.id, repository.KEY, Secret(newcomer.key))
    await vault.forget(uow, _kept(row.instance_id))
    uow.wake(topic(row.instance_id))
    return agent.id


async def set_limits(uow: Uow, instance_id: str, limits: rules.Limits) -> bool:
    """Say how many jobs an agent may run at once; False when there is no agent."""
    agent = await repository.find_agent_of(uow, instance_id)
    if agent is None:
        return False
    agent.changing_limit, agent.quick_limit = limits.changing, limits.quick
    uow.wake(queue_topic(instance_id))
    return True


async def is_enrolled(uow: Uow, instance_id: str) -> bool:
    return await repository.find_agent_of(uow, instance_id) is not None


@dataclass(frozen=True, slots=True)
class Known:
    """What every request of an agent needs to know about it, and when that was looked up."""

    instance_id: str
    noted_at: datetime
    program: str | None
    transport: str
    at: float
    key: bytes = field(repr=False)


async def recognise(uow: Uow, vault: Vault, agent_id: str, text: str, signature: str) -> Known:
    """Return what is known of the agent that signed this. Raises AgentRefusedError.

    What is called an instance here may be a plain server; agents do not know the difference.
    """
    agent = await repository.look_up(uow, agent_id)
    if agent is None or agent.sealed_key is None:
        raise AgentRefusedError("This agent is not known here")
    key = bytes.fromhex(vault.reveal(agent.sealed_key).reveal())
    if not rules.is_signed(key, rules.REQUEST, text, signature):
        raise AgentRefusedError("This agent is not known here")
    # What it has not told yet is noted at once.
    noted = agent.last_seen_at if agent.load is not None else agent.enrolled_at - TOKEN_LIFE
    return Known(agent.instance_id, noted, agent.program, agent.transport, agent.now, key)


@dataclass(frozen=True, slots=True)
class Said:
    """What an agent says about itself; None or nothing is what it did not say."""

    version: str | None = None
    load: float | None = None
    program: str | None = None
    transport: str | None = None


@dataclass(frozen=True, slots=True)
class Arrival:
    """A request that was signed: whose, its nonce, and the time that it tells, if any.

    ``at`` is when it came by the database's clock, ``said`` what is to be noted about its agent
    with it.
    """

    agent_id: str
    nonce: str
    told: str
    at: float
    said: Said | None = None

    @property
    def is_timely(self) -> bool:
        """Tell whether it is from now; one that tells no time is from any."""
        return not self.told or rules.is_timely(self.told, self.at)

    @property
    def expires(self) -> float:
        """Return when it is too old; one that tells no time never is, so it is kept for long."""
        return self.at + (2 * rules.TIMELY_SECONDS if self.told else TIMELESS_SECONDS)


async def remember(uow: Uow, requests: Sequence[Arrival]) -> list[str | None]:
    """Remember requests until they would be too old; return why each is refused, or None."""
    timely = [one for one in requests if one.is_timely]
    # Of two that came together the second is a repetition too.
    asked = {(one.agent_id, one.nonce): _noted(one) for one in reversed(timely)}
    fresh = await repository.remember(uow, asked, clock.utc_now())
    for one in timely:
        if one.nonce.endswith(_TIDY):
            await repository.forget_nonces(uow, one.at)
    refusals: list[str | None] = []
    for one in requests:
        if not one.is_timely:
            refusals.append("This request is not from now")
        elif (one.agent_id, one.nonce) in fresh:
            fresh.discard((one.agent_id, one.nonce))
            refusals.append(None)
        else:
            refusals.append("This request was made before")
    return refusals


def _noted(one: Arrival) -> repository.Noted:
    """Return what is written down of a request; nothing said is the same as nothing new."""
    said = one.said
    if said is None:
        return repository.Noted(one.expires)
    words = (said.version, said.program, said.transport)
    version, program, transport = (word or None for word in words)
    return repository.Noted(
        one.expires,
        said=True,
        version=version,
        load=said.load,
        program=program,
        transport=transport,
    )


async def take(uow: Uow, request: Arrival) -> None:
    """Take a request in the transaction of what it does. Raises AgentRefusedError the second time.

    One that is refused has done nothing, so that it is not remembered either.
    """
    refusal = (await remember(uow, [request]))[0]
    if refusal is not None:
        raise AgentRefusedError(refusal)


async def key_of(uow: Uow, vault: Vault, agent_id: str) -> bytes:
    secret = await vault.find(uow, agent_id, repository.KEY)
    if secret is None:
        raise AgentRefusedError("This agent is not known here")
    return bytes.fromhex(secret.reveal())


async def agent_id_of(uow: Uow, instance_id: str) -> str | None:
    agent = await repository.find_agent_of(uow, instance_id)
    return agent.id if agent is not None else None


async def revoke(uow: Uow, vault: Vault, instance_id: str) -> None:
    """Forget an instance's agent, its key, its tokens and its open jobs; twice is fine."""
    await repository.end_jobs(uow, instance_id)
    await repository.delete_enrolments(uow, instance_id)
    await vault.forget(uow, _kept(instance_id))
    agent = await repository.find_agent_of(uow, instance_id)
    if agent is not None:
        await vault.forget(uow, agent.id)
        await repository.delete_agent(uow, agent.id)
        uow.wake(GONE)
    uow.wake(topic(instance_id))


def _kept(instance_id: str) -> str:
    return f"enrolment:{instance_id}"
