"""Figures for Prometheus, and who gets them."""

import httpx
import pytest
from tests.factories.agents import enrolled, request
from tests.factories.platform import ORIGIN, Platform

from stead.agents import public as agents
from stead.core.authz import Role

PATHS = ("/metrics", "/api/metrics")


async def ask(platform: Platform, path: str, address: str = "127.0.0.1", **headers: str) -> str:
    transport = httpx.ASGITransport(platform.control, client=(address, 40000))
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    async with httpx.AsyncClient(transport=transport, base_url=ORIGIN, headers=named) as http:
        answer = await http.get(path)
        return answer.text if answer.status_code == 200 else ""


@pytest.mark.parametrize("path", PATHS)
async def test_figures_are_told_to_who_asks_directly_here(platform: Platform, path: str):
    told = await ask(platform, path)
    assert "process_resident_memory_bytes" in told
    assert "stead_http_requests_total" in told


@pytest.mark.parametrize("path", PATHS)
async def test_nobody_else_hears_that_they_are_there(platform: Platform, path: str):
    assert await ask(platform, path, address="10.0.0.7") == ""
    assert await ask(platform, path, address="unknown") == ""
    assert await ask(platform, path, X_Forwarded_For="203.0.113.9") == ""
    assert await ask(platform, path, X_Forwarded_For="127.0.0.1") == ""
    assert await ask(platform, path, Forwarded="for=127.0.0.1") == ""


async def test_requests_are_counted_by_route_and_never_by_what_is_in_them(platform: Platform):
    ada = await platform.person("Ada", **{await platform.project("main"): Role.OWNER})
    async with platform.api(await platform.token(ada)) as api:
        for number in range(3):
            await api.get(f"/api/v1/operations/invented-{number}")
            await api.get(f"/nothing/invented-{number}")
            await api.request(f"INVENTED{number}", "/api/v1/me")
    told = await ask(platform, "/metrics")
    route = 'method="GET",route="/api/v1/operations/{operation_id}",status="404"'
    assert f"stead_http_requests_total{{{route}}} 3.0" in told
    assert "invented" not in told.lower()


async def test_operations_are_counted_by_state(platform: Platform):
    ada = await platform.person("Ada", **{await platform.project("main"): Role.OWNER})
    async with platform.api(await platform.token(ada)) as api:
        await api.post("/api/v1/deployments", json={"app": "redis"})
    assert 'stead_operations{state="queued"} 1.0' in await ask(platform, "/metrics")


async def test_health_has_the_alias_that_monitors_ask_for(platform: Platform):
    async with platform.api() as api:
        health, alias = await api.get("/healthz"), await api.get("/api/health")
    assert alias.status_code == 200
    assert alias.json() == health.json()


async def test_work_of_agents_is_told_by_app_and_class(platform: Platform):
    async with platform.agent() as http:
        agent = await enrolled(platform, http)
        for number, code in enumerate((0, 3, None)):
            async with platform.database.write() as uow:
                await agents.ensure_job(uow, request(agent, key=f"op:{number}"))
            if code is not None:
                job = await agent.claim()
                assert job is not None
                await agent.report(job, "failed" if code else "done", exit_code=code)
    told = await ask(platform, "/metrics")
    assert "stead_jobs_queued 1.0" in told
    assert 'stead_job_success_ratio{app="redis"} 0.5' in told
    assert 'stead_job_failures{class="configuration"} 1.0' in told
    assert 'stead_agents{health="online"} 1.0' in told
    assert 'stead_job_mean_seconds{app="redis"}' in told
