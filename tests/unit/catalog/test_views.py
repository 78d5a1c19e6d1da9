from pathlib import Path

from tests.unit.catalog.builders import folder, manifest

from stead.catalog import views
from stead.catalog.loader import load


def test_apps_are_found_by_every_word_by_category_and_by_tag(tmp_path: Path):
    folder(tmp_path, "alpha", category="web", tags=["blog"], summary="Writes pages")
    folder(tmp_path, "beta", category="data", tags=["sql"], summary="Keeps rows")
    catalog = load([tmp_path])

    def names(**wanted: str) -> list[str]:
        return [package.manifest.id for package in views.found(catalog.packages, **wanted)]

    assert names() == ["alpha", "beta"]
    assert names(words="PAGES writes") == ["alpha"]
    assert names(words="pages rows") == []
    assert names(words="sql") == ["beta"]
    assert names(category="data") == ["beta"]
    assert names(tag="blog") == ["alpha"]
    assert names(tag="blog", category="data") == []


def test_a_package_that_nobody_proved_says_so(tmp_path: Path):
    folder(tmp_path)
    assert views.card(load([tmp_path]).get("demo")).badge.label == "Not tested"


def test_what_is_private_is_called_private():
    services = [
        {"name": "web", "protocol": "http", "port": 80},
        {"name": "figures", "protocol": "http", "port": 9100, "exposure": "private"},
    ]
    told = views.exposed(manifest(services=services))
    assert [one.public for one in told] == [True, False]
    assert "inside the project only" in told[1].how


def test_systems_are_told_in_words():
    needs = {"family": ["debian", "ubuntu"], "min_version": {"debian": "12"}}
    assert views.systems(manifest(os_requirements=needs)) == "Debian 12 or newer or Ubuntu"
