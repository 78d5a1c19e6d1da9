"""The wire format accepts exactly what both sides agreed on."""

from typing import Any

import pytest
from hypothesis import given, strategies
from pydantic import ValidationError

from stead.edge.snapshot import Certificate, HttpRoute, Report, RouteReport, Snapshot, TcpRoute


@pytest.mark.parametrize(
    "host",
    [
        "",
        "Shop.test",
        "shop..test",
        "-a.test",
        "a_b.test",
        "a.test.",
        "10.0.0.1",
        "a b",
        "*.test",
        "a`)",
        "a" * 64 + ".test",
        "a." * 127 + "test",
        "shop.test\n",
        "{{x}}.test",
        "ä.test",
    ],
)
def test_a_host_that_is_no_dns_name_is_refused(http_route: dict[str, Any], host: str):
    with pytest.raises(ValidationError):
        HttpRoute.model_validate(http_route | {"host": host})


@pytest.mark.parametrize("host", ["console.stead.localhost", "a.b", "x--1.test", "localhost"])
def test_a_dns_name_is_accepted(http_route: dict[str, Any], host: str):
    assert HttpRoute.model_validate(http_route | {"host": host}).host == host


@pytest.mark.parametrize(
    "backend",
    [
        "10.0.0.1",
        "10.0.0.1:0",
        "10.0.0.1:65536",
        "10.0.0.1:080",
        "10.0.0.01:80",
        "host:80",
        "10.0.0.1:80;",
        " 10.0.0.1:80",
        "10.0.0.1:80\n",
        "fd00::1:80",
        "[FD00::1]:80",
        "[fe80::1]:1",
        "169.254.169.254:80",
        "0.0.0.0:80",
        "224.0.0.1:80",
        "[fd00::1%eth0]:80",
        "[10.0.0.1]:80",
    ],
)
def test_a_backend_that_is_no_address_and_port_is_refused(tcp_route: dict[str, Any], backend: str):
    with pytest.raises(ValidationError):
        TcpRoute.model_validate(tcp_route | {"backends": [backend]})


@pytest.mark.parametrize("backend", ["10.0.0.1:1", "127.0.0.1:8080", "[fd00::1]:65535"])
def test_an_address_and_port_is_accepted(tcp_route: dict[str, Any], backend: str):
    assert TcpRoute.model_validate(tcp_route | {"backends": [backend]}).backends == (backend,)


@pytest.mark.parametrize(
    "backend",
    ["10.0.0.1:80", "https://10.0.0.1:80", "http://10.0.0.1:80/", "http://u@10.0.0.1:80"],
)
def test_an_http_backend_is_a_plain_origin(http_route: dict[str, Any], backend: str):
    with pytest.raises(ValidationError):
        HttpRoute.model_validate(http_route | {"backends": [backend]})


@pytest.mark.parametrize(
    "change",
    [
        {"id": "a.b"},
        {"id": "a b"},
        {"id": ""},
        {"id": "a" * 65},
        {"id": 7},
        {"auth": "sso"},
        {"backends": []},
        {"backends": "10.0.0.1:80"},
        {"port": "20001"},
        {"port": True},
    ],
)
def test_a_route_with_a_wrong_or_unknown_part_is_refused(
    tcp_route: dict[str, Any], change: dict[str, Any]
):
    with pytest.raises(ValidationError):
        TcpRoute.model_validate(tcp_route | change)


@given(strategies.text())
def test_no_text_gets_through_as_a_host_with_syntax_of_a_rule(text: str):
    route = {"id": "x", "host": text, "backends": ["http://10.0.0.1:1"], "certificate": "c"}
    try:
        accepted = HttpRoute.model_validate(route).host
    except ValidationError:
        return
    assert set(accepted) <= set("abcdefghijklmnopqrstuvwxyz0123456789-.")


def test_a_certificate_must_be_pem_and_its_key_is_never_shown(wild: dict[str, str]):
    held = Certificate.model_validate(wild)
    assert wild["key"].splitlines()[2] not in repr(held)
    for change in ({"key": wild["chain"]}, {"chain": wild["key"]}, {"key": "secret-nonsense"}):
        with pytest.raises(ValidationError) as refused:
            Certificate.model_validate(wild | change)
        assert "secret-nonsense" not in str(refused.value)


def test_a_snapshot_survives_the_wire_and_knows_its_tag(
    wild: dict[str, str], http_route: dict[str, Any], tcp_route: dict[str, Any]
):
    body = {"epoch": 3, "version": 7, "http": [http_route], "tcp": [tcp_route]}
    snapshot = Snapshot.model_validate(body | {"certificates": [wild]})
    assert Snapshot.model_validate_json(snapshot.model_dump_json()) == snapshot
    assert snapshot.etag == '"3.7"'
    assert snapshot.order < Snapshot(epoch=4, version=0).order


def test_a_report_is_clean_only_when_all_of_it_is():
    good, bad = RouteReport(ok=True), RouteReport(ok=False, error="no")
    assert Report(epoch=1, version=1, routes={"a": good}).clean
    assert not Report(epoch=1, version=1, routes={"a": good, "b": bad}).clean
    assert not Report(epoch=1, version=1, routes={"a": good}, error="half").clean
