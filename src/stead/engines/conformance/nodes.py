"""Nodes that are emptied for work on them: promises about everybody's guests on the cluster."""

from stead.engines.conformance.trial import Trial, expect, refused
from stead.engines.errors import ConflictError, NotFoundError
from stead.engines.values import GuestState


async def a_node_is_emptied_and_taken_back(trial: Trial) -> None:
    """Guests of an emptied node run elsewhere, it gets nothing new, and they come back to it."""
    spec, driver = await trial.make(start=True), trial.driver
    node = (await trial.guest(spec.name)).node
    for _ in range(2):
        await trial.done(driver.evacuate(node))
    moved = await trial.guest(spec.name)
    expect(moved.node != node, "the guest is still there")
    expect((moved.state, moved.key) == (GuestState.RUNNING, spec.key), f"it is {moved}")
    other = await trial.make()
    expect((await trial.guest(other.name)).node != node, "a new guest was put there")
    for _ in range(2):
        await trial.done(driver.restore_node(node))
    back = await trial.guest(spec.name)
    expect((back.node, back.state) == (node, GuestState.RUNNING), f"it did not come back: {back}")


async def emptying_that_is_under_way_is_taken_up(trial: Trial) -> None:
    """Whoever asks again, after a lost answer or a restart, waits for what has begun."""
    spec, driver = await trial.make(start=True), trial.driver
    node = (await trial.guest(spec.name)).node
    first, second = await driver.evacuate(node), await trial.target.another().evacuate(node)
    await driver.settle(first, trial.target.seconds)
    await driver.settle(second, trial.target.seconds)
    expect((await trial.guest(spec.name)).node != node, "the guest is still there")
    await trial.done(driver.restore_node(node))


async def the_last_node_is_not_emptied(trial: Trial) -> None:
    """Without another node that takes guests it is a conflict, and nothing there is stopped."""
    spec, driver = await trial.make(start=True), trial.driver
    await refused(driver.evacuate("no-such-node"), NotFoundError)
    emptied = []
    try:
        for node in (await driver.health()).nodes[:-1]:
            await trial.done(driver.evacuate(node))
            emptied.append(node)
        found = await trial.guest(spec.name)
        await refused(driver.evacuate(found.node), ConflictError)
        expect((await trial.guest(spec.name)).state is GuestState.RUNNING, "it runs no more")
    finally:
        for node in emptied:
            await trial.done(driver.restore_node(node))
