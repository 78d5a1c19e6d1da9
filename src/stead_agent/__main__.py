"""The command line of the agent: run, enrol and version."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import threading
from pathlib import Path

from stead_agent import VERSION, log
from stead_agent.clock import Pauses
from stead_agent.enrolment import enrol
from stead_agent.identity import IdentityError, parse_bootstrap, prepare
from stead_agent.loop import Agent, Timing
from stead_agent.store import Store, StoreError, write
from stead_agent.transport import UnreachableError

STATE = Path("/var/lib/stead-agent")
_ENROL_TRIES = 12


def main() -> int:
    """Run a command; return the exit code."""
    parser = argparse.ArgumentParser(prog="stead-agent", description="Runs signed jobs.")
    parser.add_argument("command", choices=["run", "enrol", "version"])
    parser.add_argument("--state-dir", type=Path, default=STATE, metavar="DIR")
    parser.add_argument("--heartbeat", type=float, default=Timing.heartbeat, metavar="SECONDS")
    parser.add_argument("--grace", type=float, default=Timing.grace, metavar="SECONDS")
    options = parser.parse_args()
    if options.command == "version":
        sys.stdout.write(VERSION + "\n")
        return 0
    os.umask(0o077)
    kept = Store(options.state_dir)
    try:
        kept.open()
    except StoreError as error:
        log.event("agent.refused", reason=str(error))
        return 1
    if options.command == "enrol":
        return _enrol(kept)
    return _run(Agent(kept, Timing(options.heartbeat, options.grace)), options.grace)


def _run(agent: Agent, grace: float) -> int:
    """Run the agent until a signal asks it to end; it may take the grace and a report longer."""
    woken, waker = os.pipe()
    os.set_blocking(waker, False)
    signal.set_wakeup_fd(waker)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    worker = threading.Thread(target=_work, args=(agent, waker), daemon=True)
    worker.start()
    ended = os.read(woken, 1) == _ENDED
    agent.stop()
    worker.join(grace + 15)
    log.event("agent.stopped", clean=not worker.is_alive())
    return 1 if ended else 0


_ENDED = b"\0"


def _work(agent: Agent, waker: int) -> None:
    try:
        agent.run()
    finally:
        os.write(waker, _ENDED)


def _enrol(kept: Store) -> int:
    """Enrol with the bootstrap object on standard input, trying for about ten seconds."""
    try:
        raw = json.load(sys.stdin)
    except (ValueError, RecursionError):
        raw = None
    bootstrap = parse_bootstrap(raw) if isinstance(raw, dict) else None
    if bootstrap is None:
        log.event("enrolment.refused", reason="standard input holds no bootstrap object")
        return 1
    write(kept.bootstrap, {**raw})
    pauses = Pauses(threading.Event())
    for _ in range(_ENROL_TRIES):
        try:
            identity, pending = prepare(kept)
            identity = enrol(kept, identity, pending) if pending else identity
        except (UnreachableError, IdentityError) as error:
            log.event("enrolment.delayed", reason=str(error))
            pauses.wait()
        else:
            sys.stdout.write(f"{identity.agent}\n")
            return 0
    return 1


if __name__ == "__main__":
    sys.exit(main())
