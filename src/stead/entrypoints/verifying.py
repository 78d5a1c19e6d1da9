"""``stead admin audit verify``: whether the audit trail is whole."""

import typer

from stead.audit import public as audit
from stead.entrypoints.local import fail, run, say, settings, with_ground
from stead.entrypoints.plant import Ground

commands = typer.Typer(no_args_is_help=True, help="Look after the audit trail.")


@commands.callback()
def _group() -> None:
    """Look after the audit trail."""


@commands.command()
def verify() -> None:
    """Look for records that were changed, removed or reordered, and for an end that was cut."""
    verdict = run(with_ground(settings(), _verify, verb="audit.verify"))
    for note in verdict.notes:
        say(note)
    if verdict.problems:
        fail("\n".join(("The audit trail is not whole", *verdict.problems)))
    say(f"The audit trail is whole: {verdict.records} records")


async def _verify(ground: Ground) -> audit.Verdict:
    async with ground.database.read() as uow:
        return await audit.verify(uow, ground.heads)
