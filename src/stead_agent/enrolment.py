"""Tells the control plane the agent's own key and gets a name for it."""

from __future__ import annotations

import http.client
import os
import shutil
import socket
from pathlib import Path

from stead_agent import VERSION
from stead_agent.facts import total_memory_mb
from stead_agent.identity import Bootstrap, Identity
from stead_agent.store import Store
from stead_agent.transport import Line, UnreachableError


def enrol(kept: Store, identity: Identity, bootstrap: Bootstrap) -> Identity:
    """Ask once and keep the answer; raise UnreachableError when it has to be asked again.

    Asking twice with the same token and key gets the same name, so a lost answer costs nothing.
    """
    question: dict[str, object] = {
        "token": bootstrap.token,
        "key": identity.key,
        "version": VERSION,
        "facts": facts(),
    }
    line = Line(identity)
    try:
        answer = line.call("POST", "/agent/v1/enrol", question)
    finally:
        line.close()
    agent = answer.body.get("agent")
    if answer.status != http.client.OK or not isinstance(agent, str) or not agent.isascii():
        raise UnreachableError(f"enrolment was answered with HTTP {answer.status}")
    named = identity.named(agent)
    named.save(kept)
    kept.drop_bootstrap()
    return named


def facts(release: Path = Path("/etc/os-release")) -> dict[str, str]:
    """Return what the control plane wants to know about the guest."""
    try:
        lines = release.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    known = {
        name: value.strip("\"'") for name, _, value in (line.partition("=") for line in lines)
    }
    return {
        "os": known.get("ID", "unknown"),
        "os_version": known.get("VERSION_ID", ""),
        "hostname": socket.gethostname(),
        **_size(),
    }


def _size() -> dict[str, str]:
    """Return how large the machine is; what cannot be read is left out."""
    found = {"cores": os.cpu_count(), "memory_mb": total_memory_mb(), "disk_mb": _disk_mb()}
    return {name: str(size) for name, size in found.items() if size}


def _disk_mb() -> int:
    try:
        return shutil.disk_usage("/").total // 2**20
    except OSError:
        return 0
