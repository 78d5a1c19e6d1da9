"""Runs a script of a deployment's package in its guest, as a job of the guest's agent."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from stead.agents import public as agents
from stead.core.db import Database, Uow
from stead.core.durable import StepContext, StepError
from stead.core.vault import Vault
from stead.deployments.attention import until_answered
from stead.deployments.errors import script_failed
from stead.deployments.models import DeploymentRow
from stead.engines.port import EngineDriver

JOB_SLACK_SECONDS: Final = 90.0


@dataclass(frozen=True, slots=True)
class Order:
    """Which script of which version, with which inputs. ``key`` makes it happen once.

    One that asks for a person is left as it stopped if it ``parks``. What changes an app that
    people use does not: it is put back, so that they can go on using it.
    """

    script: str
    limit_seconds: int
    key: str
    secret_owner: str
    version: str
    digest: str
    inputs: Mapping[str, str | int | bool]
    parks: bool = False


async def ensure(
    uow: Uow, vault: Vault, context: StepContext, row: DeploymentRow, order: Order
) -> str:
    """Queue the job unless it is there; return its id."""
    secrets = await vault.all_of(uow, order.secret_owner)
    return await agents.ensure_job(
        uow,
        agents.JobRequest(
            key=order.key,
            instance_id=row.instance_id,
            operation_id=context.operation_id,
            step=context.step,
            package_id=row.package_id,
            package_version=order.version,
            package_digest=order.digest,
            script=order.script,
            inputs=dict(order.inputs),
            secret_owner=order.secret_owner,
            secret_names=tuple(sorted(secrets)),
            limit_seconds=order.limit_seconds,
            requested_by=str(context.params.get("requested_by", row.requested_by)),
        ),
    )


async def until_done(
    database: Database, engine: EngineDriver, guest: str, job_id: str, order: Order
) -> None:
    """Return once the script has ended well. Raises StepError."""

    async def look(uow: Uow) -> agents.JobResult | None:
        return await agents.find_result(uow, job_id)

    topic = agents.result_topic(job_id)
    limit = order.limit_seconds * 3 + JOB_SLACK_SECONDS
    result = await until_answered(database, engine, guest, topic, look, limit)
    if result is None:
        raise StepError("The agent in the container stopped answering")
    if not result.succeeded:
        raise script_failed(order.script, result, parks=order.parks)
