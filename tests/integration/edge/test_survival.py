"""Bad days: who dies, lies or is late, and what is served meanwhile."""

import asyncio
import os
import signal
from typing import Any

import pytest

from stead.edge import loop
from stead.edge.state import StateError

DOMAIN = "apps.stead.localhost"


async def serving(world: Any) -> None:
    """Have one HTTP and one TCP route live."""
    shop = await world.backend("shop", 18001)
    cache = await world.tcp_backend("cache", 18002)
    tcp = {"id": "cache", "port": 20001, "backends": [cache]}
    report = await world.reported(await world.publish([world.http("shop", shop)], [tcp]))
    assert all(route["ok"] for route in report["routes"].values()), report


async def assert_serving(world: Any) -> None:
    assert (await world.get("shop"))[2].startswith("shop\n")
    assert await world.tcp(20001) == "cache"


async def test_serves_on_without_the_control_plane_and_catches_up_when_it_is_back(running: Any):
    await serving(running)
    await running.control.stop()
    await running.until(lambda: running.edge.logged("edge.control.unreachable"))
    await assert_serving(running)
    await running.control.start()
    await running.reported(
        await running.publish([running.http("late", f"http://{running.servers_at(18001)}")])
    )
    assert (await running.get("late"))[0] == 200


async def test_starts_from_the_last_good_snapshot_without_the_control_plane(running: Any):
    await serving(running)
    await running.control.stop()
    assert await running.edge.stop() == 0
    assert running.orphans() == []
    await running.edge.start()
    await running.until(lambda: running.serves("shop"))
    await running.until(lambda: len(running.edge.logged("edge.snapshot.activated")) > 1)
    await assert_serving(running)


async def test_a_killed_edge_leaves_its_proxies_serving_and_the_next_adopts_them(running: Any):
    await serving(running)
    before = running.edge.pid("traefik"), running.edge.pid("nginx")
    await running.edge.kill()
    await assert_serving(running)
    await running.edge.start()
    await running.until(lambda: len(running.edge.logged("edge.proxy.adopted")) == 2)
    assert (running.edge.pid("traefik"), running.edge.pid("nginx")) == before
    shop = f"http://{running.servers_at(18001)}"
    await running.reported(await running.publish([running.http("new", shop)]))
    assert (await running.get("new"))[0] == 200
    assert len(running.edge.logged("edge.proxy.started")) == 2


async def test_changed_static_settings_replace_an_adopted_traefik(running: Any):
    await serving(running)
    old = running.edge.pid("traefik")
    await running.edge.kill()
    running.settings = running.settings.model_copy(update={"https_port": 18444})
    running.edge.settings = running.settings
    await running.edge.start()
    await running.until(lambda: running.serves("shop"))
    assert running.edge.pid("traefik") != old
    await assert_serving(running)


@pytest.mark.parametrize("name", ["traefik", "nginx"])
async def test_a_killed_proxy_is_started_again(running: Any, name: str):
    await serving(running)
    old = running.edge.pid(name)
    os.kill(old, signal.SIGKILL)
    await running.until(lambda: running.edge.pid(name) != old)
    await running.until(lambda: running.serves("shop"))
    await running.until(lambda: _says_cache(running))
    await assert_serving(running)


async def _says_cache(world: Any) -> bool:
    return await world.tcp(20001) == "cache"


async def test_an_adopted_proxy_that_dies_is_started_again(running: Any):
    await serving(running)
    await running.edge.kill()
    await running.edge.start()
    await running.until(lambda: len(running.edge.logged("edge.proxy.adopted")) == 2)
    old = running.edge.pid("traefik")
    os.kill(old, signal.SIGKILL)
    await running.until(lambda: running.edge.pid("traefik") != old)
    await running.until(lambda: running.serves("shop"))


async def test_a_proxy_that_died_with_the_edge_is_started_by_the_next(running: Any):
    await serving(running)
    nginx = running.edge.pid("nginx")
    await running.edge.kill()
    os.kill(nginx, signal.SIGKILL)
    await running.edge.start()
    await running.until(lambda: running.edge.pid("nginx") != nginx)
    await running.until(lambda: _says_cache(running))


