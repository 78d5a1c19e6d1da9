import hashlib
import hmac
import json
from datetime import UTC, datetime

import pytest

from stead.webhooks import rules
from stead.webhooks.rules import Envelope, Event

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_the_signature_binds_the_time_and_every_byte_of_the_body():
    found = rules.headers("d1", "job.failed", '{"a":1}', ("one", "two"), NOW)
    stamp = found["stead-timestamp"]
    assert stamp == str(int(NOW.timestamp()))
    wanted = [
        hmac.new(key, f'{stamp}.{{"a":1}}'.encode(), hashlib.sha256).hexdigest()
        for key in (b"one", b"two")
    ]
    assert found["stead-signature"] == f"v1={wanted[0]},v1={wanted[1]}"
    assert (found["stead-delivery"], found["stead-event"]) == ("d1", "job.failed")


def test_a_body_says_what_it_is_about():
    envelope = Envelope("d1", "job.failed", NOW, "p1", "main")
    told = json.loads(rules.body(envelope, {"job": {"id": "j1"}}))
    assert told["id"] == "d1"
    assert told["project"] == {"id": "p1", "name": "main"}
    assert told["job"] == {"id": "j1"}


@pytest.mark.parametrize(
    ("kind", "state", "told"),
    [
        ("deployment.deploy", "succeeded", ["deployment.live", "operation.succeeded"]),
        ("deployment.deploy", "cancelled", ["deployment.failed", "operation.cancelled"]),
        ("deployment.deploy", "undo_failed", ["deployment.failed", "operation.stuck"]),
        ("deployment.remove", "succeeded", ["deployment.removed", "operation.succeeded"]),
        ("deployment.remove", "undo_failed", ["operation.stuck"]),
        ("machine.job", "failed", ["operation.failed"]),
    ],
)
def test_how_an_operation_ended_is_told_as(kind: str, state: str, told: list[str]):
    assert rules.events_of(kind, state) == told


def test_it_is_tried_less_and_less_often_and_then_given_up():
    pauses = [rules.pause_after(tries) for tries in range(1, 10)]
    tried = [one for one in pauses if one is not None]
    assert tried == sorted(tried)
    assert len(tried) == 7
    assert pauses[7:] == [None, None]


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example.org/",
        "https:///path",
        "https://name:word@hooks.example.org/",
        "https://hooks.example.org/#part",
        "https://hooks.example.org/a b",
        "https://hooks.example.org/\n",
        "https://hooks.example.org:0/",
        "https://hooks.example.org:99999/",
        "https://[::1/",
        "https://höoks.example.org/",
        "ftp://hooks.example.org/",
        "https://hooks.example.org/" + "x" * 1000,
        "",
    ],
)
def test_addresses_that_cannot_be_told(url: str):
    assert rules.url_problem(url)


def test_an_address_with_a_path_a_query_and_a_port_is_good():
    assert rules.url_problem("https://hooks.example.org:8443/a/b?token=c") == ""


def test_an_answer_is_cut_and_can_be_stored():
    assert rules.readable(b"ok\n\x00\x1b[31m\xff" + b"x" * 5000).startswith(
        "ok\n\ufffd\ufffd[31m\ufffd"
    )
    assert len(rules.readable(b"x" * 5000)) == rules.ANSWER_LENGTH


def test_every_event_has_a_name_that_fits():
    assert all(len(event) <= 40 and "." in event for event in Event)
