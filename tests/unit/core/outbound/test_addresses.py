"""What may be called at somebody's wish is the internet, and nothing that is near."""

from ipaddress import ip_address

import pytest

from stead.core.outbound import addresses
from stead.core.outbound.dialling import look_up
from stead.core.outbound.errors import OutboundUnreachableError

NEAR = [
    "127.0.0.1",
    "127.8.8.8",
    "0.0.0.0",  # noqa: S104  (an address to refuse)
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "169.254.169.254",
    "192.0.0.1",
    "192.0.2.1",
    "192.88.99.1",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::a00:1",
    "64:ff9b:1::1",
    "2002:7f00:1::1",
    "2002:c0a8:101::1",
    "2001::1",
    "2001:db8::1",
    "3fff::1",
    "5f00::1",
    "100::1",
    "fc00::1",
    "fd12:3456::1",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
]
FAR = ["93.184.216.34", "8.8.8.8", "2606:4700::1111", "64:ff9b::808:808", "::ffff:8.8.8.8"]


@pytest.mark.parametrize("address", NEAR)
def test_what_is_near_is_not_public(address: str):
    assert not addresses.is_public(addresses.read(address))


@pytest.mark.parametrize("address", FAR)
def test_the_internet_is_public(address: str):
    assert addresses.is_public(addresses.read(address))


@pytest.mark.parametrize(
    "spelling", ["127.0.0.1", "2130706433", "0x7f000001", "0177.0.0.1", "127.1", "0x7f.1"]
)
async def test_every_way_of_writing_an_address_is_seen_through(spelling: str):
    found = await look_up(spelling, 80)
    assert [str(one) for one in found] == ["127.0.0.1"]


async def test_a_name_that_cannot_be_one_has_no_address():
    for name in ("a" * 70 + ".example", "..", "no\x00name"):
        with pytest.raises(OutboundUnreachableError):
            await look_up(name, 80)


def test_this_machine_knows_its_own_addresses():
    assert addresses.is_own(ip_address("127.0.0.1"))


def test_an_address_without_a_way_there_is_not_its_own(monkeypatch: pytest.MonkeyPatch):
    def unreachable(*_: object) -> None:
        raise OSError(101, "Network is unreachable")

    monkeypatch.setattr("socket.socket.connect", unreachable)
    assert not addresses.is_own(ip_address("2606:4700::1111"))
