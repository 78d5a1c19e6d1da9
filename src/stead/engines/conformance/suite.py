"""All behaviours, with what each needs of a cluster."""

from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import Final

from stead.engines.capabilities import Ability
from stead.engines.conformance import around, basics, inside, nodes, refusals, repeats, shields
from stead.engines.conformance.trial import Behaviour, Trial
from stead.engines.values import GuestKind

Run = Callable[[Trial], Awaitable[None]]
_GUESTS: Final = (Ability.CONTAINERS, Ability.NETWORKS)


def _behaviours(
    runs: Iterable[Run],
    *needs: Ability,
    loses_answers: bool = False,
    disturbs: bool = False,
    only: GuestKind | None = None,
) -> Iterator[Behaviour]:
    for run in runs:
        promise = (run.__doc__ or "").strip().splitlines()[0]
        wanted = (*_GUESTS, *needs)
        yield Behaviour(run.__name__, promise, wanted, run, loses_answers, disturbs, only)


BEHAVIOURS: Final[tuple[Behaviour, ...]] = (
    *_behaviours(
        (
            basics.health_names_the_engine,
            basics.the_record_is_complete,
            basics.a_guest_comes_runs_and_goes,
            basics.a_guest_can_be_asked_to_stop,
            basics.a_guest_is_what_was_asked_for,
            basics.a_running_guest_is_not_deleted,
            basics.what_is_absent_is_told_or_done,
            basics.a_task_that_ended_settles_again,
            basics.longest_names_work,
            basics.impossible_names_are_invalid,
            basics.impossible_sizes_are_invalid,
            basics.unknown_parts_are_not_found,
            basics.notes_hold_any_language,
            basics.an_address_belongs_to_one_guest,
            basics.networks_are_made_once,
            basics.a_guest_that_never_ran_is_given_away,
            repeats.the_same_key_is_the_same_guest,
            repeats.another_key_is_a_conflict,
            repeats.a_repeated_create_takes_up_the_first,
            repeats.one_name_at_once_is_one_guest,
            repeats.several_keys_at_once_have_one_winner,
            repeats.different_names_at_once_all_come,
            repeats.an_interrupted_wait_is_taken_up,
            repeats.an_interrupted_call_is_repeated,
            repeats.a_task_outlives_a_short_wait,
            refusals.what_is_declared_no_is_refused,
        )
    ),
    *_behaviours(
        (
            repeats.a_lost_answer_to_create_is_found,
            repeats.a_lost_answer_to_start_and_delete_is_made_up,
        ),
        loses_answers=True,
    ),
    *_behaviours(
        (
            nodes.a_node_is_emptied_and_taken_back,
            nodes.emptying_that_is_under_way_is_taken_up,
            nodes.the_last_node_is_not_emptied,
        ),
        Ability.EVACUATION,
        disturbs=True,
    ),
    *_behaviours((basics.vms_come_run_and_go,), Ability.VMS, only=GuestKind.VM),
    *_behaviours((inside.the_boot_log_is_a_text,), Ability.BOOT_LOG),
    *_behaviours((inside.files_go_in_and_out, inside.files_that_are_none_are_told), Ability.FILES),
    *_behaviours(
        (
            inside.commands_say_how_they_ended,
            inside.commands_are_bounded,
            inside.commands_need_a_running_guest,
            inside.commands_run_side_by_side,
        ),
        Ability.EXEC,
    ),
    *_behaviours(
        (inside.a_terminal_is_a_conversation, inside.a_left_terminal_is_closed), Ability.CONSOLE
    ),
    *_behaviours((inside.use_is_told_of_running_guests,), Ability.METRICS),
    *_behaviours((inside.changes_are_told,), Ability.EVENTS),
    *_behaviours(
        (
            around.a_snapshot_is_restored,
            around.a_running_guest_is_kept_but_not_restored,
            around.snapshots_are_made_and_forgotten_once,
            around.a_guest_goes_with_its_snapshots,
        ),
        Ability.SNAPSHOTS,
        Ability.FILES,
    ),
    *_behaviours((around.sizes_grow,), Ability.RESIZE),
    *_behaviours(
        (
            around.a_clone_has_only_the_disk,
            around.a_clone_gets_what_its_spec_says,
            around.only_what_rests_is_cloned,
        ),
        Ability.CLONE,
        Ability.FILES,
    ),
    *_behaviours(
        (around.an_image_is_published_used_and_deleted, around.only_what_rests_is_published),
        Ability.IMAGES,
        Ability.FILES,
    ),
    *_behaviours(
        (
            around.a_backup_is_brought_back,
            around.a_backup_outlives_its_guest,
            around.nonsense_is_no_backup,
        ),
        Ability.BACKUPS,
        Ability.FILES,
    ),
    *_behaviours(
        (
            shields.containers_are_unprivileged,
            shields.containers_cannot_nest,
            shields.the_guest_api_is_off,
        ),
        Ability.EXEC,
        Ability.CONFINEMENT,
        only=GuestKind.CONTAINER,
    ),
    *_behaviours(
        (shields.containers_nest_where_that_is_asked,),
        Ability.NESTING,
        only=GuestKind.CONTAINER,
    ),
    *_behaviours((shields.processors_are_limited,), Ability.EXEC, Ability.CPU_LIMIT),
    *_behaviours((shields.memory_is_limited,), Ability.EXEC, Ability.MEMORY_LIMIT),
    *_behaviours((shields.processes_are_limited,), Ability.EXEC, Ability.PROCESS_LIMIT),
    *_behaviours((shields.disks_are_limited,), Ability.EXEC, Ability.DISK_LIMIT),
    *_behaviours((shields.addresses_are_filtered,), Ability.EXEC, Ability.ADDRESS_FILTER),
    *_behaviours((shields.neighbours_are_isolated,), Ability.EXEC, Ability.NEIGHBOUR_ISOLATION),
    *_behaviours((shields.projects_are_isolated,), Ability.EXEC, Ability.PROJECT_ISOLATION),
)
