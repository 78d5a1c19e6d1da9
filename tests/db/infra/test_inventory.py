"""Looks held against claims: what is known, unknown, lost, changed, moved, and never more."""

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.factories.inventory import ADMIN, LATER, Records, others, ours

from stead.core.authz import NotFoundError
from stead.engines.values import Guest, GuestSize, GuestState
from stead.infra import clusters, public as infra, repository
from stead.infra.errors import NothingToAcceptError
from stead.infra.rules import Standing, Wanted
from stead.kit import clock

BEFORE = timedelta(seconds=-5)


@pytest.fixture
async def known(records: Records) -> Records:
    """Return records with one guest that is as it was left."""
    await records.claim("web")
    await records.look(ours("web"))
    return records


async def test_a_guest_that_nobody_claimed_is_unknown_and_says_so_once(known: Records):
    for _ in range(3):
        await known.look(ours("web"), *others("theirs"))
    assert await known.standings() == {"web": Standing.KNOWN, "theirs": Standing.UNKNOWN}
    told = [text for text in await known.news() if text.startswith("theirs")]
    assert told == ["theirs is there: nobody here knows it, so it is left alone"]


async def test_one_look_without_a_guest_is_not_enough_to_call_it_lost(known: Records):
    recorded = await known.look()
    assert recorded.pending
    assert await known.standings() == {"web": Standing.KNOWN}
    await known.look(ours("web"))
    await known.look()
    assert await known.standings() == {"web": Standing.KNOWN}


async def test_after_two_looks_in_a_row_it_is_lost_with_its_last_known_definition(known: Records):
    await known.look()
    await known.look()
    lost = (await known.guests())["web"]
    assert lost.standing is Standing.LOST
    assert (lost.addresses, lost.memory_mb, lost.claimed_by) == (["10.90.0.3"], 512, "of-web")
    assert lost.last_seen_at is not None
    async with known.database.read() as uow:
        claims = await repository.claims(uow, known.cluster_id)
        assert [one.native_name for one in claims] == ["web"]
    await known.look(ours("web"))
    assert await known.standings() == {"web": Standing.KNOWN}
    assert "web: the last 2 looks did not find it" in await known.news()
    assert (await known.news())[-1] == "web: as it should be"


async def test_guests_of_a_silent_node_are_as_they_were_last_seen_until_it_is_back(
    known: Records,
):
    """An engine that knows only their names says nothing new of them, nor whose they are."""
    at = (await known.cluster()).looked_at
    assert at is not None
    await known.look(*others("theirs"), ours("web"))
    silent = [
        Guest("web", "", "", GuestState.UNREACHABLE, node="n1"),
        Guest("theirs", "", "", GuestState.UNREACHABLE, node="n1"),
    ]
    for _ in range(3):
        await known.look(*silent)
    lost = (await known.guests())["web"]
    assert (lost.standing, lost.state) == (Standing.UNREACHABLE, "unreachable")
    assert lost.reason == "the node n1 is not heard from; this is how it was last seen"
    assert (lost.addresses, lost.memory_mb, lost.claimed_by) == (["10.90.0.3"], 512, "of-web")
    assert lost.last_seen_at is not None
    assert lost.last_seen_at >= at
    assert (await known.guests())["theirs"].standing is Standing.UNKNOWN
    await known.look(ours("web"), *others("theirs"))
    assert (await known.guests())["web"].standing is Standing.KNOWN
    told = [text for text in await known.news() if text.startswith("web:")]
    assert told == [
        "web: the node n1 is not heard from; this is how it was last seen",
        "web: as it should be",
    ]


async def test_a_guest_that_is_first_seen_on_a_silent_node_is_not_taken_for_a_stranger(
    records: Records,
):
    await records.claim("web")
    for _ in range(3):
        await records.look(Guest("web", "", "", GuestState.UNREACHABLE, node="n2"))
    found = (await records.guests())["web"]
    assert (found.standing, found.node) == (Standing.UNREACHABLE, "n2")
    assert found.last_seen_at is None
    await records.look(ours("web"))
    assert await records.standings() == {"web": Standing.KNOWN}


async def test_a_look_at_single_guests_says_nothing_about_the_others(known: Records):
    for _ in range(3):
        await known.look(*others("theirs"), whole=False)
    assert (await known.standings())["web"] is Standing.KNOWN


async def test_a_guest_that_an_operation_makes_or_deletes_is_never_lost(records: Records):
    await records.claim("new", None)
    await records.claim("old")
    await records.look(ours("old"))
    await records.want("old", Wanted.ABSENT)
    for _ in range(3):
        await records.look()
    assert await records.standings() == {"old": Standing.KNOWN}


async def test_a_claim_that_no_look_ever_fulfilled_is_lost_too(records: Records):
    await records.claim("web")
    await records.look()
    await records.look()
    found = (await records.guests())["web"]
    assert (found.standing, found.state) == (Standing.LOST, "absent")
    assert "no look has ever found it" in found.reason


