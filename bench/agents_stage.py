"""Sets up servers, agents and what plays them; belongs to ``bench.agents``."""

import asyncio
import contextlib
import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import select
from tests.support.incus import ROOT
from tests.support.stead import SERVE, Stead
from tests.support.waiting import until

from bench import usage
from stead.agents import public as agents
from stead.agents.models import JobRow
from stead.core import settings
from stead.core.bus import Bus
from stead.core.db import Database
from stead.fleet.models import ServerRow
from stead.identity.models import ProjectRow
from stead.kit import clock, ids

Thing = TypeVar("Thing")
ADDRESS = "127.0.0.1"
PACKAGES = Path(__file__).parent / "packages"
READY_SECONDS = 120
# One job in so many goes to a real agent.
REAL_PART = 5


class Stage:
    """One or two serving processes with one database, and servers whose agents are to join."""

    def __init__(self, folder: Path, url: str, processes: int, profile: Path | None) -> None:
        self._steads = [
            Stead(
                folder / f"stead{n}",
                None,
                network="10.132.0.0/16",
                packages=(PACKAGES,),
                database=url,
            )
            for n in range(processes)
        ]
        self._folder = folder
        self._url = url
        self._program = folder / "stead-agent.pyz"
        self._profile = profile
        self._tokens: list[str] = []
        self._machines: list[str] = []
        self._real: list[tuple[str, str]] = []
        self._children: dict[str, list[int]] = {}

    @property
    def ports(self) -> list[int]:
        """Return where the APIs are."""
        return [one.console_port for one in self._steads]

    @property
    def token(self) -> str:
        """Return what lets in to the API."""
        return self._steads[0].token

    def prepare(self, simulated: int, real: int) -> None:
        """Make the configuration, the database and the servers that are to join."""
        first, *others = self._steads
        first.prepare()
        _listen_for_servers(first)
        for other in others:
            other.folder.mkdir()
            shutil.copytree(first.data, other.data)
            other.prepare()
            _listen_for_servers(other)
        self._program.write_bytes(agents.program().content)
        asyncio.run(self._add(simulated, real))

    def start(self) -> None:
        """Start the servers and wait for their APIs."""
        for number, one in enumerate(self._steads):
            command = SERVE
            if self._profile is not None:
                out = self._profile.with_suffix(f".{number}.prof")
                command = [sys.executable, "-m", "cProfile", "-o", str(out), *SERVE[1:]]
            one.start_serve(command)
        for one in self._steads:
            with one.api() as api:
                until("the API", lambda: _answers(api), 60)

    def stop(self) -> None:
        """End the servers."""
        for one in self._steads:
            one.stop()

    def groups(self) -> dict[str, list[int]]:
        """Return the processes whose cost counts, by what they are."""
        serving = {
            f"serve{n or ''}": [one.processes["serve"].pid] for n, one in enumerate(self._steads)
        }
        return serving | self._children

    def order(self) -> list[tuple[str, bool]]:
        """Return the machines in the order in which they get jobs, and whether each is real."""
        simulated = [(machine, False) for machine in self._machines]
        real = [(machine, True) for machine, _ in self._real]
        order: list[tuple[str, bool]] = []
        for number, one in enumerate(simulated):
            if real and number % REAL_PART == 0:
                order.append(real[number // REAL_PART % len(real)])
            order.append(one)
        return order or real

    @contextlib.asynccontextmanager
    async def agents(self, lines: int, heard: Callable[[str, float], None]) -> AsyncIterator[None]:
        """Have all agents join, and leave at the end."""
        crowd = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "bench.agents_load",
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
        )
        stdin, stdout = _there(crowd.stdin), _there(crowd.stdout)
        places = [{"port": one.agent_port, "ca": _ca(one)} for one in self._steads]
        asked = {"places": places, "tokens": self._tokens, "lines": lines}
        stdin.write(json.dumps(asked).encode() + b"\n")
        real = [await self._start_real(number, heard) for number in range(len(self._real))]
        try:
            async with asyncio.timeout(READY_SECONDS):
                if await stdout.readline() != b"ready\n":
                    raise RuntimeError("the agents did not join")
            self._children = {
                "load": [crowd.pid],
                "real agents": [one.pid for one in real],
                "database": usage.server_of(self._url),
            }
            yield
        finally:
            stdin.close()
            for one in real:
                with contextlib.suppress(ProcessLookupError):
                    one.send_signal(signal.SIGTERM)
            for one in (crowd, *real):
                await one.wait()

    async def queued(self) -> dict[str, float]:
        """Return when each job was queued, by its own id and by its operation's."""
        database = self._database()
        async with database.read() as uow:
            rows = list(await uow.session.scalars(select(JobRow)))
        await database.close()
        found = {row.id: row.created_at.timestamp() for row in rows}
        return found | {row.operation_id: row.created_at.timestamp() for row in rows}

    async def _add(self, simulated: int, real: int) -> None:
        database = self._database()
        async with database.write() as uow:
            project = _there((await uow.session.scalars(select(ProjectRow))).first())
            for number in range(simulated + real):
                row = ServerRow(
                    id=ids.new_id(),
                    project_id=project.id,
                    name=f"bench{number}",
                    added_by="bench",
                    created_at=clock.utc_now(),
                )
                uow.session.add(row)
                token = await agents.issue_enrolment(uow, row.id)
                if number < simulated:
                    self._machines.append(row.id)
                    self._tokens.append(token)
                else:
                    self._real.append((row.id, token))
        await database.close()

    async def _start_real(
        self, number: int, heard: Callable[[str, float], None]
    ) -> asyncio.subprocess.Process:
        stead = self._steads[number % len(self._steads)]
        state = self._folder / f"agent{number}"
        state.mkdir(mode=0o700)
        server = f"https://{ADDRESS}:{stead.agent_port}"
        bootstrap = {"server": server, "ca": _ca(stead), "token": self._real[number][1]}
        (state / "bootstrap.json").write_text(json.dumps(bootstrap))
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-I",
            str(self._program),
            "run",
            "--state-dir",
            str(state),
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        asyncio.create_task(_listen(process, heard))  # noqa: RUF006  (ends with the process)
        return process

    def _database(self) -> Database:
        return Database(settings.load(self._steads[0].config).server.database_url, Bus())


async def _listen(
    process: asyncio.subprocess.Process, heard: Callable[[str, float], None]
) -> None:
    """Hear from a real agent which jobs it takes, as it says so."""
    stderr = _there(process.stderr)
    while line := await stderr.readline():
        said: dict[str, Any] = json.loads(line)
        if said["event"] == "job.accepted":
            heard(said["job"], time.time())


def _there(one: Thing | None) -> Thing:
    if one is None:
        raise RuntimeError("something that the benchmark needs is not there")
    return one


def _listen_for_servers(one: Stead) -> None:
    text = one.config.read_text()
    one.config.write_text(
        text.replace("[server]\n", f'[server]\nagent_address = "{ADDRESS}"\n', 1)
    )


def _ca(one: Stead) -> str:
    return (one.data / "agent-tls" / f"pinned-{ADDRESS}.crt").read_text()


def _answers(api: Any) -> bool:
    with contextlib.suppress(OSError, Exception):
        return bool(api.get("/api/v1/agents?limit=1").is_success)
    return False
