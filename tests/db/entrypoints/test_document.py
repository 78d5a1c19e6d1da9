"""The OpenAPI document shows an example of every body and answer, and each of them fits."""

from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest
from tests.factories.platform import Platform
from tests.support.attack.filling import SHARED
from tests.support.attack.surface import served, targets
from tests.support.attack.world import populate

from stead.entrypoints.examples import JSON


@pytest.fixture
def document(platform: Platform) -> dict[str, Any]:
    return served(platform.control).openapi()


def shown(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Return everything in JSON that requests bring or successes answer with."""
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            body = operation.get("requestBody", {}).get("content", {})
            if JSON in body:
                yield f"{method} {path} body", body[JSON]
            for status, answer in operation["responses"].items():
                content = answer.get("content", {})
                if status.startswith("2") and JSON in content:
                    yield f"{method} {path} {status}", content[JSON]


def test_every_body_and_answer_has_an_example_that_fits(document: dict[str, Any]):
    found = dict(shown(document))
    missing = [where for where, content in found.items() if "example" not in content]
    wrong = {}
    for where, content in found.items():
        schema = {**content["schema"], "components": document["components"]}
        faults = jsonschema_rs.Draft202012Validator(schema).iter_errors(content["example"])
        if said := [fault.message for fault in faults]:
            wrong[where] = said
    assert len(found) > 60
    assert (missing, wrong) == ([], {})


def test_bodies_of_examples_say_something(document: dict[str, Any]):
    empty = [
        where
        for where, content in shown(document)
        if where.endswith("body") and content["example"] in ({}, None, "…")
    ]
    assert empty == []


async def test_bodies_of_examples_are_understood(platform: Platform, document: dict[str, Any]):
    world = await populate(platform, "main")
    token = await platform.token(await platform.admin("Root"))
    names, misread = SHARED | world.ids, {}
    async with platform.api(token) as api:
        for target in targets(platform.control):
            if not target.body or not target.path.startswith("/api/"):
                continue
            operation = document["paths"][target.path][target.method.lower()]
            body = operation["requestBody"]["content"][JSON]["example"]
            path = target.path.format_map(names)
            answer = await api.request(target.method, path, json=body)
            if answer.status_code == 422 and answer.json()["code"] == "request.malformed":
                misread[str(target)] = answer.text
    assert misread == {}


def test_every_post_takes_a_key_and_every_change_a_version(document: dict[str, Any]):
    told = {
        (method, path): {one["name"] for one in operation.get("parameters", [])}
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
        if path.startswith("/api/v1/")
    }
    posts = {where: names for where, names in told.items() if where[0] == "post"}
    assert posts
    assert all("Idempotency-Key" in names for names in posts.values())
    assert "If-Match" in told["patch", "/api/v1/projects/{project_id}"]


async def test_health_and_metrics_answer_at_both_addresses(platform: Platform):
    async with platform.api() as api:
        for one, other in (("/healthz", "/api/health"), ("/metrics", "/api/metrics")):
            first, second = await api.get(one), await api.get(other)
            assert (first.status_code, second.status_code) == (200, 200)
        assert (await api.get("/healthz")).json() == (await api.get("/api/health")).json()