async def test_a_look_from_before_a_change_of_ours_is_not_held_against_anybody(known: Records):
    await known.want("web", Wanted.STOPPED)
    recorded = await known.look(ours("web"), after=BEFORE)
    assert recorded.pending
    await known.look(ours("web", GuestState.STOPPED))
    await known.look(ours("web", GuestState.STOPPED))
    assert await known.standings() == {"web": Standing.KNOWN}


async def test_a_guest_stopped_by_hand_is_changed_until_it_is_as_it_was(known: Records):
    await known.look(ours("web", GuestState.STOPPED))
    changed = (await known.guests())["web"]
    assert (changed.standing, changed.reason) == (
        Standing.CHANGED,
        "it was left running and is stopped",
    )
    await known.look(ours("web"))
    assert await known.standings() == {"web": Standing.KNOWN}


async def test_a_resized_guest_is_changed_and_one_on_another_node_has_moved(known: Records):
    await known.look(ours("web", size=GuestSize(4, 512, 8)))
    assert (await known.guests())["web"].reason == "processors: 1 became 4"
    await known.look(ours("web", node="n2"))
    assert await known.standings() == {"web": Standing.MOVED}


async def test_what_was_changed_can_be_accepted_as_it_is(known: Records):
    await known.look(ours("web", GuestState.STOPPED, node="n2"))
    async with known.database.write() as uow:
        accepted = await clusters.accept(uow, ADMIN, "local", "web")
    assert accepted.standing is Standing.KNOWN
    await known.look(ours("web", GuestState.STOPPED, node="n2"))
    assert await known.standings() == {"web": Standing.KNOWN}
    await known.look(ours("web", node="n2"))
    assert await known.standings() == {"web": Standing.CHANGED}


async def test_unknown_lost_and_absent_guests_cannot_be_accepted(known: Records):
    await known.look(*others("theirs"))
    await known.look(*others("theirs"))
    for name, error in (
        ("web", NothingToAcceptError),
        ("theirs", NothingToAcceptError),
        ("nobody", NotFoundError),
    ):
        with pytest.raises(error):
            async with known.database.write() as uow:
                await clusters.accept(uow, ADMIN, "local", name)


async def test_what_we_deleted_is_gone_at_once_though_the_engine_still_tells_of_it(
    known: Records,
):
    await known.want("web", Wanted.ABSENT)
    await known.release("web")
    assert await known.standings() == {}
    await known.look(ours("web"), after=timedelta(0))
    assert await known.standings() == {}
    await known.look()
    await known.look()
    assert not [text for text in await known.news() if "unknown" in text]


async def test_what_is_still_there_long_after_we_deleted_it_is_unknown(known: Records):
    await known.want("web", Wanted.ABSENT)
    await known.release("web")
    await known.look(ours("web"))
    assert await known.standings() == {"web": Standing.UNKNOWN}


async def test_a_guest_whose_records_are_forgotten_is_unknown_from_then_on(known: Records):
    await known.release("web")
    assert await known.standings() == {"web": Standing.UNKNOWN}


async def test_another_guest_under_our_name_is_left_alone_and_ours_is_lost(known: Records):
    foreign = replace(ours("web"), key="other")
    await known.look(foreign)
    await known.look(foreign)
    found = (await known.guests())["web"]
    assert found.standing is Standing.LOST
    assert "left alone" in found.reason


async def test_guests_from_before_are_taken_as_the_first_look_finds_them(records: Records):
    await records.claim("web", Wanted.UNSET)
    await records.look(ours("web", GuestState.STOPPED))
    assert await records.standings() == {"web": Standing.KNOWN}
    await records.look(ours("web"))
    assert await records.standings() == {"web": Standing.CHANGED}


async def test_an_engine_that_talks_nonsense_is_taken_down_in_a_form_that_can_be_shown(
    records: Records,
):
    long = "x" * 1_000_000
    nonsense = Guest(
        f"a\0b\ud800{long}", "", long, GuestState.ERROR, (long,) * 500, node=long, mac=long,
        size=GuestSize(-1, 2**70, 0),
    )  # fmt: skip
    same_names = [*others("twin"), *others("twin"), *others("twin")]
    await records.look(nonsense, *same_names)
    found = await records.guests()
    assert {"twin", "twin (2)", "twin (3)"} < set(found)
    assert max(map(len, found)) <= 255
    assert all(name.isprintable() for name in found)


async def test_very_many_changes_at_once_are_told_in_one_sentence(records: Records):
    await records.look()
    await records.look(*others(*(f"g{number}" for number in range(500))))
    assert (await records.news())[-1] == "500 guests at once: g0, g1, g2 and others"


async def test_the_same_look_again_changes_nothing(known: Records):
    first = await known.look(ours("web"), *others("theirs"))
    again = await known.look(ours("web"), *others("theirs"))
    assert (first.items, again.items, again.pending) == (1, 0, False)


async def test_what_a_look_leaves_out_is_neither_missed_nor_touched(known: Records):
    await known.claim("other")
    await known.look(ours("web"), ours("other"))
    only = frozenset({"web"})
    for _ in range(3):
        look = infra.Look(clock.utc_now() + LATER, (ours("other"),), only=only)
        async with known.database.write() as uow:
            await infra.record(uow, known.cluster_id, look)
    assert await known.standings() == {"web": Standing.LOST, "other": Standing.KNOWN}
