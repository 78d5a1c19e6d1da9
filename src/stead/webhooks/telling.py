"""Writes down what there is to tell, in the transaction of what has happened."""

from collections.abc import Mapping

from stead.agents import public as agents
from stead.core import durable
from stead.core.db import Database, Uow
from stead.core.durable import OperationEnded, OperationRow
from stead.identity import public as identity
from stead.kit import clock, ids
from stead.webhooks import repository, rules
from stead.webhooks.models import DeliveryRow, WebhookRow
from stead.webhooks.rules import DeliveryState, Envelope, Event, Paused

TOPIC = "webhooks"
_DEPLOYMENT = "deployment:"


def attach(database: Database, console_url: str) -> None:
    """Tell webhooks of everything that ends here.

    Goes before whoever else writes down what happened, and may hold a lock from then on.
    """

    async def tell(uow: Uow) -> None:
        for fact in list(uow.facts):
            if isinstance(fact, OperationEnded):
                await _tell_operation(uow, fact, console_url)
            elif isinstance(fact, agents.JobEnded):
                await _tell_job(uow, fact, console_url)

    database.before_commit.insert(0, tell)


async def add(uow: Uow, row: WebhookRow, event: str, about: Mapping[str, object]) -> DeliveryRow:
    """Queue one delivery."""
    envelope = Envelope(
        id=ids.new_id(),
        event=event,
        at=clock.utc_now(),
        project_id=row.project_id,
        project=await identity.find_project_name(uow, row.project_id),
    )
    delivery = DeliveryRow(
        id=envelope.id,
        webhook_id=row.id,
        event=event,
        body=rules.body(envelope, about),
        state=DeliveryState.PENDING,
        tries=0,
        forgiven=0,
        next_at=0,
        created_at=envelope.at,
        finished_at=None,
    )
    uow.session.add(delivery)
    await uow.session.flush()
    uow.wake(TOPIC)
    return delivery


async def _tell_operation(uow: Uow, fact: OperationEnded, console_url: str) -> None:
    operation = await durable.get(uow, fact.operation_id)
    if operation is None:
        return
    about = _about(operation, fact.state, console_url)
    await _tell(uow, operation.project_id, rules.events_of(operation.kind, fact.state), about)


async def _tell_job(uow: Uow, fact: "agents.JobEnded", console_url: str) -> None:
    operation = await durable.get(uow, fact.operation_id)
    if operation is None or fact.outcome == "cancelled":
        return
    about = _about(operation, operation.state, console_url)
    about["job"] = {
        "id": fact.job_id,
        "step": fact.step,
        "outcome": fact.outcome,
        "exit_code": fact.exit_code,
    }
    event = Event.JOB_DONE if fact.outcome == "done" else Event.JOB_FAILED
    await _tell(uow, operation.project_id, [event], about)


async def _tell(
    uow: Uow, project_id: str, events: list[Event], about: Mapping[str, object]
) -> None:
    for row in await repository.listening(uow, project_id):
        wanted = [event for event in events if event in row.events]
        if not wanted:
            continue
        if await repository.count_pending(uow, row.id) >= rules.BACKLOG:
            row.paused = Paused.BACKLOG
            continue
        for event in wanted:
            await add(uow, row, event, about)


def _about(operation: OperationRow, state: str, console_url: str) -> dict[str, object]:
    error = operation.error if state != "succeeded" else None
    about: dict[str, object] = {
        "operation": {
            "id": operation.id,
            "kind": operation.kind,
            "title": operation.title,
            "state": state,
            "requested_by": operation.requested_by,
            "url": f"{console_url}/operations/{operation.id}",
            "error": {name: (error or {}).get(name, "") for name in ("code", "message")}
            if error
            else None,
        }
    }
    if operation.subject.startswith(_DEPLOYMENT):
        deployment_id = operation.subject.removeprefix(_DEPLOYMENT)
        about["deployment"] = {"id": deployment_id, "name": operation.params.get("name", "")}
    return about
