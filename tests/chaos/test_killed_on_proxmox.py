"""The control plane is killed with -9 around each thing that it asks a Proxmox cluster for.

The next one ends by itself what was begun: no guest that nobody knows, no console left a root
shell, no user left at one, no claim and no record of what is not there.
"""

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.chaos.killing import Lane
from tests.chaos.mortal_cluster import mortal
from tests.factories import databases
from tests.factories.elsewhere import HOSTING
from tests.support.proxmox import TEMPLATE

pytestmark = [pytest.mark.timeout(600), pytest.mark.release]
ARCHIVE = str(HOSTING["image"])
Moments = list[tuple[str, str]]
Finding = Callable[[Lane], Awaitable[Moments]]
Dying = Callable[[Lane, str, str], Awaitable[None]]


@dataclass(frozen=True)
class Stage:
    """Where all of that happens. Much is waited for, so several may die side by side."""

    folder: Path
    subtests: pytest.Subtests
    image: str
    lanes: int


@pytest.mark.parametrize(
    ("image", "lanes", "some"), [(TEMPLATE, 3, 20), (ARCHIVE, 1, 4)], ids=["clone", "archive"]
)
async def test_what_was_begun_is_ended_wherever_it_is_killed(
    tmp_path: Path, subtests: pytest.Subtests, image: str, lanes: int, some: int
):
    stage = Stage(tmp_path, subtests, image, lanes)
    assert len(await _everywhere(stage, _unharmed, _live_and_go)) >= some


async def test_what_fails_is_undone_wherever_that_is_killed(
    tmp_path: Path, subtests: pytest.Subtests
):
    stage = Stage(tmp_path, subtests, TEMPLATE, 1)
    assert len(await _everywhere(stage, _failing, _fail)) >= 4


async def _everywhere(stage: Stage, finding: Finding, dying: Dying) -> Moments:
    """Die at every moment that is found, in each lane on a cluster of its own."""
    template = databases.make_template(stage.folder / "empty.db")
    found: asyncio.Future[Moments] = asyncio.get_running_loop().create_future()
    left: Moments = []

    async def live(number: int) -> None:
        own = stage.folder / str(number)
        own.mkdir()
        databases.copy(template, own)
        async with mortal(own, stage.image) as lane:
            if number == 0:
                found.set_result(await finding(lane))
                left.extend(found.result())
            await found
            while left:
                at, then = left.pop(0)
                with stage.subtests.test(f"{at}, {then}"):
                    await dying(lane, at, then)

    async with asyncio.TaskGroup() as group:
        for number in range(stage.lanes):
            group.create_task(live(number))
    return found.result()


async def _unharmed(lane: Lane) -> Moments:
    """Return what there is to die at, on the way there and on the way back."""
    done = await lane.deploy()
    assert done["state"] == "succeeded", done["error"]
    deploying = lane.fate.telling
    lane.judge_live()
    await lane.remove(await lane.only_deployment())
    lane.judge_gone()
    return list(itertools.zip_longest(deploying, lane.fate.telling, fillvalue=""))


async def _live_and_go(lane: Lane, at: str, removed_at: str) -> None:
    done = await lane.deploy(at)
    assert lane.fate.killed is bool(at), f"never reached {at}"
    assert done["state"] == "succeeded", done["error"]
    lane.judge_live()
    gone = await lane.remove(await lane.only_deployment(), removed_at)
    assert lane.fate.killed is bool(removed_at), f"never reached {removed_at}"
    assert gone["state"] == "succeeded", gone["error"]
    lane.judge_gone()


async def _failing(lane: Lane) -> Moments:
    """Return what there is to die at once a guest with its token in it cannot be closed."""
    await _fail(lane, "", "")
    moments = lane.fate.passed
    refused = next(at for at, one in enumerate(moments) if "/status/reboot" in one)
    return [(one, "") for one in moments[refused:] if one in lane.fate.telling]


async def _fail(lane: Lane, at: str, _then: str) -> None:
    faults = lane.double.faults
    faults.clear()
    faults.add("refuse", calls="POST .*/status/reboot", status=403, reason="no", times=-1)
    done = await lane.deploy(at)
    assert lane.fate.killed is bool(at), f"never reached {at}"
    assert done["state"] == "failed", done["error"]
    lane.judge_gone()