async def test_an_older_snapshot_is_ignored(running: Any):
    await serving(running)
    await running.control.publish({"epoch": 0, "version": 99, "http": [], "tcp": []})
    await running.until(lambda: running.edge.logged("edge.snapshot.refused"))
    await assert_serving(running)
    assert "not newer" in running.edge.logged("edge.snapshot.refused")[0]["reason"]
    restored = {"epoch": 2, "version": 1, "certificates": [running.certificate]}
    await running.control.publish(restored)
    await running.until(lambda: running.control.reports[-1]["epoch"] == 2)
    assert (await running.get("shop"))[0] == 404


async def test_nonsense_changes_nothing(running: Any):
    await serving(running)
    for count, nonsense in enumerate((b"[" * 1_000_000, b'{"epoch": "x"}', b"\xff" * 99)):
        await running.control.publish(nonsense)
        await running.until(
            lambda seen=count: len(running.edge.logged("edge.snapshot.refused")) > seen
        )
    await assert_serving(running)


async def test_a_wrong_token_is_named_and_a_right_one_taken_up_at_once(world: Any):
    world.settings.token_file.write_text("ste_wrong")
    await world.edge.start()
    await world.until(lambda: world.control.refused > 1)
    refused = world.edge.logged("edge.token.refused")[0]
    assert str(world.settings.token_file) in refused["reason"]
    assert "ste_wrong" not in world.edge.log.read_text()
    world.settings.token_file.unlink()
    await world.until(
        lambda: "cannot be read" in world.edge.logged("edge.token.refused")[-1]["reason"]
    )
    world.settings.token_file.write_text("ste_right")
    await serving(world)


async def test_invalid_routes_fail_alone(running: Any):
    shop = await running.backend("shop", 18001)
    cache = await running.tcp_backend("cache", 18002)
    taken = await asyncio.start_server(lambda *_: None, running.settings.address, 20007)
    http = [
        running.http("shop", shop),
        running.http("evil", shop, host="a`) || Host(`b"),
        running.http("twin", shop, host=f"shop.{DOMAIN}"),
        running.http("bare", shop, certificate="absent"),
        running.http("far", shop, host="far.example.com"),
        running.http("guarded", shop, auth="sso"),
    ]
    tcp = [
        {"id": "cache", "port": 20001, "backends": [cache]},
        {"id": "low", "port": 22, "backends": [cache]},
        {"id": "taken", "port": 20007, "backends": [cache]},
        {"id": "odd", "port": 20008, "backends": ["cache.test:1;"]},
    ]
    report = await running.reported(await running.publish(http, tcp))
    failed = {id_ for id_, route in report["routes"].items() if not route["ok"]}
    assert failed == {"evil", "twin", "bare", "far", "guarded", "low", "taken", "odd"}
    assert all(report["routes"][id_]["error"] for id_ in failed)
    assert "in use by another program" in report["routes"]["taken"]["error"]
    await assert_serving(running)
    taken.close()


async def test_a_port_that_becomes_free_is_served_without_a_new_snapshot(running: Any):
    running.control.patience = 0.3
    cache = await running.tcp_backend("cache", 18002)
    taken = await asyncio.start_server(lambda *_: None, running.settings.address, 20007)
    tcp = [{"id": "cache", "port": 20007, "backends": [cache]}]
    version = await running.publish([], tcp)
    assert not (await running.reported(version))["routes"]["cache"]["ok"]
    taken.close()
    await taken.wait_closed()
    await running.until(lambda: running.control.report(version)["routes"]["cache"]["ok"])
    assert await running.tcp(20007) == "cache"


async def test_a_second_edge_on_the_same_folder_refuses_to_start(running: Any):
    await serving(running)
    with pytest.raises(StateError, match="another edge is using it"):
        await loop.run(running.settings, ending=asyncio.Event())
    with pytest.raises(StateError, match="another edge is using it"):
        await loop.stop(running.settings)
    await assert_serving(running)


async def test_stop_ends_what_a_killed_edge_left_behind(running: Any):
    await serving(running)
    await running.edge.kill()
    assert len(running.orphans()) == 2
    await loop.stop(running.settings)
    assert running.orphans() == []
    assert await running.tcp(20001) == "ConnectionRefusedError"
    running.edge.process = None
