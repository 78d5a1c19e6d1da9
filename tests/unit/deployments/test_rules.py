"""Names and sizes."""

import itertools

import pytest
from hypothesis import given, strategies as st

from stead.deployments import rules
from stead.instances.public import SHAPES, Size

DEMANDS = {"ram_mb": 1, "disk_mb": 1, "cores": 1}


def test_the_first_free_number_is_taken():
    assert rules.free_name("redis", set()) == "redis"
    assert rules.free_name("redis", {"redis"}) == "redis-2"
    assert rules.free_name("redis", {"redis", "redis-2", "redis-4"}) == "redis-3"


@given(st.sets(st.sampled_from([f"a-{n}" for n in range(2, 9)] + ["a"])))
def test_a_free_name_is_never_taken(taken: set[str]):
    assert rules.free_name("a", taken) not in taken


@pytest.mark.parametrize(
    ("demands", "size"),
    [
        ({}, Size.SMALL),
        ({"ram_mb": 512, "disk_mb": 8 * 1024, "cores": 1}, Size.SMALL),
        ({"ram_mb": 513}, Size.MEDIUM),
        ({"disk_mb": 8 * 1024 + 1}, Size.MEDIUM),
        ({"cores": 3}, Size.LARGE),
        ({"cores": 5}, None),
    ],
)
def test_the_smallest_size_that_fits_is_chosen(demands: dict[str, int], size: Size | None):
    assert rules.smallest_size(**{**DEMANDS, **demands}) == size


def test_sizes_grow():
    shapes = [SHAPES[size] for size in Size]
    for smaller, larger in itertools.pairwise(shapes):
        assert smaller.cores < larger.cores
        assert smaller.memory_mb < larger.memory_mb
        assert smaller.disk_gb < larger.disk_gb
