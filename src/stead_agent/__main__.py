"""The command line of the agent: run, enrol and version."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import threading
from pathlib import Path

from stead_agent import VERSION, joining, log, updating, watching
from stead_agent.clock import Pauses
from stead_agent.enrolment import enrol
from stead_agent.identity import IdentityError, parse_bootstrap, prepare
from stead_agent.loop import Agent
from stead_agent.slots import Timing
from stead_agent.store import Store, StoreError, read, write
from stead_agent.transport import UnreachableError

STATE = Path("/var/lib/stead-agent")
_ENROL_TRIES = 12


def main() -> int:
    """Run a command; return the exit code."""
    options = _options()
    if options.command == "version":
        sys.stdout.write(VERSION + "\n")
        return 0
    os.umask(0o077)
    kept = Store(options.state_dir)
    early = {"join": _join, "watch": _watch}.get(options.command)
    return early(options, kept) if early is not None else _open(options, kept)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="stead-agent", description="Runs signed jobs.")
    parser.add_argument("command", choices=["run", "enrol", "join", "watch", "version"])
    parser.add_argument("--server", metavar="URL", help="join: where the control plane is")
    parser.add_argument("--pin", metavar="SHA256", help="join: its certificate's fingerprint")
    parser.add_argument("--no-service", action="store_true", help="join: start nothing")
    parser.add_argument("--state-dir", type=Path, default=STATE, metavar="DIR")
    parser.add_argument("--heartbeat", type=float, default=Timing.heartbeat, metavar="SECONDS")
    parser.add_argument("--grace", type=float, default=Timing.grace, metavar="SECONDS")
    seconds = updating.PATIENCE_SECONDS
    parser.add_argument("--patience", type=float, default=seconds, metavar="SECONDS")
    parser.add_argument("--program", type=Path, help="watch: the file that was replaced")
    parser.add_argument("--pid", type=int, help="watch: the process that became the new one")
    parser.add_argument("--service", action="store_true", help="watch: systemd starts it again")
    return parser.parse_args()


def _open(options: argparse.Namespace, kept: Store) -> int:
    """Do what only one process at a time may do with a folder."""
    try:
        kept.open()
    except StoreError as error:
        log.event("agent.refused", reason=str(error))
        return 1
    if options.command == "enrol":
        return _enrol(kept)
    timing = Timing(options.heartbeat, options.grace, options.patience)
    ended = _run(Agent(kept, timing), options.grace)
    updating.stop(kept)
    return ended


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


def _watch(options: argparse.Namespace, kept: Store) -> int:
    """See an update through; start the program before when nobody else does."""
    post = watching.Post(options.program, options.pid, options.patience, options.service)
    if watching.watch(kept, post):
        watching.start_again(post.path, sys.argv[2 : sys.argv.index("--program")])
    return 0


def _join(options: argparse.Namespace, kept: Store) -> int:
    """Enrol this server with a token from standard input, and have the agent started."""
    service = joining.has_systemd() and not options.no_service
    try:
        token = joining.read_token()
        bootstrap = joining.bootstrap(options.server or "", options.pin or "", token)
        if service:
            joining.stop_service()
        name = _take_up(kept, bootstrap)
        if service and kept.identity.exists():
            joining.start_service()
    except (joining.JoinError, StoreError, OSError) as error:
        sys.stderr.write(f"This server could not join: {error}\n")
        return 1
    if name is None:
        sys.stderr.write("This server could not join: its token was not taken; get a new one\n")
        return 1
    sys.stdout.write(f"This server is agent {name} of {options.server}\n")
    if not service:
        sys.stdout.write(f"Start it with: python3 -I {Path(sys.argv[0]).resolve()} run\n")
    return 0


def _take_up(kept: Store, bootstrap: dict[str, object]) -> str | None:
    """Enrol; who this was before stays who it is when the token is not taken."""
    kept.open()
    before = read(kept.identity)
    write(kept.bootstrap, bootstrap)
    name = _become(kept)
    kept.drop_bootstrap()
    if name is None:
        kept.identity.unlink(missing_ok=True)
        if before is not None:
            write(kept.identity, before)
    kept.close()
    return name


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
    name = _become(kept)
    if name is None:
        return 1
    sys.stdout.write(f"{name}\n")
    return 0


def _become(kept: Store) -> str | None:
    """Enrol with the bootstrap on disk; return the name that was given, None for none."""
    pauses = Pauses(threading.Event())
    for _ in range(_ENROL_TRIES):
        try:
            identity, pending = prepare(kept)
            identity = enrol(kept, identity, pending) if pending else identity
        except (UnreachableError, IdentityError) as error:
            log.event("enrolment.delayed", reason=str(error))
            pauses.wait()
        else:
            return identity.agent
    return None


if __name__ == "__main__":
    sys.exit(main())
