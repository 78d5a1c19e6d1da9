"""Shows an operation while it happens: steps with their times, output below them."""

import sys
import threading
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from stead.entrypoints.client import UNREACHABLE, Client, CommandError
from stead.kit import clock

OPERATION_FAILED: Final = 9
# A server that is restarted, or moved to another machine, is waited for.
_PATIENCE_SECONDS: Final = 300
_PAUSE_SECONDS: Final = 0.5


@dataclass
class _View:
    """What has been shown so far."""

    titles: dict[str, str]
    quiet: bool
    heard: float
    started: dict[str, datetime] = field(default_factory=dict)
    seq: int = 0

    def show(self, kind: str, event: dict[str, Any]) -> None:
        """Print one event, if it is worth a line."""
        self.seq = max(self.seq, int(event.get("seq", 0)))
        data = event.get("data", {})
        if kind == "step":
            self._step(event, str(data.get("state")))
        elif kind == "log" and not self.quiet:
            _say(f"      {data.get('text', '')}")
        elif kind == "progress":
            _say(f"      {data.get('percent'):>3} %  {data.get('text', '')}")
        elif kind in {"retry", "undo_retry"}:
            _say(f"      trying again: {data.get('message', 'the installation failed')}")

    def _step(self, event: dict[str, Any], state: str) -> None:
        name = str(event.get("step"))
        at = datetime.fromisoformat(str(event.get("at")))
        title = self.titles.get(name, name)
        if state == "running":
            self.started.setdefault(name, at)
            _say(f"  ·   {title}")
        elif state == "done":
            took = (at - self.started.get(name, at)).total_seconds()
            _say(f"  ok  {title} ({took:.1f} s)")
        elif state == "failed":
            _say(f"  !!  {title}")
        elif state == "undone":
            _say(f"  <-  undone: {title}")


def follow(client: Client, operation_id: str, *, quiet: bool = False) -> dict[str, Any]:
    """Print events until the operation ends; raises CommandError unless it succeeded.

    The stream is resumed where it broke, so a restart of the server costs no line. Only a
    server that has not answered at all for minutes is given up.
    """
    path = f"/api/v1/operations/{operation_id}"
    operation = client.get(path)
    _say(operation["title"])
    titles = {step["name"]: step["title"] for step in operation["steps"]}
    view = _View(titles, quiet, clock.monotonic())
    while not _drain(client, f"{path}/events", view):
        if clock.monotonic() - view.heard > _PATIENCE_SECONDS:
            raise CommandError(
                f"The server has not answered for {_PATIENCE_SECONDS // 60} minutes; the operation"
                f" goes on without this command\nLook again with: stead operation {operation_id}",
                UNREACHABLE,
            )
        # Nothing else happens in this process, so waiting here blocks nobody.
        threading.Event().wait(_PAUSE_SECONDS)
    ended: dict[str, Any] = client.get(path)
    if ended["state"] != "succeeded":
        raise CommandError(_failure(ended), OPERATION_FAILED)
    return ended


def follow_undo(client: Client, operation_id: str) -> None:
    """Print events until everything was taken back; raises CommandError when it was not."""
    try:
        follow(client, operation_id)
    except CommandError:
        # Taking back ends in "failed", which is what was asked for here.
        if client.get(f"/api/v1/operations/{operation_id}")["state"] != "failed":
            raise
        _say("Everything that had been made was taken away again.")


def _drain(client: Client, path: str, view: _View) -> bool:
    try:
        with client.events(path, view.seq) as events:
            try:
                for kind, event in events:
                    if kind == "end":
                        return True
                    view.show(kind, event)
            finally:
                view.heard = clock.monotonic()
    except CommandError as error:
        if error.code != UNREACHABLE:  # only what may pass by itself
            raise
    return False


def _failure(operation: dict[str, Any]) -> str:
    error = operation.get("error") or {}
    lines = [f"{operation['title']}: {operation['state'].replace('_', ' ')}"]
    if error.get("message"):
        lines.append(f"  {error['message']}")
    if error.get("hint"):
        lines.append(f"  {error['hint']}")
    if operation["state"] in {"failed", "cancelled"}:
        lines.append("  Everything that had been made was taken away again.")
    return "\n".join(lines)


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
