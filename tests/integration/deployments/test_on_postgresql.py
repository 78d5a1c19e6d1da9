"""The whole flow with PostgreSQL as the only state: what SQLite is for one machine."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tests.conftest import TEST_PACKAGES
from tests.support import postgres
from tests.support.incus import Incus
from tests.support.stead import Stead


@pytest.fixture
def stead_on_postgresql(incus: Incus, tmp_path: Path) -> Iterator[Stead]:
    reason = postgres.why_not()
    if reason:
        pytest.skip(f"PostgreSQL cannot be tested: {reason}")
    with postgres.running_postgres() as server:
        one = Stead(
            tmp_path,
            incus,
            network="10.95.0.0/16",
            packages=(TEST_PACKAGES,),
            tcp_first=24000,
            database=server.url,
        )
        one.prepare()
        try:
            one.start()
            yield one
        finally:
            one.stop()


@pytest.mark.release
@pytest.mark.timeout(120)
def test_an_app_is_deployed_served_and_removed(stead_on_postgresql: Stead, incus: Incus):
    one = stead_on_postgresql
    one.admin("cli-login")
    said = one.cli("deploy", "quick", "--name", "onpg")
    assert "onpg is live" in said
    with one.http() as http:
        answer = http.get(f"https://onpg.apps.stead.localhost:{one.https_port}/")
    assert (answer.status_code, answer.text) == (httpx.codes.OK, "it works\n")
    assert "onpg is gone" in one.cli("remove", "onpg", "--yes")
    assert not [name for name in incus.instances() if name.startswith("onpg")]
    assert not (one.data / "stead.db").exists()
