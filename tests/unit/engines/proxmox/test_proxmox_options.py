"""What an administrator enters for a cluster, and what is refused of it."""

from ipaddress import IPv4Address

import pytest

from stead.engines import registry
from stead.engines.drivers.proxmox import connecting
from stead.engines.drivers.proxmox.mapping import Site
from stead.engines.errors import InvalidError

ENOUGH = {"url": "https://pve1:8006", "token": "ctl@pve!api", "secret": "s"}


def test_the_driver_is_found_by_its_name():
    assert "proxmox" in registry.names()


async def test_an_address_and_a_token_are_enough():
    driver = registry.connect("proxmox", ENOUGH)
    await driver.close()


@pytest.mark.parametrize("left_out", sorted(ENOUGH))
def test_what_is_missing_is_named(left_out: str):
    with pytest.raises(InvalidError, match=f"{left_out} is missing"):
        connecting.open_driver({k: v for k, v in ENOUGH.items() if k != left_out})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("verify", "no"),
        ("url", "http://pve1:8006"),
        ("url", "https://"),
        ("fingerprint", "AB:CD"),
        ("fingerprint", "zz" * 32),
        ("vmid_first", "99"),
        ("vmid_first", "many"),
        ("vmid_last", "1000000000"),
        ("vmid_last", "100"),
        ("prefix", "33"),
        ("gateway", "10.0.0"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_asked(name: str, value: str):
    with pytest.raises(InvalidError):
        connecting.open_driver({**ENOUGH, name: value})


def test_where_guests_go_is_read():
    given = {
        "storage": "fast",
        "pool": "stead",
        "prefix": "22",
        "gateway": "10.0.0.1",
        "vmid_first": "5000",
        "vmid_last": "5999",
        "filter_addresses": "yes",
    }
    assert connecting.site(given) == Site(
        storage="fast",
        pool="stead",
        prefix=22,
        gateway=IPv4Address("10.0.0.1"),
        vmids=range(5000, 6000),
        filtered=True,
    )
