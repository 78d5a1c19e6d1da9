"""Drivers are found by name in the metadata of what is installed."""

import pytest

from stead.engines import registry
from stead.engines.errors import InvalidError

INCUS = ("url", "project", "pool", "certificate", "key", "server_certificate")


def test_built_in_drivers_are_installed():
    assert "incus" in registry.names()


def test_an_engine_that_is_not_installed_is_refused_with_those_that_are():
    with pytest.raises(InvalidError, match=r"'other'.*incus"):
        registry.connect("other", {})


@pytest.mark.parametrize("left_out", INCUS)
def test_a_driver_asks_for_the_options_that_are_missing(left_out: str):
    with pytest.raises(InvalidError, match=left_out):
        registry.connect("incus", {name: "x" for name in INCUS if name != left_out})
