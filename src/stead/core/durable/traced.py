"""Plans whose steps are measured, for the worker of a platform that tells a collector."""

from collections.abc import Mapping
from dataclasses import replace

from stead.core import telemetry
from stead.core.durable.plan import Do, Json, Plan, Step, StepContext, Undo


def traced(plan: Plan) -> Plan:
    """Return the plan with every attempt of a step, and every undo, measured if anything is."""
    if not telemetry.on():
        return plan
    return replace(plan, steps=tuple(_step(plan.kind, step) for step in plan.steps))


def _step(kind: str, step: Step) -> Step:
    undo = _undo(kind, step.undo) if step.undo is not None else None
    return replace(step, do=_do(kind, step.do), undo=undo)


def _do(kind: str, do: Do) -> Do:
    async def measured(context: StepContext) -> Mapping[str, Json] | None:
        name = f"step {kind}.{context.step}"
        with telemetry.span(name, operation=context.operation_id):
            return await do(context)

    return measured


def _undo(kind: str, undo: Undo) -> Undo:
    async def measured(context: StepContext) -> None:
        name = f"undo {kind}.{context.step}"
        with telemetry.span(name, operation=context.operation_id):
            await undo(context)

    return measured
