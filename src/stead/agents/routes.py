"""The agents' own listener: the only control-plane port that guests can reach."""

import random
from dataclasses import replace
from datetime import timedelta
from typing import Annotated, Final, NamedTuple

from fastapi import APIRouter, Depends, Header, Query, Request, Response

from stead.agents import distribution, jobs, rules, service
from stead.agents.arrivals import Arrivals
from stead.agents.carrier import CARRIED, Carrier
from stead.agents.errors import AgentRefusedError
from stead.agents.schemas import (
    BeatIn,
    BeatOut,
    ClaimIn,
    ClaimOut,
    EnrolIn,
    EnrolOut,
    LogIn,
    LogOut,
    SignedIn,
)
from stead.core.authz import NotFoundError, public
from stead.core.blobs import Blobs
from stead.core.db import Database, Uow
from stead.core.http import DatabaseDep, Provided, provided
from stead.core.vault import Vault
from stead.kit import clock

# An agent asks twice a minute or, while it works, more often; not each time is worth a write.
NOTE_EVERY: Final = timedelta(seconds=15)
SHORTEST_WAIT: Final = 0.6
LEAST_PAUSE: Final = 0.05
spread = random.Random()  # noqa: S311  (nothing depends on nobody knowing it)
router = APIRouter(prefix="/agent/v1", tags=["agent"])
VaultDep = Annotated[Vault, Depends(provided(Vault))]
BlobsDep = Annotated[Blobs, Depends(provided(Blobs))]


class Caller:
    """The agent that signed a request, and its instance."""

    def __init__(self, arrival: service.Arrival, known: service.Known) -> None:
        self.arrival = arrival
        self.agent_id = arrival.agent_id
        self.instance_id = known.instance_id
        self.seen_at = known.noted_at
        self.program = known.program
        self.transport = known.transport
        self.key = known.key

    def is_due(self) -> bool:
        """Tell whether it is time to note again that this agent is there."""
        return clock.utc_now() - self.seen_at > NOTE_EVERY

    async def take(self, uow: Uow) -> None:
        """Take the request in the transaction of what it does. Raises AgentRefusedError."""
        said = service.Said() if self.is_due() else None
        await service.take(uow, replace(self.arrival, said=said))


class Mark(NamedTuple):
    """What says who made a request, and when; agents from before Stead-Time tell no time."""

    agent: str
    nonce: str
    time: str
    signature: str

    @property
    def sender(self) -> tuple[str, ...]:
        """Return what of it is signed."""
        return (self.agent, self.nonce, self.time) if self.time else (self.agent, self.nonce)


async def _mark(
    stead_agent: Annotated[str, Header(max_length=26)] = "",
    stead_nonce: Annotated[str, Header(max_length=64)] = "",
    stead_time: Annotated[str, Header(max_length=20)] = "",
    stead_signature: Annotated[str, Header(max_length=64)] = "",
) -> Mark:
    return Mark(stead_agent, stead_nonce, stead_time, stead_signature)


async def identify(
    request: Request,
    database: DatabaseDep,
    vault: VaultDep,
    mark: Annotated[Mark, Depends(_mark)],
) -> Caller:
    """Check the signature over the whole request. Raises AgentRefusedError.

    Whoever asks has to see to it that the request is taken once: with what it writes, where it
    writes something, or before it is acted on.
    """
    if not (mark.agent and mark.nonce and mark.signature):
        raise AgentRefusedError("This request is not signed")
    query = request.scope["query_string"].decode("latin-1")
    target = request.url.path + (f"?{query}" if query else "")
    text = rules.request_text((request.method, target), mark.sender, await request.body())
    async with database.read() as uow:
        found = await service.recognise(uow, vault, mark.agent, text, mark.signature)
    return Caller(service.Arrival(mark.agent, mark.nonce, mark.time, found.at), found)


IdentifiedDep = Annotated[Caller, Depends(identify)]


async def recognise(request: Request, caller: IdentifiedDep) -> Caller:
    """Check the signature, and remember the request. Raises AgentRefusedError."""
    await _arrivals(request).admit(caller.arrival)
    return caller


CallerDep = Annotated[Caller, Depends(recognise)]


@router.post("/enrol")
@public("the one-time token in the body is the proof")
async def enrol(
    body: EnrolIn, request: Request, database: DatabaseDep, vault: VaultDep
) -> EnrolOut:
    address = request.client.host if request.client is not None else ""
    newcomer = service.Newcomer(**body.model_dump(), address=address)
    async with database.write() as uow:
        agent_id = await service.enrol(uow, vault, newcomer)
    return EnrolOut(agent=agent_id, server_time=clock.utc_now().timestamp())


