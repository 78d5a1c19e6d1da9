"""Alembic's environment: migrations run on the connection that core.schema hands over."""

from alembic import context

from stead.agents import models as agents
from stead.audit import models as audit
from stead.bundles import models as bundles
from stead.core import epoch, replays, vault
from stead.core.db import Base
from stead.core.durable import tables as durable
from stead.core.platform_settings import tables as platform_settings
from stead.deployments import models as deployments
from stead.exposure import models as exposure
from stead.fleet import models as fleet
from stead.identity import models as identity
from stead.infra import models as infra
from stead.instances import models as instances
from stead.network import models as network
from stead.sources import models as sources
from stead.webhooks import models as webhooks

# Importing a domain's models is what registers its tables.
REGISTERED = (
    agents,
    audit,
    bundles,
    epoch,
    vault,
    durable,
    deployments,
    exposure,
    fleet,
    identity,
    infra,
    instances,
    network,
    platform_settings,
    replays,
    webhooks,
    sources,
)

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,
    transaction_per_migration=False,
)
with context.begin_transaction():
    context.run_migrations()
