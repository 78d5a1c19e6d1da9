"""Use cases of webhooks: have one, look at what it was told, have it told again."""

import json
from datetime import timedelta

from stead.core import authz
from stead.core.authz import Action, Actor
from stead.core.db import Uow
from stead.core.vault import Vault
from stead.identity import public as identity
from stead.kit import clock, ids
from stead.kit.secrets import Secret
from stead.webhooks import repository, rules, telling
from stead.webhooks.errors import (
    InvalidWebhookError,
    PausedWebhookError,
    TooManyWebhooksError,
)
from stead.webhooks.models import DeliveryRow, WebhookRow
from stead.webhooks.rules import DeliveryState, Paused
from stead.webhooks.schemas import (
    AttemptOut,
    DeliveryDetailOut,
    DeliveryOut,
    WebhookChangeIn,
    WebhookIn,
    WebhookMadeOut,
    WebhookOut,
)

SECRET = "secret"  # noqa: S105  (where it lies in the vault)
PREVIOUS = "previous"


async def list_(uow: Uow, actor: Actor, project_id: str) -> list[WebhookOut]:
    await _require_project(uow, actor, project_id, Action.WEBHOOK_READ)
    return [_out(row) for row in await repository.list_(uow, project_id)]


async def create(
    uow: Uow, actor: Actor, vault: Vault, project_id: str, asked: WebhookIn
) -> WebhookMadeOut:
    """Make a webhook; its secret is in this answer and never again."""
    await _require_project(uow, actor, project_id, Action.WEBHOOK_MANAGE)
    _check_url(asked.url)
    if len(await repository.list_(uow, project_id)) >= rules.MOST:
        raise TooManyWebhooksError(f"A project has at most {rules.MOST} webhooks")
    row = WebhookRow(
        id=ids.new_id(),
        project_id=project_id,
        name=asked.name,
        url=asked.url,
        events=_chosen(asked.events),
        paused=Paused.NO,
        misses=0,
        previous_until=None,
        created_by=actor.name,
        created_at=clock.utc_now(),
    )
    uow.session.add(row)
    await uow.session.flush()
    secret = ids.new_token("stw")
    await vault.put(uow, row.id, SECRET, Secret(secret))
    return WebhookMadeOut(**_out(row).model_dump(), secret=secret)


async def get_(uow: Uow, actor: Actor, webhook_id: str) -> WebhookOut:
    return _out(await _get(uow, actor, webhook_id, Action.WEBHOOK_READ))


async def change(uow: Uow, actor: Actor, webhook_id: str, asked: WebhookChangeIn) -> WebhookOut:
    """Change what is said; another address begins without the failures of the one before."""
    row = await _get(uow, actor, webhook_id, Action.WEBHOOK_MANAGE)
    if asked.url is not None and asked.url != row.url:
        _check_url(asked.url)
        row.url, row.misses = asked.url, 0
    row.name = asked.name or row.name
    row.events = _chosen(asked.events) if asked.events else row.events
    return _out(row)


async def delete(uow: Uow, actor: Actor, vault: Vault, webhook_id: str) -> str:
    """Forget a webhook and all that was told to it; return whose it was.

    What is under way is not told again.
    """
    row = await _get(uow, actor, webhook_id, Action.WEBHOOK_MANAGE)
    await vault.forget(uow, row.id)
    await repository.delete_(uow, row.id)
    return row.project_id


async def pause(uow: Uow, actor: Actor, webhook_id: str) -> WebhookOut:
    """Send nothing for now. What happens meanwhile is not kept; what waits goes on waiting."""
    row = await _get(uow, actor, webhook_id, Action.WEBHOOK_MANAGE)
    row.paused = row.paused or Paused.ASKED
    return _out(row)


async def resume(uow: Uow, actor: Actor, webhook_id: str) -> WebhookOut:
    """Send again, first what waits."""
    row = await _get(uow, actor, webhook_id, Action.WEBHOOK_MANAGE)
    row.paused, row.misses = Paused.NO, 0
    uow.wake(telling.TOPIC)
    return _out(row)


async def rotate(uow: Uow, actor: Actor, vault: Vault, webhook_id: str) -> WebhookMadeOut:
    """Make another secret; for a day both sign, so that the receiver can change in between."""
    row = await _get(uow, actor, webhook_id, Action.WEBHOOK_MANAGE)
    before = await vault.find(uow, row.id, SECRET)
    if before is not None:
        await vault.put(uow, row.id, PREVIOUS, before)
        row.previous_until = clock.utc_now() + timedelta(hours=rules.OVERLAP_HOURS)
    secret = ids.new_token("stw")
    await vault.put(uow, row.id, SECRET, Secret(secret))
    return WebhookMadeOut(**_out(row).model_dump(), secret=secret)


