"""A driver is one folder and one line: begun by a command, found by name, judged by the suite."""

import importlib
import re
import sys
from collections.abc import Callable, Iterator
from ipaddress import IPv4Network
from pathlib import Path

import pytest
from tools import driver

from stead.engines import connections, registry
from stead.engines.conformance.scorecard import run_all
from stead.engines.conformance.suite import BEHAVIOURS
from stead.engines.conformance.trial import Target
from stead.engines.errors import InvalidError, UnsupportedError
from stead.engines.port import EngineDriver
from stead.engines.values import NetworkSpec

LINE = 'acme = "stead.engines.drivers.acme.driver:open_driver"'
OPTIONS = {"url": "https://acme.example.com", "token": "t"}
NETWORKS = [
    NetworkSpec(f"n{number}", cidr, cidr[1], 8444)
    for number, cidr in enumerate(IPv4Network("10.101.0.0/21").subnets(new_prefix=22))
]
# A driver of somebody else: all that it takes is in its own folder.
WHOLE = """
from stead.engines.drivers.simulator import driver

def open_driver(options):
    return driver.open_driver({"time": "jump", "images": "stead-base", **options})
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "src/stead/engines/drivers").mkdir(parents=True)
    project = (driver.ROOT / "pyproject.toml").read_text(encoding="utf-8")
    (tmp_path / "pyproject.toml").write_text(project, encoding="utf-8")
    return tmp_path


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Path], None]]:
    """Return what makes a folder an installed distribution that offers the engine acme."""

    def make(package: Path) -> None:
        info = package.parent / "acme-1.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1\n")
        (info / "entry_points.txt").write_text(
            f"[stead.engines]\nacme = {package.name}.driver:open_driver\n"
        )
        monkeypatch.syspath_prepend(package.parent)
        importlib.invalidate_caches()

    connections._read.cache_clear()
    yield make
    connections._read.cache_clear()
    for name in [one for one in sys.modules if one.split(".")[0] == "acme_engine"]:
        del sys.modules[name]


def test_a_folder_and_a_line_are_all_that_is_touched(root: Path):
    before = (root / "pyproject.toml").read_text(encoding="utf-8").splitlines()
    written = driver.write("acme", root)
    after = (root / "pyproject.toml").read_text(encoding="utf-8").splitlines()
    assert [line for line in after if line not in before] == [LINE]
    assert [line for line in after if line != LINE] == before
    assert {one.parent.name for one in written} == {"acme", root.name}
    drafted = "".join(one.read_text() for one in written[:-1])
    assert "https://acme.example.com" in drafted
    assert not re.search(r"\bsample", drafted, re.IGNORECASE)


@pytest.mark.parametrize("name", ["", "Acme", "a", "a-b", "../x", "x" * 21, "incus"])
def test_what_cannot_be_a_new_driver_writes_nothing(root: Path, name: str):
    before = (root / "pyproject.toml").read_text(encoding="utf-8")
    with pytest.raises(driver.DraftError):
        driver.write(name, root)
    assert (root / "pyproject.toml").read_text(encoding="utf-8") == before
    assert not list((root / "src/stead/engines/drivers").iterdir())


def test_a_draft_is_not_written_over(root: Path):
    driver.write("acme", root)
    with pytest.raises(driver.DraftError, match="there already"):
        driver.write("acme", root)


async def test_a_draft_is_found_and_says_what_it_lacks(
    root: Path, install: Callable[[Path], None]
):
    driver.write("acme", root)
    package = root / "acme_engine"
    (root / "src/stead/engines/drivers/acme").rename(package)
    install(package)
    assert "acme" in registry.names()
    assert connections.of("acme").secrets() == {"token"}
    with pytest.raises(InvalidError, match="token"):
        registry.connect("acme", {"url": "https://acme.example.com"})
    found = registry.connect("acme", OPTIONS)
    assert isinstance(found, EngineDriver)
    with pytest.raises(UnsupportedError, match="no health yet"):
        await run_all(Target(found, lambda: found, "x", *NETWORKS), BEHAVIOURS, ())  # type: ignore[arg-type]


async def test_a_whole_driver_of_others_passes_the_suite(
    tmp_path: Path, install: Callable[[Path], None]
):
    package = tmp_path / "acme_engine"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "driver.py").write_text(WHOLE)
    (package / "required.toml").write_text('usable = ["containers", "snapshots"]\n')
    install(package)
    found = registry.connect("acme", {})
    try:
        target = Target(found, lambda: found, "stead-base", *NETWORKS, alone=True)  # type: ignore[arg-type]
        card = await run_all(target, BEHAVIOURS, registry.required("acme"))
    finally:
        await found.close()
    assert card.passed, card.text()
