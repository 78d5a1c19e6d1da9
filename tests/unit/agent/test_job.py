"""Signed payloads that say nonsense: refused with a reason, or not answered at all."""

import json

import pytest

from stead_agent import job
from stead_agent.job import RefusedError, UnusableError

GOOD: dict[str, object] = {
    "agent": "me",
    "job": "01k9z3v7m2q8r4t6w0x1y5b7d0",
    "attempt": 1,
    "nonce": "f" * 32,
    "expires": 1900000000,
    "package": {"id": "demo", "version": "1", "digest": "ab" * 32},
    "script": "install.sh",
    "inputs": {"title": "x"},
    "secrets": ["password"],
    "timeout": 60,
}


def test_whole_job_is_understood():
    order = job.parse_order(GOOD)
    assert (order.package_id, order.script, order.timeout) == ("demo", "install.sh", 60)
    assert (order.inputs, order.secrets) == ({"title": "x"}, ("password",))
    assert job.parse_ticket(GOOD).running == "01k9z3v7m2q8r4t6w0x1y5b7d0:1"


@pytest.mark.parametrize("script", ["upgrade.sh", "set_up-2.sh"])
def test_script_may_have_any_name_that_is_a_plain_files(script: str):
    assert job.parse_order({**GOOD, "script": script}).script == script


def test_repr_leaves_the_inputs_out():
    assert "title" not in repr(job.parse_order(GOOD))


@pytest.mark.parametrize(
    "part",
    [
        {"job": "../x"},
        {"job": ""},
        {"job": "x\n"},
        {"job": "x" * 65},
        {"job": 5},
        {"attempt": 0},
        {"attempt": True},
        {"attempt": "1"},
        {"nonce": "short"},
        {"nonce": None},
    ],
)
def test_job_that_cannot_be_named_is_unusable(part: dict[str, object]):
    with pytest.raises(UnusableError):
        job.parse_ticket({**GOOD, **part})


@pytest.mark.parametrize("payload", ["", "[]", "5", "[" * 100_000])
def test_payload_that_is_no_object_is_unusable(payload: str):
    with pytest.raises(UnusableError):
        job.parse_payload(payload)


@pytest.mark.parametrize(
    "part",
    [
        {"package": None},
        {"package": {"id": "demo", "version": "1", "digest": "../../etc"}},
        {"script": "../evil.sh"},
        {"script": "/bin/sh"},
        {"script": ".hidden.sh"},
        {"script": "a" * 62},
        {"script": "install.sh\n"},
        {"script": ""},
        {"script": ["install.sh"]},
        {"timeout": 0},
        {"timeout": job.TIMEOUT_LIMIT + 1},
        {"timeout": True},
        {"timeout": 1.5},
        {"inputs": []},
        {"secrets": "password"},
        {"secrets": [1]},
    ],
    ids=json.dumps,
)
def test_malformed_order_is_refused(part: dict[str, object]):
    with pytest.raises(RefusedError):
        job.parse_order({**GOOD, **part})


@pytest.mark.parametrize("expires", [None, True, "1900000000"])
def test_job_without_an_expiry_is_refused(expires: object):
    with pytest.raises(RefusedError):
        job.parse_expiry({**GOOD, "expires": expires})
