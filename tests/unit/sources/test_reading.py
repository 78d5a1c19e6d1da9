"""Which files of a tree are packages, and what is wrong with the others."""

import pytest
from tests.unit.catalog.builders import SCRIPT, described, text

from stead.sources import reading
from stead.sources.errors import RepositoryError
from stead.sources.git import Entry


def entry(path: str, mode: str = "100644", size: int = 10) -> Entry:
    return Entry(mode, path.replace("/", "")[:40].ljust(40, "0"), size, path)


def test_folders_without_a_manifest_are_no_packages():
    grouped = reading._grouped(
        [entry("docs/a.md"), entry("README.md"), entry("demo/manifest.yml"), entry("demo/.x")]
    )
    assert {name: len(files) for name, files in grouped.items()} == {"demo": 1}


def test_packages_of_odd_names_too_many_files_or_too_large_ones_are_refused():
    many = [entry(f"demo/f{at}") for at in range(1001)]
    assert "more than 1000 files" in reading._faults("demo", many)[0]
    assert "larger than 16 MiB" in reading._faults("demo", [entry("demo/a", size=1 << 25)])[0]
    assert reading._faults("dé mo", [entry("dé mo/manifest.yml")])
    assert reading._faults("demo", [entry("demo/a b")])
    assert reading._faults("demo", [entry("demo/" + "d/" * 20 + "f")])
    assert reading._faults("demo", [entry("demo/manifest.yml")]) == []


def test_a_repository_is_bounded(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(reading, "FILES_LIMIT", 3)
    monkeypatch.setattr(reading, "PACKAGES_LIMIT", 1)
    with pytest.raises(RepositoryError, match="more than 3 files"):
        reading._grouped([entry(f"a/{at}") for at in range(4)])
    with pytest.raises(RepositoryError, match="more than 1 packages"):
        reading._grouped([entry("a/manifest.yml"), entry("b/manifest.yml")])


def test_a_package_that_is_wrong_tells_everything_that_is():
    good = {"manifest.yml": text(described(id="demo")), "install.sh": SCRIPT.encode()}
    assert reading.package("demo", good).version == "1.0.0"
    wrong = reading.package("demo", {"manifest.yml": b"id: demo\nnmae: x\n"})
    assert wrong.digest is None
    assert len(wrong.problems) > 3
    assert reading.package("other", good).problems[0].startswith("manifest.yml:1: differs")


def test_prose_does_not_make_another_version_and_a_script_does():
    good = {"manifest.yml": text(described(id="demo")), "install.sh": SCRIPT.encode()}
    first = reading.package("demo", good)
    assert reading.package("demo", {**good, "README.md": b"# Demo"}).digest == first.digest
    changed = reading.package("demo", {**good, "install.sh": SCRIPT.encode() + b"true\n"})
    assert changed.digest != first.digest
