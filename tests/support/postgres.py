"""A PostgreSQL of the tests' own: Debian's server, never as root, gone afterwards."""

import contextlib
import fcntl
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.support.incus import free_port

MEMORY = Path("/dev/shm")  # noqa: S108  (a folder of a random name is made in it)
PREFIX = "stead-pg-"
# Beside other tests even its first start may take a while.
PATIENCE = 300


def why_not() -> str:
    """Return why no PostgreSQL can be started here, or nothing."""
    if not _programs():
        return "needs Debian's postgresql"
    return ""


@dataclass
class Postgres:
    """A running server."""

    folder: Path
    port: int
    programs: Path
    user: str

    @property
    def url(self) -> str:
        """Return the address of its one database."""
        return f"postgresql+asyncpg://stead@127.0.0.1:{self.port}/postgres"

    def url_of(self, name: str) -> str:
        """Return the address of a database."""
        return f"postgresql+asyncpg://stead@127.0.0.1:{self.port}/{name}"

    def start(self) -> None:
        """Start the server and wait until it answers."""
        options = (
            f"-p {self.port} -c listen_addresses=127.0.0.1"
            f" -c unix_socket_directories={self.folder}"
            # What outlives a crash of the server outlives it without these as well.
            " -c fsync=off -c full_page_writes=off -c autovacuum=off"
        )
        self._run(
            "pg_ctl",
            "-D",
            f"{self.folder}/data",
            "-w",
            "-l",
            f"{self.folder}/log",
            "-o",
            options,
            "start",
        )

    def stop(self) -> None:
        """Stop the server at once, as a crash would."""
        self._run("pg_ctl", "-D", f"{self.folder}/data", "-w", "-m", "immediate", "stop")

    def create(self) -> None:
        """Make an empty cluster whose superuser is stead."""
        self._run(
            "initdb",
            *(
                "-D",
                f"{self.folder}/data",
                "-U",
                "stead",
                "-A",
                "trust",
                "-E",
                "UTF8",
                "--no-sync",
            ),
        )

    def _run(self, program: str, *words: str) -> None:
        command = [str(self.programs / program), *words]
        if os.geteuid() == 0:
            command = ["setpriv", f"--reuid={self.user}", "--clear-groups", *command]
        subprocess.run(command, check=True, capture_output=True, cwd=self.folder, timeout=PATIENCE)


@contextlib.contextmanager
def running_postgres() -> Iterator[Postgres]:
    """Start a fresh server and take it away again."""
    programs = _programs()
    assert programs is not None
    # Hundreds of databases come and go; where memory can hold them they need not reach a disk.
    place = MEMORY if MEMORY.is_dir() else Path(tempfile.gettempdir())
    _sweep(place)
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=place))
    lock = _held(folder)
    assert lock is not None
    user = "postgres"
    if os.geteuid() == 0:
        os.chown(folder, pwd.getpwnam(user).pw_uid, -1)
    server = Postgres(folder, free_port(), programs, user)
    try:
        server.create()
        server.start()
        yield server
    finally:
        with contextlib.suppress(subprocess.CalledProcessError):
            server.stop()
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def _held(folder: Path) -> int | None:
    """Return a lock that says a server's test still runs; None when somebody else has it."""
    number = os.open(folder / "held", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC)
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(number)
        return None
    return number


def _sweep(place: Path) -> None:
    """Take away what tests that were killed have left."""
    for mark in place.glob(f"{PREFIX}*/held"):
        with contextlib.suppress(FileNotFoundError):
            lock = _held(mark.parent)
            if lock is not None:
                shutil.rmtree(mark.parent, ignore_errors=True)
                os.close(lock)


def _programs() -> Path | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    return found[-1] if found else None
