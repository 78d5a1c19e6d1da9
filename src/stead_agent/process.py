"""Starts a package's script in a session of its own and reads its output into the spool."""

from __future__ import annotations

import os
import selectors
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NoReturn

from stead_agent import cgroups, sessions
from stead_agent.output import Assembler

# The script starts when its session is on record: an agent that dies in between leaves nothing.
_GATE = 'read -r go || exit 125; exec "$@" </dev/null'
_CHUNK = 64 * 1024
_FIXED = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "LANG": "C.UTF-8",
    "DEBIAN_FRONTEND": "noninteractive",
    "PROVISIONING_JOB": "true",
}
DRAIN_SECONDS = 1.0


class Script:
    """A script that waits to be released; its end is told to `on_exit` with the exit code."""

    def __init__(
        self, folder: Path, command: list[str], variables: Mapping[str, str], group: str
    ) -> None:
        self._process = subprocess.Popen(
            ["/bin/sh", "-c", _GATE, "stead-agent", *command],
            cwd=folder,
            env={**variables, **_FIXED},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            umask=0o022,
        )
        made = cgroups.make(group)
        grouped = made is not None and cgroups.add(made, self._process.pid)
        self.session = sessions.of(self._process.pid, made if grouped else None)
        self._threads: list[threading.Thread] = []

    def release(
        self, stdout: Assembler, stderr: Assembler, on_exit: Callable[[int], None]
    ) -> None:
        """Let it run; both streams are read to their end in the background."""
        exited = threading.Event()
        streams = {self._process.stdout: stdout, self._process.stderr: stderr}

        def wait() -> None:
            code = self._process.wait()
            exited.set()
            pump.join()
            on_exit(code)

        pump = threading.Thread(target=_pump, args=(streams, exited), daemon=True)
        waiter = threading.Thread(target=wait, daemon=True)
        pump.start()
        waiter.start()
        self._threads = [pump, waiter]
        if self._process.stdin is not None:
            try:
                self._process.stdin.write(b"\n")
                self._process.stdin.close()
            except BrokenPipeError:
                return  # it was killed before it began; its exit says so

    def end(self, grace: float) -> bool:
        """Send TERM, then KILL, to everything it started; False when something remains."""
        gone = sessions.end(self.session, self.session.members, time.sleep, grace)
        for thread in self._threads:
            thread.join(DRAIN_SECONDS * 3)
        return gone


def complaint(command: list[str], seconds: float) -> str | None:
    """Run a program of the system to its end; return what is wrong, None when all went well."""
    try:
        done = subprocess.run(command, capture_output=True, timeout=seconds, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return done.stderr.decode(errors="replace").strip() if done.returncode else None


def leave_behind(command: list[str]) -> None:
    """Start a program that outlives this process; the shell in between makes it nobody's child."""
    subprocess.Popen(
        ["/bin/sh", "-c", '"$@" &', "stead-agent", *command],
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        cwd="/",
    ).wait()


def become(command: list[str]) -> NoReturn:
    """Turn this process into another program."""
    os.execv(command[0], command)  # noqa: S606  (there is nothing for a shell to do)


def end_leftovers(session: sessions.Session, grace: float) -> bool:
    """End what a killed agent left running; False when something remains."""
    gone = sessions.end(session, session.leftovers, time.sleep, grace)
    cgroups.remove(session.group)
    return gone


def _pump(streams: Mapping[object, Assembler], exited: threading.Event) -> None:
    """Read both streams to their end, or for a moment after the script ended.

    A service that a script starts may hold its output open for ever.
    """
    with selectors.DefaultSelector() as selector:
        for stream, assembler in streams.items():
            selector.register(stream, selectors.EVENT_READ, assembler)  # type: ignore[arg-type]
        deadline = None
        while selector.get_map() and (deadline is None or time.monotonic() < deadline):
            ready = selector.select(0.1 if exited.is_set() else 0.5)
            for key, _ in ready:
                _read(selector, key)
            if exited.is_set() and deadline is None:
                deadline = time.monotonic() + DRAIN_SECONDS
    for stream, assembler in streams.items():
        assembler.end()
        stream.close()  # type: ignore[attr-defined]


def _read(selector: selectors.BaseSelector, key: selectors.SelectorKey) -> None:
    chunk = os.read(key.fd, _CHUNK)
    if chunk:
        key.data.feed(chunk)
    else:
        selector.unregister(key.fileobj)
