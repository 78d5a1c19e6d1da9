"""Changing a live app in a real container: seen from outside, and put back with its data."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.conftest import TEST_PACKAGES
from tests.support.incus import Incus
from tests.support.stead import Stead
from tests.support.waiting import until

OPERATION_FAILED = 9
SPOILT = """#!/bin/bash
set -euo pipefail
echo spoilt >/srv/quick/index.html
rm -f /srv/quick/kept.txt
exit 3
"""
UPGRADED = """#!/bin/bash
set -euo pipefail
printf 'upgraded: %s\\n' "$TEXT" >/srv/quick/index.html
"""
pytestmark = [pytest.mark.timeout(300), pytest.mark.release]


@pytest.fixture
def own(incus: Incus, tmp_path: Path) -> Iterator[Stead]:
    """Return a Stead whose packages this test writes."""
    packages = tmp_path / "packages"
    shutil.copytree(TEST_PACKAGES / "quick", packages / "quick")
    one = Stead(
        tmp_path / "stead", incus, network="10.143.0.0/16", packages=(packages,), tcp_first=24300
    )
    one.prepare()
    try:
        one.start()
        one.admin("cli-login")
        yield one
    finally:
        one.stop()


def offer(own: Stead, version: str, upgrade: str) -> None:
    """Put another version into the catalog, which is read as the server starts."""
    place = own.packages[0] / "quick"
    manifest = (place / "manifest.yml").read_text()
    head = manifest.partition("\nupgrade_script:")[0]
    lines = [
        f"version: {version}" if one.startswith("version:") else one for one in head.splitlines()
    ]
    (place / "manifest.yml").write_text("\n".join([*lines, "upgrade_script: upgrade.sh", ""]))
    (place / "upgrade.sh").write_text(upgrade)
    own.kill_serve()
    own.start_serve()
    until("the console through the edge", own.console_answers, 60)


def page(own: Stead, path: str = "/") -> str:
    """Return what visitors see."""
    with own.http() as http:
        return http.get(f"https://page.apps.stead.localhost:{own.https_port}{path}").text.strip()


def test_an_app_is_changed_put_back_and_upgraded_with_its_data(own: Stead, incus: Incus):
    own.cli("deploy", "quick", "--name", "page", "--set", "text=first")
    guest = next(one for one in incus.instances() if one.startswith("page-"))
    incus.command(
        "exec",
        guest,
        "--project",
        incus.project,
        "--",
        "sh",
        "-c",
        "echo data >/srv/quick/kept.txt",
    )
    assert "page is changed" in own.cli("change", "page", "--set", "text=second")
    assert (page(own), page(own, "/kept.txt")) == ("second", "data")
    offer(own, "2.0.0", SPOILT)
    said = own.cli("change", "page", "--to-version", "2.0.0", code=OPERATION_FAILED)
    assert "Putting the disk back as it was" in said
    until("the page again", lambda: page(own) == "second", 60)
    assert page(own, "/kept.txt") == "data"
    assert "1.0.0  live" in own.cli("show", "page")
    offer(own, "3.0.0", UPGRADED)
    assert "page is changed" in own.cli("change", "page", "--to-version", "3.0.0")
    assert (page(own), page(own, "/kept.txt")) == ("upgraded: second", "data")
    assert "3.0.0  live" in own.cli("show", "page")
    own.cli("remove", "page", "--yes")
    assert not [one for one in incus.instances() if one.startswith("page-")]
