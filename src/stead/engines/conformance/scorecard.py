"""Runs behaviours on a target and adds up how it kept its promises."""

import asyncio
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from stead.engines.capabilities import Ability, Capabilities
from stead.engines.conformance.trial import Behaviour, BrokenError, Target, Trial
from stead.engines.errors import EngineError
from stead.engines.values import GuestKind
from stead.kit import clock

LIMIT_SECONDS = 300.0


class Outcome(StrEnum):
    """How a behaviour ended. ``not_declared``: the cluster says that it cannot, and why."""

    KEPT = "kept"
    BROKEN = "broken"
    NOT_DECLARED = "not_declared"
    NOT_TRIED = "not_tried"


@dataclass(frozen=True, slots=True)
class Result:
    """One behaviour's outcome; ``words`` say what broke or why it was left out."""

    behaviour: Behaviour
    outcome: Outcome
    words: str = ""
    seconds: float = 0


@dataclass(frozen=True, slots=True)
class Scorecard:
    """What a cluster declared and how it kept it."""

    title: str
    record: Capabilities
    results: tuple[Result, ...]
    required: tuple[Ability, ...]

    @property
    def lacking(self) -> tuple[Ability, ...]:
        """Return what the driver must declare and does not."""
        return tuple(each for each in self.required if not self.record.of(each).usable)

    @property
    def passed(self) -> bool:
        """Tell whether everything declared is kept and enough is declared."""
        return not self.lacking and not self.of(Outcome.BROKEN)

    def of(self, outcome: Outcome) -> list[Result]:
        """Return the results with an outcome."""
        return [result for result in self.results if result.outcome is outcome]

    def text(self) -> str:
        """Return the card for people."""
        lines = [self.title, "", "declared"]
        for ability in Ability:
            entry = self.record.of(ability)
            lines.append(f"  {entry.verdict:<8} {ability:<20} {entry.reason}".rstrip())
        lines += ["", "behaviours"]
        for result in self.results:
            words = f"\n{'':15}{result.words}" if result.words else ""
            lines.append(f"  {result.outcome:<12} {result.behaviour.promise}{words}")
        lines += ["", *(f"must be declared: {ability}" for ability in self.lacking)]
        counts = ", ".join(f"{len(self.of(outcome))} {outcome}" for outcome in Outcome)
        return "\n".join([*lines, f"{'PASSED' if self.passed else 'FAILED'}: {counts}"])

    def json(self) -> str:
        """Return the card for programs, in one line."""
        return json.dumps(
            {
                "title": self.title,
                "passed": self.passed,
                "lacking": self.lacking,
                "record": {each: self.record.of(each).verdict for each in Ability},
                "behaviours": {r.behaviour.name: r.outcome for r in self.results},
            }
        )


async def run_all(
    target: Target,
    behaviours: Iterable[Behaviour],
    required: Sequence[Ability],
    tell: Callable[[Result], None] = lambda _result: None,
) -> Scorecard:
    """Try the behaviours one after the other, and tell each result as it comes."""
    health = await target.driver.health()
    record = await target.driver.capabilities()
    if record.of(Ability.NETWORKS).usable:
        for network in (target.network, target.other):
            await target.driver.ensure_network(network)
    results = []
    for behaviour in behaviours:
        results.append(await run_one(target, behaviour))
        tell(results[-1])
    title = f"{health.engine} {health.version} on {', '.join(health.nodes)}"
    if health.simulated:
        title += " (a simulator: no guest of it runs anything)"
    if target.kind is GuestKind.VM:
        title += ", with virtual machines"
    return Scorecard(title, record, tuple(results), tuple(required))


async def run_one(target: Target, behaviour: Behaviour) -> Result:
    """Try one behaviour and take its guests away; never raises but when cancelled."""
    began = clock.monotonic()
    try:
        reason = await _left_out(target, behaviour)
        if reason is not None:
            return reason
        async with asyncio.timeout(LIMIT_SECONDS):
            trial = Trial(target)
            try:
                await behaviour.run(trial)
            finally:
                await trial.clean()
    except BrokenError as error:
        words = str(error)
    except EngineError as error:
        words = f"{type(error).__name__}: {error.message}"
    except TimeoutError:
        words = f"not ended after {LIMIT_SECONDS:g} seconds"
    except Exception as error:  # noqa: BLE001  (whatever a driver does, the next one is tried)
        words = f"it crashes with {error!r}"
    else:
        return Result(behaviour, Outcome.KEPT, "", clock.monotonic() - began)
    return Result(behaviour, Outcome.BROKEN, words, clock.monotonic() - began)


async def _left_out(target: Target, behaviour: Behaviour) -> Result | None:
    record = await target.driver.capabilities()
    for need in behaviour.needs:
        entry = record.of(_of(need, target.kind))
        if not entry.usable:
            words = f"{entry.ability}: {entry.reason}"
            return Result(behaviour, Outcome.NOT_DECLARED, words)
    if behaviour.only not in {None, target.kind}:
        return Result(behaviour, Outcome.NOT_TRIED, f"it is about guests of kind {behaviour.only}")
    if behaviour.loses_answers and target.lose_answer is None:
        return Result(behaviour, Outcome.NOT_TRIED, "answers cannot be lost on purpose here")
    if behaviour.disturbs and not target.alone:
        return Result(behaviour, Outcome.NOT_TRIED, "it would move guests of others")
    return None


def _of(need: Ability, kind: GuestKind) -> Ability:
    """Return what guests of a kind need where behaviours speak of containers, the usual kind."""
    return Ability.VMS if need is Ability.CONTAINERS and kind is GuestKind.VM else need