@router.post("/jobs/claim", response_model=ClaimOut, responses={204: {}})
@public("signed by the agent's key")
async def claim_job(
    body: ClaimIn, request: Request, caller: IdentifiedDep, database: DatabaseDep
) -> Response | ClaimOut:
    arrivals = _arrivals(request)
    way = "redis" if CARRIED in request.scope.get("extensions", {}) else "https"
    due = caller.is_due() or body.program not in ("", caller.program) or way != caller.transport
    said = service.Said(body.version, body.load, body.program, way) if due else None
    await arrivals.admit(replace(caller.arrival, said=said))
    arrivals.begin_claim(caller.agent_id, caller.arrival.nonce)
    try:
        claimed = await _wait_for_job(body, request, caller, database)
    finally:
        arrivals.end_claim(caller.agent_id, caller.arrival.nonce)
    head = {"Stead-Transport": "redis"} if _carrier(request) is not None else {}
    if claimed is None:
        return Response(status_code=204, headers=head)
    return Response(claimed.model_dump_json(), media_type="application/json", headers=head)


async def _wait_for_job(
    body: ClaimIn, request: Request, caller: Caller, database: Database
) -> ClaimOut | None:
    topic, arrivals = service.queue_topic(caller.instance_id), _arrivals(request)
    # Agents that all came at once, after a restart of ours, shall not come back all at once.
    deadline = clock.monotonic() + body.wait * spread.uniform(SHORTEST_WAIT, 1)
    gone: jobs.Lost | None = None
    while True:
        seen = database.bus.version(topic)
        async with database.read() as uow:
            gone, pause = await jobs.outlook(uow, caller.instance_id, body.running, gone)
        waiting = pause is not None and pause <= 0
        # An agent that has gone must not be handed the job that its next poll is waiting for.
        latest = arrivals.is_latest(caller.agent_id, caller.arrival.nonce)
        if waiting and (not latest or await request.is_disconnected()):
            return None
        claimed = await _claim(database, caller, gone) if waiting else None
        if claimed is not None:
            return claimed
        remaining = deadline - clock.monotonic()
        if remaining <= 0:
            return None
        # A retry becomes due without a wake-up.
        soon = remaining if pause is None else max(pause, LEAST_PAUSE)
        woken = await database.bus.changed(topic, seen, min(remaining, soon))
        if not woken and soon >= remaining:
            # The agent asks again at once, and that begins with a look.
            return None


@router.get("/transport")
@public("signed by the agent's key")
async def get_transport(request: Request, caller: CallerDep) -> dict[str, dict[str, object]]:
    carrier = _carrier(request)
    found = None
    if carrier is not None:
        found = await carrier.place_of(caller.agent_id, caller.instance_id)
    return {"redis": found} if found is not None else {}


@router.get("/stead-agent.pyz")
@public("the program is no secret; whoever fetches it knows its checksum")
async def get_program() -> Response:
    return Response(distribution.program().content, media_type="application/octet-stream")


@router.get("/packages/{digest}")
@public("signed by the agent's key")
async def get_package(
    digest: str, caller: CallerDep, database: DatabaseDep, blobs: BlobsDep
) -> Response:
    async with database.read() as uow:
        allowed = await jobs.may_fetch(uow, caller.instance_id, digest)
    content = blobs.find(digest) if allowed else None
    if content is None:
        raise NotFoundError("There is no such package for this agent")
    return Response(content, media_type="application/x-tar")


@router.get("/jobs/{job_id}/secrets")
@public("signed by the agent's key")
async def get_secrets(
    job_id: str,
    attempt: Annotated[int, Query(ge=1)],
    caller: CallerDep,
    database: DatabaseDep,
    vault: VaultDep,
) -> dict[str, str]:
    async with database.read() as uow:
        found = await jobs.secrets_for(uow, vault, caller.instance_id, job_id, attempt)
    return {name: secret.reveal() for name, secret in found.items()}


@router.post("/jobs/{job_id}/log")
@public("signed by the agent's key")
async def append_log(
    job_id: str, body: LogIn, caller: IdentifiedDep, database: DatabaseDep
) -> LogOut:
    async with database.write() as uow:
        await caller.take(uow)
        following, cancel = await jobs.record_log(
            uow, caller.instance_id, job_id, body.attempt, body.lines
        )
    return LogOut(next=following, cancel=cancel)


@router.post("/jobs/{job_id}/heartbeat")
@public("signed by the agent's key")
async def heartbeat(
    job_id: str, body: BeatIn, caller: IdentifiedDep, database: DatabaseDep
) -> BeatOut:
    async with database.write() as uow:
        await caller.take(uow)
        cancel = await jobs.beat(uow, caller.instance_id, job_id, body.attempt)
    return BeatOut(cancel=cancel)


@router.post("/jobs/{job_id}/result", status_code=200)
@public("signed by the agent's key, twice")
async def put_result(
    job_id: str, body: SignedIn, caller: IdentifiedDep, database: DatabaseDep
) -> dict[str, str]:
    async with database.write() as uow:
        await caller.take(uow)
        await jobs.record_result(uow, caller.key, caller.instance_id, job_id, body)
    return {"state": "accepted"}


def _carrier(request: Request) -> Carrier | None:
    services: Provided = request.app.state.provided
    return services.find(Carrier)


def _arrivals(request: Request) -> Arrivals:
    found: Arrivals = request.app.state.arrivals
    return found


async def _claim(database: Database, caller: Caller, gone: jobs.Lost) -> ClaimOut | None:
    async with database.write() as uow:
        return await jobs.claim(uow, caller.agent_id, caller.key, caller.instance_id, gone)
