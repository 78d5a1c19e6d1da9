"""The client's verbs for operations: list them, follow one, and decide what a restore left."""

from typing import Annotated, Final
from urllib.parse import urlencode

import typer

from stead.entrypoints.follow import follow, follow_undo
from stead.entrypoints.listing import listing
from stead.entrypoints.terminal import Quiet, Watch, client, say as _say, wrong

VERBS: Final = {
    "follow": "",
    "log": "",
    "cancel": "Cancelling; what was made is taken away again",
    "keep": "If it fails, everything stays as it is",
    "retry": "Trying again",
    "undo": "Taking it back",
}


@listing("id", "title", "state", "created_at", usual_limit=50)
def operations(
    *,
    state: Annotated[list[str] | None, typer.Option(help="Only these, such as failed.")] = None,
    kind: Annotated[str, typer.Option(help="Only these, such as deployment.deploy.")] = "",
    before: Annotated[str, typer.Option(help="Go on after the last id of a list.")] = "",
) -> str:
    """List recent operations, newest first."""
    query = [("state", one) for one in state or []]
    query += [(name, value) for name, value in (("kind", kind), ("before", before)) if value]
    return f"/api/v1/operations?{urlencode(query)}" if query else "/api/v1/operations"


def operation(
    operation_id: str,
    verb: Annotated[str, typer.Argument(help=f"{', '.join(VERBS)}.")] = "follow",
    *,
    step: Annotated[str, typer.Option("--from", help="The step to retry from.")] = "",
    watch: Watch = True,
    quiet: Quiet = False,
) -> None:
    """Follow an operation from its beginning to its end, or do something with it."""
    if verb not in VERBS:
        wrong(f"There is no {verb}; there are: {', '.join(VERBS)}")
    if step and verb != "retry":
        wrong("--from belongs to retry")
    api = client()
    path = f"/api/v1/operations/{operation_id}"
    if verb == "log":
        _say(api.text(f"{path}/log").rstrip())
        return
    if verb != "follow":
        api.post(f"{path}/{verb}", {"from": step} if step else None)
        _say(VERBS[verb])
    if watch and verb == "undo":
        follow_undo(api, operation_id)
    elif watch and verb in {"follow", "retry"}:
        follow(api, operation_id, quiet=quiet)


def cancel(operation_id: str) -> None:
    """Stop an operation and take away what it made."""
    api = client()
    api.post(f"/api/v1/operations/{operation_id}/cancel")
    _say("Cancelling; what was made is taken away again")


def restored(*, look: Annotated[bool, typer.Option(help="Ask the engine first.")] = False) -> None:
    """Show what a restore left to decide, and where guests and records disagree."""
    api = client()
    if look:
        follow(api, api.post("/api/v1/platform/look")["operation_id"], quiet=True)
    found = api.get("/api/v1/platform/restore")
    _say(f"Epoch {found['epoch']}, from {found['copied_at'] or 'the beginning'}")
    for one in found["decisions"]:
        guest = (
            f"{one['guest']} {one['presence'].replace('_', ' ')}" if one["guest"] else "no guest"
        )
        _say(f"{one['operation_id']}  {one['title']} ({guest}): {', '.join(one['choices'])}")
    for one in found["unknown"]:
        _say(f"unknown guest  {one['guest']}  {one['state']}  {', '.join(one['addresses'])}")
    for one in found["missing"]:
        _say(f"missing guest  {one['guest']}  of {one['deployment'] or 'no deployment'}")
    if found["looked_at"] is None:
        _say("Nobody has looked yet which guests there are: stead restored --look")
    elif not (found["decisions"] or found["unknown"] or found["missing"]):
        _say("Nothing to decide; records and guests agree")


def decide(
    operation_id: str,
    choice: Annotated[str, typer.Argument(help="adopt, undo or forget")],
    *,
    watch: Watch = True,
) -> None:
    """Decide about an operation that a restore interrupted."""
    if choice not in {"adopt", "undo", "forget"}:
        wrong("Choose adopt, undo or forget")
    api = client()
    acting = api.post(f"/api/v1/operations/{operation_id}/decision", {"choice": choice})
    if not watch or acting["state"] == "settled":
        _say(f"{choice}: operation {acting['id']}")
    elif choice == "undo":
        follow_undo(api, acting["id"])
    else:
        follow(api, acting["id"])
