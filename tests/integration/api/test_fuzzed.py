"""Schemathesis against the whole API: nothing breaks it, and it answers as documented."""

import asyncio
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import uvicorn
from tests.factories import databases
from tests.factories.platform import make_platform
from tests.support.incus import free_port
from tests.support.waiting import until

from stead.core.authz import Role

# Cursors, names of apps and fields of lists are known by what there is and not by their form, so
# that many a request that fits the document is refused with a 422 that it names.
LEFT_OUT = "positive_data_acceptance"
# What is too large is refused before it is read.
SETTINGS = """
[checks.negative_data_rejection]
expected-statuses = ["400", "401", "403", "404", "405", "406", "409", "412", "413", "422", "428"]
"""
# Each is asked of a server of its own, so that several cores can share them; what one answer
# says is used in further requests by the last.
PARTS = 4
FRESH, FOLLOWING = "examples,coverage,fuzzing", "stateful"


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[str, str]]:
    """Serve the API on a socket; return its address and an admin's token."""
    file = databases.make_template(tmp_path / "stead.db")
    port, tokens = free_port(), []
    loop = asyncio.new_event_loop()

    async def serve() -> None:
        async with databases.opened(file) as database:
            platform = await make_platform(database, tmp_path)
            owner = await platform.admin("Ada", **{await platform.project("main"): Role.OWNER})
            app = platform.control
            config = uvicorn.Config(app, port=port, lifespan="off", log_level="error")
            server = uvicorn.Server(config)
            tokens.append((server, await platform.token(owner)))
            await server.serve()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()), daemon=True)
    thread.start()
    server, token = until("the server", lambda: tokens and tokens[0], 60)
    until("its socket", lambda: server.started, 60)
    yield f"http://127.0.0.1:{port}", token
    server.should_exit = True
    thread.join(30)
    loop.close()


@pytest.mark.release
@pytest.mark.timeout(240)
@pytest.mark.parametrize(
    ("part", "parts", "phases"),
    [*((part, PARTS, FRESH) for part in range(PARTS)), (0, 1, FOLLOWING)],
)
def test_nothing_that_is_sent_breaks_the_api(
    served: tuple[str, str], tmp_path: Path, part: int, parts: int, phases: str
):
    url, token = served
    paths = sorted(httpx.get(f"{url}/api/openapi.json").json()["paths"])
    chosen = [path for path in paths if path.startswith("/api/v1/")][part::parts]
    (tmp_path / "settings.toml").write_text(SETTINGS)
    done = subprocess.run(
        [
            str(Path(sys.executable).with_name("st")),
            *("--config-file", "settings.toml", "run"),
            f"{url}/api/openapi.json",
            *("--header", f"Authorization: Bearer {token}"),
            *(word for path in chosen for word in ("--include-path", path)),
            # An operation that runs is followed for ever; nobody ends one here. And it learns
            # its own ids from lists, revokes its token and disables its account.
            *("--exclude-path-regex", r"/(events|tokens/\{token_id\}|disable)$"),
            *("--checks", "all", "--exclude-checks", LEFT_OUT),
            *("--phases", phases),
            *("--max-examples", "15"),
            *("--seed", "1"),
            *("--request-timeout", "20"),
            "--continue-on-failure",
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )
    assert done.returncode == 0, done.stdout[-15000:] + done.stderr[-2000:]
    # Else it lost its token on the way, and the rest proves nothing.
    kept = httpx.get(f"{url}/api/v1/me", headers={"Authorization": f"Bearer {token}"})
    assert kept.status_code == httpx.codes.OK
