"""What an owner does with an app that runs, in a real container behind a real edge."""

import httpx
import pytest
from tests.integration.deployments.test_bad_days import guest_of, inside
from tests.support.incus import Incus
from tests.support.stead import Stead

pytestmark = pytest.mark.timeout(300)
WRITE = "echo {} > /srv/marked && sync"
READ = "cat /srv/marked"


def visit(stead: Stead, name: str) -> httpx.Response:
    with stead.http() as http:
        return http.get(f"https://{name}.apps.stead.localhost:{stead.https_port}/")


def state_of(incus: Incus, guest: str) -> str:
    return incus.command(
        "list", guest, "--project", incus.project, "--format", "csv", "--columns", "s"
    ).strip()


def test_an_app_stops_starts_and_returns_to_a_snapshot(stead: Stead, incus: Incus):
    stead.admin("cli-login")
    stead.cli("deploy", "quick", "--name", "resting")
    guest = guest_of(incus, "resting")
    assert visit(stead, "resting").status_code == 200
    inside(incus, guest, WRITE.format("then"))

    assert "resting is stopped" in stead.cli("stop", "resting")
    told = visit(stead, "resting")
    assert (told.status_code, "This app is stopped" in told.text) == (503, True)
    assert state_of(incus, guest) == "STOPPED"
    stead.cli("snapshot", "create", "resting", "still", "--note", "at rest")
    assert "resting is live" in stead.cli("start", "resting")
    assert visit(stead, "resting").status_code == 200

    inside(incus, guest, WRITE.format("now"))
    stead.cli("snapshot", "restore", "resting", "still", "--yes")
    assert inside(incus, guest, READ).strip() == "then"
    assert visit(stead, "resting").status_code == 200
    assert "still" in stead.cli("snapshot", "list", "resting")
    stead.cli("snapshot", "delete", "resting", "still", "--yes")
    assert "There is no snapshot" in stead.cli("snapshot", "list", "resting")
    stead.cli("remove", "resting", "--yes")
