"""Whose word about an address is believed."""

from ipaddress import ip_network

import pytest

from stead.core.clients import client_address

EDGES = (ip_network("127.0.0.0/8"), ip_network("10.0.0.0/24"))


@pytest.mark.parametrize(
    ("peer", "forwarded", "found"),
    [
        ("127.0.0.1", "", "127.0.0.1"),
        ("127.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("127.0.0.1", "1.2.3.4, 203.0.113.9", "203.0.113.9"),
        ("127.0.0.1", "203.0.113.9, 10.0.0.7", "203.0.113.9"),
        ("203.0.113.9", "1.2.3.4", "203.0.113.9"),
        ("127.0.0.1", "nonsense, 203.0.113.9", "203.0.113.9"),
        ("127.0.0.1", "203.0.113.9, nonsense", "127.0.0.1"),
        ("127.0.0.1", "x" * 10_000, "127.0.0.1"),
        ("::ffff:127.0.0.1", "2001:db8::1", "2001:db8::1"),
        ("unix", "1.2.3.4", ""),
    ],
)
def test_only_edges_are_believed(peer: str, forwarded: str, found: str):
    assert client_address(peer, forwarded, EDGES) == found
