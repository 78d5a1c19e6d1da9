"""Use cases of jobs other than installers: check one, ask for it on a machine."""

import base64
import binascii
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import JsonValue

import stead_agent
from stead.agents import public as agents
from stead.catalog import public as catalog
from stead.core import durable
from stead.core.authz import Actor
from stead.core.db import Uow
from stead.core.durable import Plan, Submission
from stead.core.vault import Vault
from stead.fleet import rules, service
from stead.fleet.errors import InvalidError
from stead.fleet.schemas import BeganOut, CommandOut, TaskIn
from stead.fleet.service import Machine
from stead.kit.secrets import Secret
from stead_agent import tasks

CONTENT = "content"


@dataclass(frozen=True, slots=True)
class Fleet:
    """What work on machines needs besides the database."""

    catalog: catalog.Catalog
    vault: Vault
    task_plan: Plan
    install_plan: Plan
    uninstall_plan: Plan
    bulk_plan: Plan
    earlier_plans: tuple[Plan, ...] = ()

    @property
    def plans(self) -> tuple[Plan, ...]:
        """Return what the worker has to know."""
        plans = (self.task_plan, self.install_plan, self.uninstall_plan, self.bulk_plan)
        return *plans, *self.earlier_plans


@dataclass(frozen=True, slots=True)
class Task:
    """A checked job; what a file holds is apart."""

    kind: str
    arguments: Mapping[str, str | int | bool]
    content: str | None

    @property
    def title(self) -> str:
        """Return what it does, in a few words."""
        return agents.describe(self.kind, self.arguments)


def owner_of(operation_id: str) -> str:
    """Return under which name the vault keeps what a job must not show."""
    return f"task:{operation_id}"


def check(asked: TaskIn) -> Task:
    """Decide by the agent's own rules. Raises InvalidError."""
    arguments: dict[str, JsonValue] = {
        name: value for name, value in asked.arguments.items() if value is not None
    }
    content = None
    if asked.kind == "update":
        arguments = _our_program(arguments)
    if asked.kind == "file":
        content, digest = _content(asked.content or "")
        arguments = {**arguments, "sha256": digest}
    elif asked.content is not None:
        raise InvalidError("Only a file has a content", fields={"content": "Leave this out"})
    wrong = tasks.problems(asked.kind, arguments)
    if wrong:
        raise InvalidError("The job cannot be done like this", fields=wrong)
    return Task(asked.kind, _plain(arguments), content)


async def start(uow: Uow, actor: Actor, fleet: Fleet, machine_id: str, asked: TaskIn) -> BeganOut:
    """Queue a job on one machine."""
    action = rules.action_for(asked.kind, asked.arguments)
    machine = await service.get_machine(uow, actor, machine_id, action)
    task = check(asked)
    return BeganOut(operation_id=await begin(uow, fleet, machine, task, actor.name))


async def begin(uow: Uow, fleet: Fleet, machine: Machine, task: Task, requested_by: str) -> str:
    """Submit the operation of a checked job; return its id."""
    operation_id = await durable.submit(
        uow,
        fleet.task_plan,
        Submission(
            project_id=machine.project_id,
            subject=f"machine:{machine.id}",
            title=f"{task.title[:100]} on {machine.name}",
            requested_by=requested_by,
            params={
                "machine_id": machine.id,
                "kind": task.kind,
                "arguments": dict(task.arguments),
                "requested_by": requested_by,
            },
        ),
    )
    if task.content is not None:
        await fleet.vault.put(uow, owner_of(operation_id), CONTENT, Secret(task.content))
    return operation_id


def list_commands() -> list[CommandOut]:
    """Return the commands that may be run on machines."""
    return [
        CommandOut(
            name=name,
            title=one.title,
            least=one.least,
            parameters=[_shown(parameter) for parameter in one.parameters],
        )
        for name, one in sorted(tasks.COMMANDS.items())
    ]


def _shown(parameter: Mapping[str, object]) -> dict[str, JsonValue]:
    rules_ = parameter.get("validation")
    limits = {k: _json(v) for k, v in rules_.items()} if isinstance(rules_, Mapping) else {}
    return {name: _json(value) for name, value in parameter.items() if name != "validation"} | {
        "validation": limits
    }


def _json(value: object) -> JsonValue:
    if isinstance(value, tuple | list):
        return [_json(one) for one in value]
    return value if isinstance(value, str | int | bool) else str(value)


def _our_program(given: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """Return which program agents get: the one that we hand out, whatever somebody asks for."""
    if given:
        raise InvalidError(
            "An update takes no arguments", fields=dict.fromkeys(given, "Leave this out")
        )
    return {"version": stead_agent.VERSION, "sha256": agents.program().digest}


def _content(encoded: str) -> tuple[str, str]:
    try:
        raw = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidError(
            "The content is not base64", fields={"content": "Use base64"}
        ) from error
    if len(raw) > tasks.CONTENT_LIMIT:
        text = f"At most {tasks.CONTENT_LIMIT} bytes can be put on a machine"
        raise InvalidError(text, fields={"content": text})
    return base64.b64encode(raw).decode(), hashlib.sha256(raw).hexdigest()


def _plain(arguments: Mapping[str, JsonValue]) -> dict[str, str | int | bool]:
    return {name: value for name, value in arguments.items() if isinstance(value, str | int)}
