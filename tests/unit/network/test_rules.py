"""Choosing networks and addresses."""

from ipaddress import IPv4Address, IPv4Network

from hypothesis import given, strategies as st

from stead.network import rules

RANGE = IPv4Network("10.90.0.0/16")
NET = IPv4Network("10.90.3.0/24")


def test_networks_are_given_out_in_order_until_there_are_none():
    used: set[str] = set()
    for number in range(256):
        found = rules.next_network(RANGE, used)
        assert str(found) == f"10.90.{number}.0/24"
        used.add(str(found))
    assert rules.next_network(RANGE, used) is None


def test_a_gap_is_used_again():
    assert str(rules.next_network(RANGE, {"10.90.0.0/24", "10.90.2.0/24"})) == "10.90.1.0/24"
    assert str(rules.next_address(NET, {"10.90.3.10", "10.90.3.12"})) == "10.90.3.11"


def test_addresses_leave_room_for_infrastructure_and_end():
    used: set[str] = set()
    for reachable, number in ((False, 182), (True, 241)):
        while (found := rules.next_address(NET, used, reachable=reachable)) is not None:
            used.add(str(found))
            assert (found in rules.open_part(NET)) is reachable
        assert len(used) == number
    assert str(rules.gateway(NET)) not in used
    assert not used & {"10.90.3.0", "10.90.3.9", "10.90.3.251", "10.90.3.255"}


@given(st.sets(st.ip_addresses(v=4), min_size=2, max_size=20))
def test_each_address_has_a_mac_of_its_own_that_no_vendor_has(found: set[IPv4Address]):
    macs = {rules.mac_for(one) for one in found}
    assert len(macs) == len(found)
    for mac in macs:
        first = int(mac[:2], 16)
        assert first & 0b10, "locally administered"
        assert not first & 0b1, "not multicast"
