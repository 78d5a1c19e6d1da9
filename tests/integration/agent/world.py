"""The real zipapp as a process, and packages for it to run."""

import io
import json
import signal
import subprocess
import sys
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import IO, Any

from tests.integration.agent.control_plane import canonical


def spawn(*command: str, log: IO[bytes] | None = None) -> subprocess.Popen[bytes]:
    """Start a process in its own session."""
    return subprocess.Popen(command, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True)


class AgentProcess:
    """The zipapp with its state folder."""

    def __init__(
        self, zipapp: Path, state: Path, *, within: Sequence[str] = (), options: Sequence[str] = ()
    ) -> None:
        self.zipapp = zipapp
        self.state = state
        self.log = state.with_suffix(".log")
        self._command = [*within, sys.executable, "-I", "-B", str(zipapp), "run"]
        self._command += ["--state-dir", str(state), "--heartbeat", "0.2", "--grace", "0.5"]
        self._command += options
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = spawn(*self._command, log=log)

    def kill(self) -> None:
        assert self.process
        self.process.kill()
        self.process.wait()

    def terminate(self) -> int:
        assert self.process
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(15)

    def events(self) -> list[str]:
        return [json.loads(line)["event"] for line in self.log.read_text().splitlines()]


def archive(
    files: dict[str, str],
    inputs: Sequence[dict[str, object]] = (),
    *,
    members: Sequence[tarfile.TarInfo] = (),
    manifest: Mapping[str, object] = MappingProxyType({}),
) -> bytes:
    """Build a package; members are added as they are, manifest replaces parts of it."""
    scripts = [name for name in files if name.endswith(".sh")]
    parts = {"id": "demo", "version": "1", "scripts": scripts, "inputs": list(inputs), **manifest}
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w") as tar:
        for name, text in {**files, "manifest.json": canonical(parts)}.items():
            made = tarfile.TarInfo(name)
            made.size, made.mode = len(text.encode()), 0o755
            tar.addfile(made, io.BytesIO(text.encode()))
        for made in members:
            tar.addfile(made, io.BytesIO(b"x" * made.size))
    return sink.getvalue()


def script(text: str, **more: Any) -> bytes:
    """Build a package of one shell script."""
    return archive({"install.sh": f"#!/bin/bash\n{text}\n"}, **more)


def is_alive(pid: str) -> bool:
    try:
        stat = (Path("/proc") / pid / "stat").read_text(encoding="ascii")
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"
