"""A whole Stead for tests: the real serve and edge processes on free ports."""

import json
import os
import signal
import ssl
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from tests.support.incus import ROOT, Incus, free_port
from tests.support.waiting import until

SERVE = [sys.executable, "-m", "stead.entrypoints.cli", "serve"]
EDGE = [sys.executable, "-m", "stead.entrypoints.cli", "edge"]


class _Local(httpx.HTTPTransport):
    """Reaches every name at the edge's own port on the loopback."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        host = request.url.host
        request.url = request.url.copy_with(host="127.0.0.1")
        request.extensions = {**request.extensions, "sni_hostname": host}
        return super().handle_request(request)


@dataclass
class Stead:
    """One control plane with its edge."""

    folder: Path
    incus: Incus | None
    network: str = "10.91.0.0/16"
    packages: tuple[Path, ...] = ()
    console_port: int = field(default_factory=free_port)
    agent_port: int = field(default_factory=free_port)
    http_port: int = field(default_factory=free_port)
    https_port: int = field(default_factory=free_port)
    tcp_first: int = 21000
    database: str = ""
    # How fast a simulated engine is; used when there is no Incus.
    speed: float = 20
    faults: Path | None = None
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    token: str = ""

    @property
    def data(self) -> Path:
        """Return the data folder."""
        return self.folder / "data"

    @property
    def config(self) -> Path:
        """Return the configuration file."""
        return self.folder / "stead.toml"

    def prepare(self) -> None:
        """Write the configuration and create everything that ``stead admin init`` creates."""
        self.folder.mkdir(parents=True, exist_ok=True)
        packages = json.dumps([str(path) for path in self.packages])
        self.config.write_text(
            f"""
[server]
data_dir = "{self.data}"
database = "{self.database}"
console_port = {self.console_port}
agent_port = {self.agent_port}
https_port = {self.https_port}
packages = {packages}
{self._engine()}
[network]
range = "{self.network}"
[edge]
control_url = "http://127.0.0.1:{self.console_port}"
token_file = "{self.data}/edge.token"
state_dir = "{self.folder}/edge"
address = "127.0.0.1"
http_port = {self.http_port}
https_port = {self.https_port}
tcp_first = {self.tcp_first}
tcp_last = {self.tcp_first + 99}
"""
        )
        (self.folder / "edge").mkdir(exist_ok=True)
        self.admin("init")

    def _engine(self) -> str:
        if self.incus is None:
            faults = f'faults = "{self.faults}"' if self.faults else ""
            return f'[engine]\nkind = "simulator"\n[simulator]\nspeed = {self.speed}\n{faults}'
        return f"""[incus]
url = "{self.incus.url}"
project = "{self.incus.project}"
pool = "{self.incus.pool}"
image = "{self.incus.image}"
client_cert = "{self.incus.certificate}"
client_key = "{self.incus.key}"
server_cert = "{self.incus.server_certificate}"
"""

    def admin(self, *words: str) -> str:
        """Run ``stead admin …`` and return its output."""
        return self.cli("admin", *words)

    def cli(self, *words: str, code: int = 0, stdin: str = "") -> str:
        """Run the real command line as this test's own account."""
        done = subprocess.run(
            [sys.executable, "-m", "stead.entrypoints.cli", *words],
            env=self.environment(),
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert done.returncode == code, f"stead {words}: {done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    def environment(self) -> dict[str, str]:
        """Return the environment of our processes; their home is the test's folder."""
        return {**os.environ, "STEAD_CONFIG": str(self.config), "HOME": str(self.folder)}

    def start(self, *, serve: list[str] | None = None) -> None:
        """Start serve and edge, and wait until both answer."""
        self.start_serve(serve)
        self.start_edge()
        until("the console through the edge", self.console_answers, 60)

    def start_serve(self, command: list[str] | None = None) -> subprocess.Popen[bytes]:
        """Start ``stead serve``."""
        return self._start("serve", command or SERVE)

    def start_edge(self) -> None:
        """Start ``stead edge``."""
        self._start("edge", EDGE)

    def kill_serve(self) -> None:
        """Kill ``stead serve`` at once and wait until it is gone."""
        process = self.processes.pop("serve")
        process.kill()
        process.wait()

    def stop(self) -> None:
        """End both processes and see that they end."""
        for name in ("edge", "serve"):
            process = self.processes.pop(name, None)
            if process is None or process.poll() is not None:
                continue
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                raise

    def http(self, **options: Any) -> httpx.Client:
        """Return a client that trusts only this Stead's CA."""
        context = ssl.create_default_context(cafile=str(self.data / "ca.pem"))
        return httpx.Client(transport=_Local(verify=context), timeout=20, **options)

    def api(self) -> httpx.Client:
        """Return a client of the API, straight to the control plane, as the admin."""
        if not self.token:
            self.admin("cli-login")
            text = (self.folder / ".config/stead/config.toml").read_text()
            self.token = next(
                json.loads(line.partition(" = ")[2])
                for line in text.splitlines()
                if line.startswith("token")
            )
        return httpx.Client(
            base_url=f"http://127.0.0.1:{self.console_port}",
            headers={"Authorization": f"Bearer {self.token}"},
            timeout=30,
            verify=False,  # noqa: S501  (plain HTTP on the loopback; a TLS context costs 30 ms)
        )

    def log(self, name: str) -> str:
        """Return what a process has said."""
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def console_answers(self) -> bool:
        for name, process in self.processes.items():
            assert process.poll() is None, f"{name} ended: {self.log(name)[-2000:]}"
        try:
            with self.http() as http:
                url = f"https://console.stead.localhost:{self.https_port}/healthz"
                return http.get(url).status_code == httpx.codes.OK
        except httpx.TransportError:
            return False

    def _start(self, name: str, command: list[str]) -> subprocess.Popen[bytes]:
        with (self.folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self.processes[name] = process
        return process
