"""What the proxies are told, word for word; regenerate with STEAD_GOLDEN=1 and read the diff."""

import json
import os
from pathlib import Path

import pytest

from stead.edge import nginx, traefik
from stead.edge.nginx import Places
from stead.edge.snapshot import HttpRoute, TcpRoute
from stead.edge.traefik import Listen
from stead.edge.values import KeyPair, Rendered

GOLDEN = Path(__file__).parent / "golden"
PLACES = Places(
    module=Path("/usr/lib/nginx/modules/ngx_stream_module.so"),
    pid=Path("/state/nginx/pid"),
    log=Path("/state/nginx/error.log"),
    generation_socket=Path("/state/nginx.sock"),
)
DEFAULT = KeyPair(Path("/state/unknown.crt"), Path("/state/unknown.key"))


def compare(name: str, text: str) -> None:
    path = GOLDEN / name
    if os.environ.get("STEAD_GOLDEN"):  # noqa: TID251  (asked for by the person who runs it)
        path.write_text(text)
    assert text == path.read_text()


def routes(*names: str) -> list[HttpRoute]:
    return [
        HttpRoute(
            id=name,
            host=f"{name}.apps.test",
            backends=("http://10.90.1.10:80", "http://[fd00::10]:80"),
            certificate="wild",
        )
        for name in names
    ]


def ports(*numbers: int) -> list[TcpRoute]:
    backends = ("10.90.1.11:6379", "[fd00::11]:6379")
    return [TcpRoute(id=f"port-{n}", port=n, backends=backends) for n in numbers]


def dynamic(given: list[HttpRoute]) -> Rendered:
    held = {"wild": KeyPair(Path("/state/c/1.crt"), Path("/state/c/1.key"))}
    control = "http://127.0.0.1:8080"
    return traefik.dynamic(given, held, default=DEFAULT, token="ste_secret", control=control)


def test_traefik_static_configuration():
    listen = Listen(address="", http_port=80, https_port=443, api_port=39001)
    text = traefik.static(
        listen,
        dynamic=Path("/state/traefik/dynamic/edge.yml"),
        log=Path("/state/traefik/traefik.log"),
        access_log=Path("/state/traefik/access.log"),
    )
    compare("traefik-static.yml", text)


def test_traefik_with_two_routes():
    compare("traefik-two-routes.yml", dynamic(routes("shop", "blog")).text)


def test_traefik_answers_for_an_app_that_is_stopped():
    shop, blog = routes("shop", "blog")
    given = [shop, blog.model_copy(update={"stopped": True})]
    compare("traefik-stopped.yml", dynamic(given).text)


def test_traefik_with_nothing_to_serve():
    text = traefik.dynamic((), {}, default=DEFAULT, token="ste_secret").text
    compare("traefik-empty.yml", text)
    assert "services" not in json.loads(text)["http"]


def test_nginx_with_two_routes_on_all_addresses():
    compare("nginx-two.conf", nginx.render(ports(20001, 20002), ("0.0.0.0", "[::]"), PLACES).text)  # noqa: S104  (text only)


def test_nginx_with_nothing_to_serve():
    compare("nginx-empty.conf", nginx.render((), ("127.0.0.1",), PLACES).text)


def test_a_generation_changes_exactly_with_its_configuration():
    assert dynamic(routes("a")) == dynamic(routes("a"))
    assert dynamic(routes("a")).generation != dynamic(routes("b")).generation
    assert dynamic(routes("a")).generation in dynamic(routes("a")).text
    one, two = (nginx.render(ports(n), ("127.0.0.1",), PLACES) for n in (20001, 20002))
    assert one.generation != two.generation
    assert one.generation in one.text


def test_a_router_name_leads_back_to_its_route_and_own_routers_to_none():
    router = next(iter(json.loads(dynamic(routes("shop")).text)["http"]["routers"]))
    assert traefik.route_id(f"{router}@file") == "shop"
    assert traefik.route_id("stead-unknown@file") is None
    assert traefik.route_id("web-to-websecure@internal") is None


def test_nothing_in_a_configuration_looks_like_a_template():
    assert "{{" not in dynamic(routes("shop")).text


@pytest.mark.parametrize(
    ("message", "guilty"),
    [
        (
            "nginx: [emerg] bind() to 127.0.0.1:20002 failed (98: Address already in use)",
            "port-20002",
        ),
        ("nginx: [emerg] bind() to [::]:20001 failed (13: Permission denied)", "port-20001"),
        ("nginx: [emerg] bind() to unix:/state/nginx.sock failed (98: in use)", None),
        ("nginx: [emerg] unknown directive in /state/nginx/staged.conf:2", None),
        ("something else", None),
    ],
)
def test_a_complaint_is_pinned_on_the_route_it_is_about(message: str, guilty: str | None):
    given = ports(20001, 20002)
    text = nginx.render(given, ("127.0.0.1",), PLACES).text
    assert nginx.blame(message, text, given) == guilty


def test_a_complaint_about_a_line_is_pinned_on_the_block_it_stands_in():
    given = ports(20001, 20002)
    lines = nginx.render(given, ("127.0.0.1",), PLACES).text.splitlines()
    for route in given:
        number = lines.index(f"        proxy_pass route-{route.id};") + 1
        message = f"nginx: [emerg] host not found in /state/staged.conf:{number}"
        assert nginx.blame(message, "\n".join(lines), given) == route.id


def test_a_port_counts_as_ours_only_when_it_is_listened_on():
    text = nginx.render(ports(20001), ("0.0.0.0", "[::]"), PLACES).text  # noqa: S104  (text only)
    assert nginx.listens_on(text, 20001)
    assert not nginx.listens_on(text, 2000)
    assert not nginx.listens_on(text, 6379)
