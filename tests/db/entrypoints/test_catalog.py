"""The catalog over HTTP: search, the published schema, broken packages."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from tests.factories.platform import Platform

from stead.catalog import public as catalog
from stead.core.authz import Role

PUBLISHED = (Path(__file__).parents[3] / "docs/reference/manifest.schema.json").read_text()


@pytest.fixture
async def token(platform: Platform) -> str:
    person = await platform.person("Ada", **{await platform.project("main"): Role.VIEWER})
    return await platform.token(person)


async def test_apps_are_found_by_text_category_and_tag(platform: Platform, token: str):
    async with platform.api(token) as api:
        found = (await api.get("/api/v1/catalog", params={"q": "key-value STORE"})).json()
        assert [app["id"] for app in found] == ["redis"]
        by_tag = (await api.get("/api/v1/catalog", params={"tag": "relational"})).json()
        assert [app["id"] for app in by_tag] == ["mariadb", "postgresql"]
        none = await api.get("/api/v1/catalog", params={"category": "databases", "q": "nginx"})
        assert none.json() == []


async def test_an_app_tells_what_it_opens_and_needs(platform: Platform, token: str):
    async with platform.api(token) as api:
        found = (await api.get("/api/v1/catalog/node-exporter")).json()
    assert found["services"][0]["public"] is False
    assert found["systems"] == "Debian 12 or newer"


async def test_an_app_that_nobody_could_prove_says_why(platform: Platform, token: str):
    async with platform.api(token) as api:
        apps = {app["id"]: app for app in (await api.get("/api/v1/catalog")).json()}
    assert "cannot reach" in apps["nextcloud"]["unproven"]
    assert apps["nextcloud"]["tested"] is None
    assert apps["nginx"]["unproven"] is None


async def test_the_schema_is_the_published_one(platform: Platform, token: str):
    async with platform.api(token) as api:
        served = (await api.get("/api/v1/catalog/schema")).json()
    assert served == json.loads(PUBLISHED), "write the schema anew: stead catalog schema"


async def test_what_is_wrong_with_a_package_is_told_to_administrators_alone(
    platform: Platform, token: str
):
    problem = catalog.Problem("manifest.yml", 3, "is wrong", "correct it")
    broken = catalog.BrokenPackage(Path("/srv/packages/odd"), (problem,))
    platform.services.add(replace(platform.deployments.catalog, broken=(broken,)))
    async with platform.api(token) as api:
        assert (await api.get("/api/v1/catalog/broken")).json() == [
            {"folder": "odd", "problems": []}
        ]
        assert len((await api.get("/api/v1/catalog")).json()) == len(
            platform.deployments.catalog.packages
        )
