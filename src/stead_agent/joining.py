"""Makes a plain server's agent: a token from standard input, a pinned certificate, a service."""

from __future__ import annotations

import getpass
import hashlib
import pkgutil
import re
import shutil
import socket
import ssl
import sys
from pathlib import Path
from urllib.parse import urlsplit

from stead_agent import process

PROGRAM = Path("/usr/local/lib/stead-agent/stead-agent.pyz")
UNIT = "stead-agent.service"
UNITS = Path("/etc/systemd/system")
SYSTEMD = Path("/run/systemd/system")
_SECONDS = 60
_CONNECT_SECONDS = 10
_TOKEN = re.compile(r"[A-Za-z0-9_-]{8,200}")


class JoinError(Exception):
    """The server cannot join; the message says why."""


def read_token() -> str:
    """Return the token: typed unseen at a terminal, otherwise one line. Raises JoinError."""
    if sys.stdin.isatty():
        token = getpass.getpass("Enrolment token: ")
    else:
        token = sys.stdin.readline(1000)
    if not _TOKEN.fullmatch(token.strip()):
        raise JoinError("standard input holds no enrolment token")
    return token.strip()


def bootstrap(server: str, pin: str, token: str) -> dict[str, object]:
    """Return what an agent enrols with, once the server proved to have the pinned certificate."""
    parts = urlsplit(server)
    if parts.scheme != "https" or not parts.hostname:
        raise JoinError("--server has to be an address such as https://192.0.2.1:8444")
    try:
        place = (parts.hostname, parts.port or 443)
        socket.setdefaulttimeout(_CONNECT_SECONDS)  # the function below takes none before 3.10
        pem = ssl.get_server_certificate(place)
    except (OSError, ValueError) as error:
        raise JoinError(f"{server} does not answer: {error}") from error
    found = hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest()
    if found != pin.replace(":", "").lower():
        raise JoinError(f"{server} has the certificate {found}, not the pinned one")
    return {"server": server, "ca": pem, "token": token}


def has_systemd() -> bool:
    """Tell whether systemd runs this machine."""
    return SYSTEMD.is_dir()


def stop_service() -> None:
    """Stop an agent from before, if there is one."""
    _systemctl("stop", UNIT, strict=False)


def start_service() -> None:
    """Put program and unit where they belong, and start the agent now and at every boot."""
    running = Path(sys.argv[0]).resolve()
    if running != PROGRAM:
        PROGRAM.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        shutil.copyfile(running, PROGRAM)
        PROGRAM.chmod(0o755)
    unit = pkgutil.get_data("stead_agent", UNIT)
    if unit is None:
        raise JoinError(f"this program does not hold {UNIT}")
    (UNITS / UNIT).write_bytes(unit)
    (UNITS / UNIT).chmod(0o644)
    _systemctl("daemon-reload")
    _systemctl("enable", "--now", UNIT)


def _systemctl(*words: str, strict: bool = True) -> None:
    said = process.complaint(["/usr/bin/env", "systemctl", *words], _SECONDS)
    if strict and said is not None:
        raise JoinError(f"systemctl {words[0]} failed: {said}")
