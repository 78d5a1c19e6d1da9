"""Puts the fleet's plans together for the composition root."""

from stead.catalog.public import Catalog
from stead.core.db import Database
from stead.core.http import Provided
from stead.core.vault import Vault
from stead.fleet import rollout, workflows
from stead.fleet.tasks import Fleet


def add(services: Provided) -> Fleet:
    """Offer the fleet among the services, and return it."""
    parts = (services.get(Database), services.get(Vault), services.get(Catalog))
    fleet = assemble(*parts)
    services.add(fleet)
    return fleet


def assemble(database: Database, vault: Vault, packages: Catalog) -> Fleet:
    """Return the fleet's plans and what they work with."""
    tools = workflows.Tools(database, vault)
    made: list[Fleet] = []
    fleet = Fleet(
        catalog=packages,
        vault=vault,
        task_plan=workflows.task_plan(tools),
        install_plan=workflows.install_plan(tools),
        uninstall_plan=workflows.uninstall_plan(tools),
        bulk_plan=rollout.bulk_plan(rollout.Tools(database, lambda: made[0])),
        earlier_plans=(workflows.install_plan(tools, 1),),
    )
    made.append(fleet)
    return fleet
