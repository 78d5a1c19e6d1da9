"""Use cases of bundles: ask for one, look, ask for its removal."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import JsonValue

from stead.bundles import repository, rules
from stead.bundles.errors import BundleBusyError, InvalidBundleError
from stead.bundles.models import BundleRow, MemberRow
from stead.bundles.rules import BundleState
from stead.bundles.schemas import BundleBegunOut, BundleIn, BundleOut, MemberOut
from stead.catalog import public as catalog
from stead.core import authz, durable
from stead.core.authz import Action, Actor
from stead.core.db import Uow
from stead.core.durable import Plan, Submission
from stead.core.vault import Vault
from stead.deployments import public as deployments
from stead.identity import public as identity
from stead.kit import clock, ids
from stead.kit.secrets import Secret
from stead.kit.text import is_name

ASKED = "asked"


@dataclass(frozen=True, slots=True)
class BundleWorks:
    """What bundles need besides the database."""

    catalog: catalog.Bundles
    vault: Vault
    deploy_plan: Plan
    remove_plan: Plan
    earlier_plans: tuple[Plan, ...] = ()


async def create(
    uow: Uow, actor: Actor, works: BundleWorks, asked: BundleIn, key: str | None = None
) -> BundleBegunOut:
    """Check everything that can be checked, and queue the work."""
    project_id = await identity.project_id(uow, actor, asked.project)
    authz.require(actor, Action.DEPLOYMENT_CREATE, project_id, "project")
    fingerprint = hashlib.sha256(asked.model_dump_json().encode()).hexdigest()
    if key is not None:
        repeated = await durable.find_repeat(uow, project_id, key, fingerprint)
        if repeated is not None:
            return await _begun(uow, repeated)
    loaded = works.catalog.get(asked.bundle)
    check(loaded, asked)
    for member in loaded.order:
        refused = await deployments.app_refusal(uow, loaded.packages[member].manifest.id)
        if refused is not None:
            raise refused
    name = await _name(uow, project_id, loaded, asked)
    bundle_id = ids.new_id()
    # Answers may be secret, so all of them are kept like one.
    await works.vault.put(uow, bundle_id, ASKED, Secret(asked.model_dump_json()))
    submission = Submission(
        project_id=project_id,
        subject=f"bundle:{bundle_id}",
        title=f"Deploy {loaded.bundle.name} as {name}",
        requested_by=actor.name,
        params={"bundle_id": bundle_id, "name": name},
        idempotency_key=key,
        request_hash=fingerprint if key is not None else None,
    )
    operation_id = await durable.submit(uow, works.deploy_plan, submission)
    await _keep(uow, loaded, bundle_id, submission, operation_id)
    return BundleBegunOut(operation_id=operation_id, bundle_id=bundle_id, name=name)


async def remove(uow: Uow, actor: Actor, works: BundleWorks, bundle_id: str) -> BundleBegunOut:
    """Queue the removal of all members; asking again while it runs returns the same."""
    row = await _get(uow, actor, bundle_id, Action.DEPLOYMENT_REMOVE)
    current = await durable.get(uow, row.operation_id)
    ended = current is None or durable.State(current.state).ended
    if not ended and row.state != BundleState.REMOVING:
        raise BundleBusyError(
            f"{row.name} is still being deployed",
            hint="Cancel that operation first; cancelling takes everything away again",
        )
    if ended:
        row.operation_id = await durable.submit(
            uow,
            works.remove_plan,
            Submission(
                project_id=row.project_id,
                subject=f"bundle:{row.id}",
                title=f"Remove {row.name} with all its members",
                requested_by=actor.name,
                params={"bundle_id": row.id, "name": row.name},
            ),
        )
        row.state = BundleState.REMOVING
    return BundleBegunOut(operation_id=row.operation_id, bundle_id=row.id, name=row.name)


async def list_(uow: Uow, actor: Actor) -> list[BundleOut]:
    rows = await repository.list_(uow, authz.where_allowed(actor, Action.DEPLOYMENT_READ))
    return [await _out(uow, row) for row in rows]


async def get_(uow: Uow, actor: Actor, bundle_id: str) -> BundleOut:
    return await _out(uow, await _get(uow, actor, bundle_id, Action.DEPLOYMENT_READ))


def new_key() -> str:
    """Return what makes sending a form twice harmless."""
    return ids.new_token("web")


def check(loaded: catalog.LoadedBundle, asked: BundleIn) -> None:
    """Pass if every member would take these answers. Raises InvalidBundleError."""
    known = {one.name for one in loaded.bundle.members}
    wrong = {
        name: f"{loaded.bundle.name} has no such member; it has {', '.join(sorted(known))}"
        for name in (*asked.inputs, *asked.sizes)
        if name not in known
    }
    for member in loaded.bundle.members:
        try:
            catalog.validate(loaded.asks(member), asked.inputs.get(member.name, {}))
        except catalog.InvalidInputsError as error:
            wrong |= {f"{member.name}.{name}": text for name, text in error.fields.items()}
    if wrong:
        raise InvalidBundleError("Some inputs need another look", fields=wrong)


async def begin_member(
    uow: Uow, works: BundleWorks, tools: deployments.Deployments, row: BundleRow, member: MemberRow
) -> None:
    """Submit the deployment of a member, with what the others before it have given.

    Secrets go from one vault entry to another; nothing that is written down holds them.
    Raises SteadError when it cannot be.
    """
    kept = await works.vault.find(uow, row.id, ASKED)
    described = catalog.Bundle.model_validate(row.document)
    part = described.member(member.name)
    if kept is None or part is None:
        raise InvalidBundleError("What was asked for is not known any more")
    asked = BundleIn.model_validate_json(kept.reveal())
    answers: dict[str, JsonValue] = {**asked.inputs.get(member.name, {}), **part.inputs}
    answers |= await _wired(uow, tools, row, part)
    wanted = deployments.DeploymentIn(
        app=member.package_id,
        name=member.deployment_name,
        size=asked.sizes.get(member.name),
        inputs=answers,
    )
    begun = deployments.Begun(
        row.project_id, row.requested_by, reachable=member.name in described.providers
    )
    accepted = await deployments.begin(uow, tools, wanted, begun)
    member.deployment_id, member.operation_id = accepted.deployment_id, accepted.operation_id


async def _wired(
    uow: Uow, tools: deployments.Deployments, row: BundleRow, member: catalog.Member
) -> Mapping[str, str]:
    ids_of = {one.name: one.deployment_id for one in await repository.members(uow, row.id)}
    found = {}
    for name, source in member.wiring.items():
        provider, _, output = source.partition(".")
        given = await deployments.give(uow, tools, ids_of.get(provider) or "")
        value = None if given is None else given.outputs.get(output)
        if given is not None and value is None and output == catalog.INSIDE:
            value = given.address
        if value is None:
            raise InvalidBundleError(f"{provider} has not given {output}, which {name} needs")
        found[name] = value.reveal() if isinstance(value, Secret) else value
    return found


async def _name(uow: Uow, project_id: str, loaded: catalog.LoadedBundle, asked: BundleIn) -> str:
    """Return a name under which no member is taken. Raises InvalidBundleError."""
    taken = await deployments.taken_names(uow, project_id)
    taken |= {one.name for one in await repository.list_(uow, {project_id})}
    members = list(loaded.order)
    if not asked.name:
        return rules.free_name(loaded.bundle.id, members, taken)
    names = [rules.deployment_name(asked.name, one) for one in members]
    if not all(is_name(one) for one in (asked.name, *names)):
        text = "Small letters, digits and hyphens; with a member's name at most 40 of them"
        raise InvalidBundleError("The name does not fit", fields={"name": text})
    found = sorted(taken.intersection((asked.name, *names)))
    if found:
        raise InvalidBundleError(
            f"The project already has something named {found[0]}",
            fields={"name": "Choose another name"},
        )
    return asked.name


async def _keep(
    uow: Uow,
    loaded: catalog.LoadedBundle,
    bundle_id: str,
    submission: Submission,
    operation_id: str,
) -> None:
    name = str(submission.params["name"])
    described = loaded.bundle
    row = BundleRow(
        id=bundle_id,
        project_id=submission.project_id,
        name=name,
        bundle=described.id,
        version=described.version,
        digest=loaded.digest,
        document=json.loads(described.model_dump_json()),
        state=BundleState.DEPLOYING,
        operation_id=operation_id,
        requested_by=submission.requested_by,
        created_at=clock.utc_now(),
    )
    uow.session.add(row)
    await uow.session.flush()
    for position, member in enumerate(loaded.order):
        uow.session.add(
            MemberRow(
                bundle_id=bundle_id,
                position=position,
                name=member,
                package_id=loaded.packages[member].manifest.id,
                deployment_name=rules.deployment_name(name, member),
                deployment_id=None,
                operation_id=None,
            )
        )
    await uow.session.flush()


async def _get(uow: Uow, actor: Actor, bundle_id: str, asked: Action) -> BundleRow:
    row = await repository.find(uow, bundle_id)
    if row is None:
        raise authz.NotFoundError("There is no such bundle, or it is not yours")
    authz.require(actor, asked, row.project_id, "bundle")
    return row


async def _begun(uow: Uow, operation_id: str) -> BundleBegunOut:
    operation = await durable.get(uow, operation_id)
    params = operation.params if operation is not None else {}
    return BundleBegunOut(
        operation_id=operation_id,
        bundle_id=str(params.get("bundle_id", "")),
        name=str(params.get("name", "")),
    )


async def _out(uow: Uow, row: BundleRow) -> BundleOut:
    return BundleOut(
        id=row.id,
        name=row.name,
        bundle=row.bundle,
        version=row.version,
        project_id=row.project_id,
        state=row.state,
        operation_id=row.operation_id,
        members=[await _member(uow, one) for one in await repository.members(uow, row.id)],
        requested_by=row.requested_by,
        created_at=row.created_at,
    )


async def _member(uow: Uow, row: MemberRow) -> MemberOut:
    state = "waiting"
    if row.deployment_id is not None:
        state = await deployments.state_of(uow, row.deployment_id) or "gone"
    return MemberOut(
        name=row.name,
        app=row.package_id,
        deployment_name=row.deployment_name,
        deployment_id=row.deployment_id if state != "gone" else None,
        operation_id=row.operation_id,
        state=state,
    )
