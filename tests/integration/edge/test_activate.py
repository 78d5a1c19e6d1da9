"""What the proxies themselves refuse: the guilty route is named, the others stay served.

Validation keeps such routes away, so the tests build them without it.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from stead.edge.activate import Activator
from stead.edge.intake import Intake
from stead.edge.nginx_proxy import NginxProxy
from stead.edge.snapshot import Certificate, HttpRoute, Snapshot, TcpRoute
from stead.edge.state import State
from stead.edge.traefik_proxy import TraefikProxy

DOMAIN = "apps.stead.localhost"


class Activation:
    """An activator with running proxies, without the loop around it."""

    def __init__(self, world: Any) -> None:
        self.state = State(world.settings.state_dir)
        self.state.prepare()
        self.traefik = TraefikProxy(world.settings, self.state)
        self.nginx = NginxProxy(world.settings, self.state)
        self.activator = Activator(self.state, self.traefik, self.nginx)
        self.certificate = Certificate.model_validate(world.certificate)
        self.version = 0

    async def activate(self, http: list[HttpRoute], tcp: list[TcpRoute]) -> Any:
        self.version += 1
        snapshot = Snapshot.model_construct(
            epoch=1,
            version=self.version,
            http=tuple(http),
            tcp=tuple(tcp),
            certificates=(self.certificate,),
        )
        return await self.activator.activate(Intake(snapshot, {}))


@pytest.fixture
async def active(world: Any) -> AsyncIterator[Activation]:
    made = Activation(world)
    await made.traefik.keeper.ensure()
    await made.nginx.keeper.ensure()
    yield made
    await made.traefik.close()
    await asyncio.gather(made.traefik.keeper.stop(), made.nginx.keeper.stop())


def tcp(id_: str, port: int, backend: str) -> TcpRoute:
    return TcpRoute.model_construct(id=id_, port=port, backends=(backend,))


def http(id_: str, host: str, backend: str) -> HttpRoute:
    return HttpRoute.model_construct(id=id_, host=host, backends=(backend,), certificate="wild")


async def test_a_route_that_nginx_refuses_is_left_out(active: Activation, world: Any):
    cache = await world.tcp_backend("cache", 18002)
    good, other = tcp("good", 20001, cache), tcp("other", 20003, cache)
    report = await active.activate([], [good, tcp("bad", 20002, "no such;thing"), other])
    assert {id_: route.ok for id_, route in report.routes.items()} == {
        "good": True,
        "bad": False,
        "other": True,
    }
    assert "emerg" in report.routes["bad"].error
    assert (await world.tcp(20001), await world.tcp(20003)) == ("cache", "cache")


async def test_a_configuration_that_nginx_refuses_entirely_is_rolled_back(
    active: Activation, world: Any, monkeypatch: pytest.MonkeyPatch
):
    cache = await world.tcp_backend("cache", 18002)
    good = tcp("good", 20001, cache)
    assert (await active.activate([], [good])).clean
    config = active.state.nginx / "nginx.conf"
    before = config.read_text()
    monkeypatch.setattr("stead.edge.nginx._STREAM", "    no_such_directive on;\n")
    report = await active.activate([], [good, tcp("new", 20002, cache)])
    assert {id_: route.ok for id_, route in report.routes.items()} == {"good": True, "new": False}
    assert "no_such_directive" in report.error
    assert config.read_text() == before
    assert await world.tcp(20001) == "cache"
    kept = active.activator.last_good(range(20000, 20100))
    assert kept is not None
    assert kept.snapshot.order == (1, 1)
    assert kept.snapshot.tcp == (good,)


async def test_a_port_lost_between_check_and_reload_is_pinned_on_its_route(
    active: Activation, world: Any, monkeypatch: pytest.MonkeyPatch
):
    cache = await world.tcp_backend("cache", 18002)
    good = tcp("good", 20001, cache)
    assert (await active.activate([], [good])).clean
    taken = await asyncio.start_server(lambda *_: None, world.settings.address, 20002)
    monkeypatch.setattr("stead.edge.nginx_proxy.can_listen", lambda _: True)
    report = await active.activate([], [good, tcp("lost", 20002, cache)])
    assert report.routes["good"].ok
    assert "Address already in use" in report.routes["lost"].error
    assert await world.tcp(20001) == "cache"
    taken.close()


async def test_a_route_that_traefik_refuses_is_named_and_the_rest_served(
    active: Activation, world: Any
):
    shop = await world.backend("shop", 18001)
    bad = http("bad", "x`) && No(`", shop)
    report = await active.activate([http("shop", f"shop.{DOMAIN}", shop), bad], [])
    assert report.routes["shop"].ok
    assert not report.routes["bad"].ok
    assert "No" in report.routes["bad"].error
    assert (await world.get("shop"))[0] == 200


async def test_what_traefik_cannot_read_is_rolled_back(
    active: Activation, world: Any, monkeypatch: pytest.MonkeyPatch
):
    shop = await world.backend("shop", 18001)
    first = http("shop", f"shop.{DOMAIN}", shop)
    assert (await active.activate([first], [])).clean
    before = active.state.dynamic.read_text()
    monkeypatch.setattr("stead.edge.traefik_proxy._TAKE_OVER_SECONDS", 1.0)
    monkeypatch.setattr("stead.edge.traefik._files", lambda _: {"noSuchField": "x"})
    report = await active.activate([first, http("new", f"new.{DOMAIN}", shop)], [])
    assert {id_: route.ok for id_, route in report.routes.items()} == {"shop": True, "new": False}
    assert "noSuchField" in report.error
    assert active.state.dynamic.read_text() == before
    assert (await world.get("shop"))[0] == 200


async def test_the_same_snapshot_again_touches_no_proxy(active: Activation, world: Any):
    cache = await world.tcp_backend("cache", 18002)
    shop = await world.backend("shop", 18001)
    routes = [http("shop", f"shop.{DOMAIN}", shop)], [tcp("cache", 20001, cache)]
    assert (await active.activate(*routes)).clean
    files = (active.state.dynamic, active.state.nginx / "nginx.conf")
    before = [path.stat().st_ino for path in files]
    assert (await active.activate(*routes)).clean
    assert [path.stat().st_ino for path in files] == before


async def test_nothing_in_the_state_folder_is_readable_by_others(active: Activation, world: Any):
    shop = await world.backend("shop", 18001)
    await active.activate([http("shop", f"shop.{DOMAIN}", shop)], [])
    assert active.state.root.stat().st_mode & 0o777 == 0o700
    secret = [active.state.last_good, active.state.dynamic, active.state.root / "unknown.key"]
    assert {path.stat().st_mode & 0o777 for path in secret} == {0o600}
