"""Shows an operation while it happens: steps with their times, output below them."""

import sys
import threading
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from stead.entrypoints.bar import Bar, sendable, wanted
from stead.entrypoints.client import UNREACHABLE, Client, CommandError
from stead.kit import clock
from stead.kit.text import plain

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
    bar: Bar | None
    started: dict[str, datetime] = field(default_factory=dict)
    seq: int = 0

    def show(self, kind: str, event: dict[str, Any]) -> None:
        """Print one event, if it is worth a line."""
        self.seq = max(self.seq, int(event.get("seq", 0)))
        data = event.get("data", {})
        if kind == "step":
            self._step(event, str(data.get("state")))
        elif kind == "log" and not self.quiet:
            self._say(f"      {plain(str(data.get('text', '')))}")
        elif kind == "progress":
            self._progress(data)
        elif kind in {"retry", "undo_retry"}:
            self._say(f"      trying again: {data.get('message', 'the installation failed')}")

    def _step(self, event: dict[str, Any], state: str) -> None:
        name = str(event.get("step"))
        at = datetime.fromisoformat(str(event.get("at")))
        title = self.titles.get(name, name)
        if self.bar is not None:
            (self.bar.done.add if state == "done" else self.bar.done.discard)(name)
            self.bar.begin(plain(title) if state == "running" else "")
        if state == "running":
            self.started.setdefault(name, at)
            if self.bar is None:
                self._say(f"  ·   {title}")
            else:
                self.bar.draw()
        elif state == "done":
            took = (at - self.started.get(name, at)).total_seconds()
            self._say(f"  ok  {title} ({took:.1f} s)")
        elif state == "failed":
            self._say(f"  !!  {title}")
        elif state == "undone":
            self._say(f"  <-  undone: {title}")

    def _progress(self, data: dict[str, Any]) -> None:
        percent, text = data.get("percent"), str(data.get("text", ""))
        if self.bar is None:
            self._say(f"      {percent:>3} %  {plain(text)}")
            return
        self.bar.percent = min(percent, 100) if isinstance(percent, int) else 0
        self.bar.text = plain(text)
        self.bar.draw()

    def _say(self, line: str) -> None:
        if self.bar is None:
            _say(line)
        else:
            self.bar.above(sendable(plain(line)))


def follow(client: Client, operation_id: str, *, quiet: bool = False) -> dict[str, Any]:
    """Print events until the operation ends; raises CommandError unless it succeeded.

    The stream is resumed where it broke, so a restart of the server costs no line. Only a
    server that has not answered at all for minutes is given up.
    """
    path = f"/api/v1/operations/{operation_id}"
    operation = client.get(path)
    _say(operation["title"])
    titles = {step["name"]: step["title"] for step in operation["steps"]}
    view = _View(titles, quiet, clock.monotonic(), Bar(len(titles)) if wanted() else None)
    try:
        _watch(client, operation_id, view)
    finally:
        if view.bar is not None:
            view.bar.clear()
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


def _watch(client: Client, operation_id: str, view: _View) -> None:
    path = f"/api/v1/operations/{operation_id}/events"
    while not _drain(client, path, view):
        if clock.monotonic() - view.heard > _PATIENCE_SECONDS:
            raise CommandError(
                f"The server has not answered for {_PATIENCE_SECONDS // 60} minutes; the operation"
                f" goes on without this command\nLook again with: stead operation {operation_id}",
                UNREACHABLE,
            )
        # Nothing else happens in this process, so waiting here blocks nobody.
        threading.Event().wait(_PAUSE_SECONDS)


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
    if operation.get("detail"):
        lines.append("  The engine said:")
        lines += [f"    {line}" for line in operation["detail"].splitlines()]
    if operation["state"] in {"failed", "cancelled"}:
        lines.append("  Everything that had been made was taken away again.")
    if operation["state"] == "kept":
        lines.append("  Everything was left as it is. Look at it, then choose:")
        lines += [f"    stead operation {operation['id']} {verb}" for verb in ("retry", "undo")]
    return "\n".join(lines)


def _say(text: str) -> None:
    sys.stdout.write(plain(text) + "\n")
    sys.stdout.flush()
