"""Which names and sizes the port lets through to an engine."""

from dataclasses import replace
from ipaddress import IPv4Address

import pytest

from stead.engines import limits
from stead.engines.errors import InvalidError
from stead.engines.values import GuestSpec

SPEC = GuestSpec(
    name="a",
    key="k",
    owner="o",
    image="i",
    network="n",
    address=IPv4Address("10.0.0.2"),
    mac="00:16:3e:00:00:01",
    cores=limits.MINIMUM.cores,
    memory_mb=limits.MINIMUM.memory_mb,
    disk_gb=limits.MINIMUM.disk_gb,
)


@pytest.mark.parametrize("name", ["a", "a" * 63, "a-1", "web-01-x"])
def test_a_label_is_a_name(name: str):
    limits.check_spec(replace(SPEC, name=name))


@pytest.mark.parametrize(
    "name",
    ["", "a" * 64, "-a", "a-", "1a", "A", "a.b", "a_b", "ü", "a/../b", "a\n", "a b", "x" * 10**6],
)
def test_anything_else_is_no_name(name: str):
    with pytest.raises(InvalidError) as caught:
        limits.check_spec(replace(SPEC, name=name))
    assert len(caught.value.message) < 300


@pytest.mark.parametrize(
    "wrong",
    [
        {"cores": 0},
        {"cores": 257},
        {"memory_mb": 63},
        {"memory_mb": -1},
        {"disk_gb": 0},
        {"disk_gb": 10**9},
        {"note": "x" * 2001},
        {"tags": ("ok", "not ok")},
        {"tags": ("",)},
    ],
)
def test_sizes_notes_and_tags_have_limits(wrong: dict[str, object]):
    with pytest.raises(InvalidError):
        limits.check_spec(replace(SPEC, **wrong))  # type: ignore[arg-type]


def test_a_note_may_be_in_any_language():
    limits.check_spec(replace(SPEC, note="für Zoë 🐙 \n" * 100, tags=("a", "b" * 40)))