async def send_test(uow: Uow, actor: Actor, webhook_id: str) -> DeliveryOut:
    """Send something harmless, once, even while it is paused."""
    row = await _get(uow, actor, webhook_id, Action.WEBHOOK_MANAGE)
    text = f"{actor.name} wanted to see whether this arrives"
    return _delivery(await telling.add(uow, row, rules.TEST, {"message": text}), None)


async def list_deliveries(
    uow: Uow, actor: Actor, webhook_id: str, limit: int, before: str | None = None
) -> list[DeliveryOut]:
    """Return what was told, the newest first."""
    row = await _get(uow, actor, webhook_id, Action.WEBHOOK_READ)
    rows = await repository.latest_deliveries(uow, row.id, limit, before)
    last = await repository.last_attempts(uow, [one.id for one in rows])
    return [
        _delivery(one, AttemptOut.model_validate(last[one.id]) if one.id in last else None)
        for one in rows
    ]


async def get_delivery(
    uow: Uow, actor: Actor, webhook_id: str, delivery_id: str
) -> DeliveryDetailOut:
    """Return a delivery with what was sent and each try."""
    row = await _get_delivery(uow, actor, webhook_id, delivery_id, Action.WEBHOOK_READ)
    return await _detail(uow, row)


async def redeliver(
    uow: Uow, actor: Actor, webhook_id: str, delivery_id: str
) -> DeliveryDetailOut:
    """Send it once more, with all its tries; one that still waits simply goes on."""
    row = await _get_delivery(uow, actor, webhook_id, delivery_id, Action.WEBHOOK_MANAGE)
    webhook = await _get(uow, actor, webhook_id, Action.WEBHOOK_MANAGE)
    if webhook.paused and row.event != rules.TEST:
        raise PausedWebhookError(
            f"{webhook.name} is paused", hint="Let it go on, then send this again"
        )
    if row.state != DeliveryState.PENDING:
        row.state, row.forgiven, row.next_at = DeliveryState.PENDING, row.tries, 0
        row.finished_at = None
        uow.wake(telling.TOPIC)
    return await _detail(uow, row)


def _check_url(url: str) -> None:
    problem = rules.url_problem(url)
    if problem:
        raise InvalidWebhookError("This address cannot be used", fields={"url": problem})


async def _require_project(uow: Uow, actor: Actor, project_id: str, asked: Action) -> None:
    if not await identity.find_project_name(uow, project_id):
        raise authz.NotFoundError("There is no such project, or it is not yours")
    authz.require(actor, asked, project_id, "project")


async def _get(uow: Uow, actor: Actor, webhook_id: str, asked: Action) -> WebhookRow:
    row = await repository.find(uow, webhook_id)
    if row is None:
        raise authz.NotFoundError("There is no such webhook, or it is not yours")
    authz.require(actor, asked, row.project_id, "webhook")
    return row


async def _get_delivery(
    uow: Uow, actor: Actor, webhook_id: str, delivery_id: str, asked: Action
) -> DeliveryRow:
    webhook = await _get(uow, actor, webhook_id, asked)
    row = await repository.find_delivery(uow, delivery_id)
    if row is None or row.webhook_id != webhook.id:
        raise authz.NotFoundError("There is no such delivery, or it is not yours")
    return row


async def _detail(uow: Uow, row: DeliveryRow) -> DeliveryDetailOut:
    tried = [AttemptOut.model_validate(one) for one in await repository.attempts(uow, row.id)]
    shown = _delivery(row, tried[-1] if tried else None)
    return DeliveryDetailOut(**shown.model_dump(), body=json.loads(row.body), attempts=tried)


def _delivery(row: DeliveryRow, last: AttemptOut | None) -> DeliveryOut:
    return DeliveryOut(
        id=row.id,
        webhook_id=row.webhook_id,
        event=row.event,
        state=row.state,
        tries=row.tries,
        created_at=row.created_at,
        finished_at=row.finished_at,
        last=last,
    )


def _out(row: WebhookRow) -> WebhookOut:
    return WebhookOut.model_validate(row)


def _chosen(events: list[rules.Event]) -> list[str]:
    return [event.value for event in rules.Event if event in events]
