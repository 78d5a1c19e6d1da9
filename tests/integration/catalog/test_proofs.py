"""The prover on real guests: it accepts what works and finds what does not."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.support.incus import Incus

from stead.catalog import loader, scaffold
from stead.catalog.loader import BUILT_IN, Package, load
from stead.catalog.proving.journey import prove
from stead.catalog.proving.lab import Lab, given_lab
from stead.catalog.records import Record

# Quick ones of three kinds: a database, a web server, an app with a page of its own.
ALWAYS = ("redis", "caddy", "alertmanager")
# From Python's index, which takes twice as long.
BEFORE_IT_LANDS = ("datasette",)
BUILT_IN_PACKAGES = load([BUILT_IN]).packages
CHANGED = [
    name for name, one in BUILT_IN_PACKAGES.items() if one.tested is None and one.unproven is None
]
pytestmark = pytest.mark.timeout(900)


@pytest.fixture
async def lab(incus: Incus, images: Path) -> AsyncIterator[Lab]:
    async with given_lab(incus.folder, images) as found:
        yield found


async def proven(lab: Lab, package: Package, earlier: Package | None = None) -> Record:
    said: list[str] = []
    found = await prove(lab, package, said.append, earlier)
    print("\n".join([package.manifest.id, *said]))  # noqa: T201 - shown when it fails
    return found


@pytest.mark.parametrize(
    "name",
    [
        *sorted({*ALWAYS, *CHANGED}),
        *(pytest.param(one, marks=pytest.mark.release) for one in {*BEFORE_IT_LANDS} - {*CHANGED}),
    ],
)
async def test_a_package_does_what_it_says(lab: Lab, name: str):
    earlier = loader.find_earlier(BUILT_IN / name)
    found = await proven(lab, BUILT_IN_PACKAGES[name], earlier)
    assert found.result == "proven", found.reason


FAULTS = {
    "it forgets its data": (
        "backup.sh",
        "-C /var/lib/odd -cf",
        "--exclude=*.txt -C /var/lib/odd -cf",
    ),
    "its check looks at nothing": ("check.sh", '[ "$(http_status', 'true || [ "$(http_status'),
    "it ignores a changed input": ("install.sh", "printf '%s\\n' \"$TEXT\"", "echo It works"),
    "it leaves something behind": ("uninstall.sh", " /var/lib/odd\n", "\n"),
}
WORDS = (
    "not so: the marker is back",
    "proves nothing",
    "change is in effect",
    "uninstalling leaves",
)


@pytest.mark.release
@pytest.mark.parametrize(("fault", "words"), [*zip(FAULTS, WORDS, strict=True)])
async def test_a_package_that_only_pretends_is_found_out(
    lab: Lab, tmp_path: Path, fault: str, words: str
):
    folder = tmp_path / "odd"
    scaffold.write(folder)
    script, right, wrong = FAULTS[fault]
    text = (folder / script).read_text()
    assert right in text
    (folder / script).write_text(text.replace(right, wrong))
    found = await proven(lab, loader.load_package(folder))
    assert found.result == "failed"
    assert words in found.reason


@pytest.mark.release
async def test_a_new_package_is_proven_and_upgraded_from_the_one_before(lab: Lab, tmp_path: Path):
    scaffold.write(tmp_path / "odd")
    shutil.copytree(tmp_path / "odd", tmp_path / "older" / "odd")
    manifest = tmp_path / "odd" / "manifest.yml"
    manifest.write_text(manifest.read_text().replace("version: 0.1.0", "version: 0.2.0"))
    earlier = loader.load_package(tmp_path / "older" / "odd")
    found = await proven(lab, loader.load_package(tmp_path / "odd"), earlier)
    assert found.result == "proven", found.reason
    assert "upgraded from 0.1.0" in found.notes
    assert {"install", "change", "backup", "restore", "upgrade", "uninstall"} < set(found.seconds)
    assert await lab.check("list", "proof-", "-cn", "-fcsv") == ""
