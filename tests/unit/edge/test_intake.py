"""One bad route never takes the others along."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from stead.edge import intake
from stead.edge.intake import Intake, SnapshotError

PORTS = range(20000, 21000)


def parse(**parts: object) -> Intake:
    return intake.parse(json.dumps({"epoch": 1, "version": 2} | parts).encode(), PORTS)


def ids(taken: Intake) -> list[str]:
    return [route.id for route in (*taken.snapshot.http, *taken.snapshot.tcp)]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b'{"epoch":1}',
        b'{"epoch":"1","version":2}',
        b"\xff",
        b"[" * 99999,
        b'{"epoch":1,"version":-1}',
        b'{"epoch":1,"version":2,"http":{}}',
        b'{"epoch":1,"version":1.5}',
    ],
)
def test_what_is_no_snapshot_is_refused_as_a_whole(body: bytes):
    with pytest.raises(SnapshotError):
        intake.parse(body, PORTS)


def test_good_routes_pass_and_bad_ones_are_named(
    wild: dict[str, str], http_route: dict[str, Any], tcp_route: dict[str, Any]
):
    bad_http = http_route | {"id": "bad", "host": "x`"}
    bad_tcp = tcp_route | {"id": "low", "port": 22}
    taken = parse(http=[bad_http, http_route], tcp=[bad_tcp, tcp_route], certificates=[wild])
    assert ids(taken) == ["shop", "cache"]
    assert taken.rejected == {
        "bad": "host: is not a lower-case DNS name",
        "low": "port 22 is not in 20000-20999",
    }
    assert taken.error == ""


@pytest.mark.parametrize(
    ("change", "why"),
    [({"id": "twin"}, "host"), ({"host": "other.apps.test"}, "id")],
)
def test_of_two_that_claim_the_same_the_first_is_served(
    wild: dict[str, str], http_route: dict[str, Any], change: dict[str, str], why: str
):
    twin = http_route | change
    taken = parse(http=[http_route, twin], certificates=[wild])
    assert taken.snapshot.http[0].host == "shop.apps.test"
    assert ids(taken) == ["shop"]
    assert why in taken.rejected[twin["id"]]


def test_an_id_is_one_route_whatever_its_kind(
    wild: dict[str, str], http_route: dict[str, Any], tcp_route: dict[str, Any]
):
    taken = parse(http=[http_route], tcp=[tcp_route | {"id": "shop"}], certificates=[wild])
    assert len(ids(taken)) == 1
    assert "id is used twice" in taken.rejected["shop"]


def test_a_route_fails_with_its_certificate(
    certificate: Callable[..., dict[str, str]], http_route: dict[str, Any]
):
    swapped = certificate("wild", "*.apps.test") | {"key": certificate("x", "x")["key"]}
    cases = {
        "it is not in the snapshot": [],
        "the key does not belong to the certificate": [swapped],
        "it is not for shop.apps.test": [certificate("wild", "*.test", "a.shop.apps.test")],
        "the certificate names no DNS name": [certificate("wild")],
    }
    for why, held in cases.items():
        taken = parse(http=[http_route], certificates=held)
        assert taken.rejected == {"shop": f"certificate wild: {why}"}
        assert taken.snapshot.http == ()


def test_what_has_no_id_is_told_in_the_error_and_without_its_content(
    wild: dict[str, str], http_route: dict[str, Any]
):
    broken = wild | {"id": "bad", "key": "hush"}
    taken = parse(http=[7, http_route | {"id": {}}, http_route], certificates=[broken, wild])
    assert ids(taken) == ["shop"]
    assert "a route without a usable id" in taken.error
    assert "certificate bad" in taken.error
    assert "hush" not in taken.error


def test_five_thousand_routes_are_taken_in(wild: dict[str, str], http_route: dict[str, Any]):
    routes = [http_route | {"id": f"r{n}", "host": f"r{n}.apps.test"} for n in range(5000)]
    assert len(parse(http=routes, certificates=[wild]).snapshot.http) == 5000
