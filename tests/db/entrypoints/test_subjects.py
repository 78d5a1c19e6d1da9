"""Pages of operations lead to what was worked on, whatever it is, and nobody else's."""

from sqlalchemy import select
from tests.factories.platform import Platform
from tests.support.attack.world import populate

from stead.core.authz import PlatformRole
from stead.core.durable import OperationRow
from stead.operations.public import Subjects

PAGES = {
    "deployment": "/deployments/",
    "bundle": "/bundles/",
    "cluster": "/clusters/",
    "machine": "/agents/",
    "bulk": "/bulk/",
    "source": "/sources/",
}


async def test_every_operation_leads_to_what_it_worked_on(platform: Platform):
    world = await populate(platform, "ours")
    elsewhere = await populate(platform, "theirs")
    admin, stranger = world.members[PlatformRole.ADMIN], elsewhere.owner
    assert platform.control  # made when it is first asked for, with what describes subjects
    subjects = platform.services.get(Subjects)
    async with platform.database.read() as uow:
        known = {*(await uow.session.scalars(select(OperationRow.subject))).all()}
        known |= {f"cluster:{world.ids['cluster_id']}"}
        leads: dict[str, set[str]] = {}
        for subject in known:
            kind, _, subject_id = subject.partition(":")
            found = await subjects.find(platform.services, uow, admin, subject)
            if found is not None:
                leads.setdefault(kind, set()).add(found.page.url.removesuffix(subject_id))
        told = [
            await subjects.find(platform.services, uow, stranger, f"{kind}:{world.ids[name]}")
            for kind, name in (
                ("cluster", "cluster_id"),
                ("machine", "machine_id"),
                ("bulk", "bulk_id"),
                ("bundle", "bundle_id"),
                ("deployment", "deployment_id"),
            )
        ]
    assert leads == {kind: {page} for kind, page in PAGES.items()}
    assert told == [None] * 5
