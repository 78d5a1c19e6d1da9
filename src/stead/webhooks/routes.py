"""Webhooks over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Depends, Response

from stead.core.authz import Action, action
from stead.core.http import ActorDep, DatabaseDep, provided
from stead.core.paging import Page, paged
from stead.core.vault import Vault
from stead.webhooks import service
from stead.webhooks.schemas import (
    DeliveryDetailOut,
    DeliveryOut,
    WebhookChangeIn,
    WebhookIn,
    WebhookMadeOut,
    WebhookOut,
)

router = APIRouter(prefix="/api/v1", tags=["webhooks"])
Listed = Annotated[
    Page,
    Depends(paged(WebhookOut, sorts=("name", "created_at"), filters=("name", "events", "paused"))),
]
Told = Annotated[Page, Depends(paged(DeliveryOut, sorts=("id",), default="-id"))]
VaultDep = Annotated[Vault, Depends(provided(Vault))]


@router.get("/projects/{project_id}/webhooks")
@action(Action.WEBHOOK_READ)
async def list_webhooks(
    project_id: str, actor: ActorDep, database: DatabaseDep, page: Listed
) -> list[WebhookOut]:
    """List the webhooks of a project."""
    async with database.read() as uow:
        return page.of(await service.list_(uow, actor, project_id))


@router.post("/projects/{project_id}/webhooks", status_code=201)
@action(Action.WEBHOOK_MANAGE)
async def create_webhook(
    project_id: str,
    body: WebhookIn,
    response: Response,
    actor: ActorDep,
    database: DatabaseDep,
    vault: VaultDep,
) -> WebhookMadeOut:
    """Have an address told; the secret that signs is in this answer and never again."""
    response.headers["Cache-Control"] = "no-store"
    async with database.write() as uow:
        return await service.create(uow, actor, vault, project_id, body)


@router.get("/webhooks/{webhook_id}")
@action(Action.WEBHOOK_READ)
async def get_webhook(webhook_id: str, actor: ActorDep, database: DatabaseDep) -> WebhookOut:
    async with database.read() as uow:
        return await service.get_(uow, actor, webhook_id)


@router.patch("/webhooks/{webhook_id}")
@action(Action.WEBHOOK_MANAGE)
async def change_webhook(
    webhook_id: str, body: WebhookChangeIn, actor: ActorDep, database: DatabaseDep
) -> WebhookOut:
    """Change name, address or events; what is left out stays."""
    async with database.write() as uow:
        return await service.change(uow, actor, webhook_id, body)


@router.delete("/webhooks/{webhook_id}", status_code=204)
@action(Action.WEBHOOK_MANAGE)
async def delete_webhook(
    webhook_id: str, actor: ActorDep, database: DatabaseDep, vault: VaultDep
) -> None:
    """Forget a webhook and all that was told to it."""
    async with database.write() as uow:
        await service.delete(uow, actor, vault, webhook_id)


@router.post("/webhooks/{webhook_id}/pause")
@action(Action.WEBHOOK_MANAGE)
async def pause_webhook(webhook_id: str, actor: ActorDep, database: DatabaseDep) -> WebhookOut:
    """Send nothing for now; what happens meanwhile is not kept."""
    async with database.write() as uow:
        return await service.pause(uow, actor, webhook_id)


@router.post("/webhooks/{webhook_id}/resume")
@action(Action.WEBHOOK_MANAGE)
async def resume_webhook(webhook_id: str, actor: ActorDep, database: DatabaseDep) -> WebhookOut:
    """Send again, first what waits."""
    async with database.write() as uow:
        return await service.resume(uow, actor, webhook_id)


@router.post("/webhooks/{webhook_id}/secret")
@action(Action.WEBHOOK_MANAGE)
async def rotate_secret(
    webhook_id: str, response: Response, actor: ActorDep, database: DatabaseDep, vault: VaultDep
) -> WebhookMadeOut:
    """Make another secret; for a day the one before signs too."""
    response.headers["Cache-Control"] = "no-store"
    async with database.write() as uow:
        return await service.rotate(uow, actor, vault, webhook_id)


@router.post("/webhooks/{webhook_id}/test", status_code=202)
@action(Action.WEBHOOK_MANAGE)
async def test_webhook(webhook_id: str, actor: ActorDep, database: DatabaseDep) -> DeliveryOut:
    """Send something harmless, once; how it went is in its delivery."""
    async with database.write() as uow:
        return await service.send_test(uow, actor, webhook_id)


@router.get("/webhooks/{webhook_id}/deliveries")
@action(Action.WEBHOOK_READ)
async def list_deliveries(
    webhook_id: str, actor: ActorDep, database: DatabaseDep, page: Told
) -> list[DeliveryOut]:
    """List what was told, the newest first."""
    async with database.read() as uow:
        after = page.key_after()
        return page.cut(
            await service.list_deliveries(uow, actor, webhook_id, page.limit + 1, after)
        )


@router.get("/webhooks/{webhook_id}/deliveries/{delivery_id}")
@action(Action.WEBHOOK_READ)
async def get_delivery(
    webhook_id: str, delivery_id: str, actor: ActorDep, database: DatabaseDep
) -> DeliveryDetailOut:
    """Show what was sent, and each try."""
    async with database.read() as uow:
        return await service.get_delivery(uow, actor, webhook_id, delivery_id)


@router.post("/webhooks/{webhook_id}/deliveries/{delivery_id}/redeliver", status_code=202)
@action(Action.WEBHOOK_MANAGE)
async def redeliver(
    webhook_id: str, delivery_id: str, actor: ActorDep, database: DatabaseDep
) -> DeliveryDetailOut:
    """Send it once more under the same id, with all its tries."""
    async with database.write() as uow:
        return await service.redeliver(uow, actor, webhook_id, delivery_id)
