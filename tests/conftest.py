"""Fixtures that many tests share: the base image, an Incus and a whole Stead, made once."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from tests.support import quicker
from tests.support.incus import ROOT, Incus, running_incus, why_not
from tests.support.stead import Stead

WORKER = os.environ.get("PYTEST_XDIST_WORKER", "")
LANE = Path(os.environ.get("STEAD_TEST_STATE", "/var/lib/stead-test"))
STATE = LANE / WORKER
# How long an example takes says more about the machine than about the code.
settings.register_profile(
    "any-machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any-machine")
quicker.share_compiled_statements()
quicker.interrupt_plainly()
# Lanes and their workers run side by side on one machine, each with a network of its own.
LANES = ("", "integration", "chaos", "browser")
MOST_WORKERS = 4
TEST_PACKAGES = ROOT / "tests" / "packages"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let people choose which databases the tests in tests/db run on."""
    parser.addoption(
        "--database",
        choices=("sqlite", "postgresql", "both"),
        default="sqlite",
        help="what tests/db runs on; script/test says both",
    )


@pytest.fixture(scope="session")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the base image, built by the script that users run."""
    reason = why_not()
    if reason:
        pytest.skip(f"containers cannot be tested: {reason}")
    out = tmp_path_factory.mktemp("image")
    subprocess.run([str(ROOT / "script" / "base-image"), str(out)], check=True, timeout=600)
    return out


@pytest.fixture(scope="session")
def incus(images: Path) -> Iterator[Incus]:
    """Return an Incus of the tests' own."""
    with running_incus(STATE / "incus", images) as daemon:
        yield daemon


@pytest.fixture(scope="session")
def stead(incus: Incus, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stead]:
    """Return a running Stead with the built-in catalog and the tests' quick app."""
    lane = LANES.index(LANE.name) if LANE.name in LANES else 0
    worker = int(WORKER.removeprefix("gw") or 0)
    assert worker < MOST_WORKERS, "there are networks for fewer workers"
    place = lane * MOST_WORKERS + worker
    one = Stead(
        tmp_path_factory.mktemp("stead"),
        incus,
        network=f"10.{120 + place}.0.0/16",
        packages=(TEST_PACKAGES,),
        tcp_first=20000 + place * 100,
    )
    one.prepare()
    try:
        one.start()
        yield one
    finally:
        one.stop()
