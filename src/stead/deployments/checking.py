"""The step of a deployment's plan that asks the admins' rules as they are when it begins.

The request asked them too; meanwhile they may have changed, or somebody tries it again.
"""

from stead.catalog import public as catalog
from stead.core import durable
from stead.core.db import Database, Uow
from stead.core.durable import Rule, Step, StepContext
from stead.deployments import governance, repository, settings
from stead.instances import public as instances


def policy_step(database: Database) -> Step:
    """Return the step; what the request reserved is freed by the step before it."""
    return durable.policy(
        database,
        Rule(settings.REFUSED_APPS.name, _refuses_app),
        Rule(settings.LARGEST_SIZE.name, _refuses_size),
    )


def upgrade_step(database: Database) -> Step:
    """Return the step for a change; what runs goes on, and only its version is asked about."""
    return durable.policy(database, Rule(settings.REFUSED_APPS.name, _refuses_upgrade))


async def _refuses_upgrade(uow: Uow, context: StepContext) -> str | None:
    upgraded = context.text("from") != context.text("to")
    return await _refuses_app(uow, context) if upgraded else None


async def _refuses_app(uow: Uow, context: StepContext) -> str | None:
    row = await repository.find(uow, context.text("deployment_id"))
    if row is None:
        return None
    manifest = catalog.Manifest.model_validate(row.manifest)
    refused = governance.refusal(await governance.allowed(uow), manifest)
    return refused.message if refused is not None else None


async def _refuses_size(uow: Uow, context: StepContext) -> str | None:
    size = instances.Size(context.text("size"))
    refused = governance.size_refusal(await governance.allowed(uow), size)
    return refused.message if refused is not None else None
