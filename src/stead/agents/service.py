"""Use cases of enrolment: one-time tokens, keys that agents made, recognising requests."""

import hashlib
import hmac
from collections.abc import Mapping
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
_KEY: Final = "key"
# One request in 256 tidies up.
_TIDY: Final = "00"


def topic(instance_id: str) -> str:
    """Return the bus topic that says: this instance's agent is there."""
    return f"agent:{instance_id}"


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


async def enrol(
    uow: Uow, vault: Vault, *, token: str, key: str, version: str, facts: Mapping[str, str]
) -> str:
    """Accept an agent's own key for a token, once; the same pair again gets the same answer."""
    row = await repository.find_enrolment(uow, ids.token_hash(token))
    key_hash = hashlib.sha256(key.encode()).hexdigest()
    if row is None:
        raise AgentRefusedError("This enrolment token is not valid")
    agent = await repository.find_agent_of(uow, row.instance_id)
    if row.key_hash is not None:
        if agent is None or not hmac.compare_digest(row.key_hash, key_hash):
            raise AgentRefusedError("This enrolment token is not valid")
        return agent.id
    if row.expires_at <= clock.utc_now():
        raise AgentRefusedError("This enrolment token is not valid")
    now = clock.utc_now()
    if agent is not None:
        await repository.delete_agent(uow, agent.id)
        await vault.forget(uow, agent.id)
    agent = AgentRow(
        id=ids.new_id(),
        instance_id=row.instance_id,
        version=version,
        facts=dict(facts),
        enrolled_at=now,
        last_seen_at=now,
    )
    uow.session.add(agent)
    row.key_hash = key_hash
    await vault.put(uow, agent.id, _KEY, Secret(key))
    uow.wake(topic(row.instance_id))
    return agent.id


async def is_enrolled(uow: Uow, instance_id: str) -> bool:
    return await repository.find_agent_of(uow, instance_id) is not None


async def recognise(
    uow: Uow, vault: Vault, agent_id: str, text: str, signature: str
) -> tuple[str, datetime]:
    """Return the signing agent's instance, and when it was last noted. Raises AgentRefusedError.

    What is called an instance here may be a plain server; agents do not know the difference.
    """
    key = await key_of(uow, vault, agent_id)
    if not rules.is_signed(key, rules.REQUEST, text, signature):
        raise AgentRefusedError("This agent is not known here")
    agent = await repository.find_agent(uow, agent_id)
    if agent is None:
        raise AgentRefusedError("This agent is not known here")
    # What it has not told yet is noted at once.
    noted = agent.last_seen_at if agent.load is not None else agent.enrolled_at - TOKEN_LIFE
    return agent.instance_id, noted


async def use_nonce(uow: Uow, agent_id: str, nonce: str, told: str) -> None:
    """Remember a request until it would be too old. Raises AgentRefusedError the second time.

    One that tells no time never gets too old, so it is remembered for long.
    """
    now = await repository.database_time(uow)
    if told and not rules.is_timely(told, now):
        raise AgentRefusedError("This request is not from now")
    kept = 2 * rules.TIMELY_SECONDS if told else TIMELESS_SECONDS
    if not await repository.remember_nonce(uow, agent_id, nonce, now + kept):
        raise AgentRefusedError("This request was made before")
    if nonce.endswith(_TIDY):
        await repository.forget_nonces(uow, now)


async def note_seen(
    uow: Uow, agent_id: str, *, version: str | None = None, load: float | None = None
) -> None:
    """Remember that an agent called just now, and what it said about itself."""
    agent = await repository.find_agent(uow, agent_id)
    if agent is not None:
        agent.last_seen_at = clock.utc_now()
        agent.version = version or agent.version
        agent.load = load if load is not None else agent.load


async def key_of(uow: Uow, vault: Vault, agent_id: str) -> bytes:
    secret = await vault.find(uow, agent_id, _KEY)
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
    agent = await repository.find_agent_of(uow, instance_id)
    if agent is not None:
        await vault.forget(uow, agent.id)
        await repository.delete_agent(uow, agent.id)
    uow.wake(topic(instance_id))
