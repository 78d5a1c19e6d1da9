"""Puts the plans of bundles together for the composition root."""

from stead.bundles import workflows
from stead.bundles.service import BundleWorks
from stead.catalog.public import Bundles
from stead.core.db import Database
from stead.core.vault import Vault
from stead.deployments.public import Deployments


def assemble(
    database: Database, vault: Vault, known: Bundles, deployments: Deployments
) -> BundleWorks:
    """Return the plans of bundles and what they work with."""
    made: list[BundleWorks] = []
    tools = workflows.Tools(database, deployments, lambda: made[0])
    plans = (workflows.deploy_plan(tools), workflows.remove_plan(tools))
    earlier = (workflows.deploy_plan(tools, 1),)
    made.append(BundleWorks(known, vault, *plans, earlier))
    return made[0]
