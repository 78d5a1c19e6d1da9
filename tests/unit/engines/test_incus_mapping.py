"""What Incus is told."""

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from typing import Any

import pytest

from stead.engines.drivers.incus import mapping
from stead.engines.values import (
    GuestSize,
    GuestSpec,
    GuestState,
    GuestUsage,
    Image,
    NetworkSpec,
)

RANGE = IPv4Network("10.90.0.0/16")
GATEWAY = IPv4Address("10.90.3.1")


def network(agent_port: int = 8444) -> NetworkSpec:
    return NetworkSpec(
        name="st-x",
        cidr=IPv4Network("10.90.3.0/24"),
        gateway=GATEWAY,
        agent_port=agent_port,
        fenced_off=(RANGE,),
    )


def guest() -> GuestSpec:
    return GuestSpec(
        name="redis-1",
        key="k",
        owner="o",
        image="base",
        network="st-x",
        address=IPv4Address("10.90.3.10"),
        mac="02:57:0a:5a:03:0a",
        cores=2,
        memory_mb=512,
        disk_gb=8,
    )


def test_a_container_holds_no_others_unless_that_was_asked_for():
    def nesting(spec: GuestSpec) -> object:
        config = mapping.instance_body(spec, "pool")["config"]
        return config["security.nesting"] if isinstance(config, dict) else None

    assert nesting(guest()) == "false"
    assert nesting(replace(guest(), nesting=True)) == "true"


def refused(acl: dict[str, Any], to: str, protocol: str, port: int) -> bool:
    """Apply the rules as Incus does: whatever one rule refuses is refused."""
    return any(_matches(rule, to, protocol, port) for rule in acl["egress"])


def _matches(rule: dict[str, str], to: str, protocol: str, port: int) -> bool:
    assert rule["action"] == "reject"
    assert rule["state"] == "enabled"
    if IPv4Address(to) not in IPv4Network(rule["destination"]):
        return False
    if "protocol" in rule and rule["protocol"] != protocol:
        return False
    return "destination_port" not in rule or any(
        _in(part, port) for part in rule["destination_port"].split(",")
    )


def _in(part: str, port: int) -> bool:
    first, _, last = part.partition("-")
    assert 1 <= int(first) <= int(last or first) <= 65535, f"Incus would refuse {part}"
    return int(first) <= port <= int(last or first)


@pytest.mark.parametrize("agent_port", [8444, 1, 2, 65534, 65535])
def test_of_the_gateway_only_the_agents_port_is_open(agent_port: int):
    acl = mapping.acl_body(network(agent_port))
    ports = {1, 2, 22, 443, 8080, 8443, 8444, 65534, 65535, agent_port - 1, agent_port + 1}
    for port in ports & set(range(1, 65536)):
        assert refused(acl, str(GATEWAY), "tcp", port) == (port != agent_port), port
        assert refused(acl, str(GATEWAY), "udp", port)


@pytest.mark.parametrize("to", ["10.90.0.10", "10.90.4.1", "10.90.3.20", "10.90.255.255"])
def test_all_project_networks_are_closed(to: str):
    assert refused(mapping.acl_body(network()), to, "tcp", 8444)


@pytest.mark.parametrize("to", ["10.89.255.255", "10.91.0.1", "192.0.2.1"])
def test_the_world_is_open(to: str):
    assert not refused(mapping.acl_body(network()), to, "tcp", 443)


def test_only_the_gateway_gets_in():
    rules = mapping.acl_body(network())["ingress"]
    assert rules == [{"action": "allow", "source": "10.90.3.1/32", "state": "enabled"}]
    config = mapping.network_config(network())
    assert config["security.acls"] == "st-x"
    assert config["security.acls.default.ingress.action"] == "drop"


def test_neighbours_reach_only_the_part_that_is_open():
    spec = replace(network(), reachable=IPv4Network("10.90.3.192/26"))
    acl = mapping.acl_body(spec)
    told = {
        to: refused(acl, to, "tcp", 80) for to in ("10.90.3.191", "10.90.3.192", "10.90.4.200")
    }
    assert told == {"10.90.3.191": True, "10.90.3.192": False, "10.90.4.200": True}
    assert refused(acl, str(GATEWAY), "tcp", 22)
    assert acl["ingress"][1] == {
        "action": "allow",
        "state": "enabled",
        "source": "10.90.3.0/24",
        "destination": "10.90.3.192/26",
    }


def test_only_a_guest_that_may_be_reached_is_not_isolated():
    nic = mapping.instance_body(replace(guest(), reachable=True), "pool")["devices"]["eth0"]
    assert nic["security.port_isolation"] == "false"


def test_a_guest_cannot_pretend_to_be_another():
    nic = mapping.instance_body(guest(), "pool")["devices"]["eth0"]
    for kind in ("mac", "ipv4", "ipv6"):
        assert nic[f"security.{kind}_filtering"] == "true"
    assert nic["security.port_isolation"] == "true"
    assert (nic["ipv4.address"], nic["hwaddr"]) == ("10.90.3.10", "02:57:0a:5a:03:0a")


def test_a_guest_is_limited_and_without_rights():
    body = mapping.instance_body(guest(), "pool")
    config = body["config"]
    assert config["security.privileged"] == "false"
    assert config["security.idmap.isolated"] == "true"
    assert config["security.guestapi"] == "false"
    assert config["limits.cpu.allowance"] == "200ms/100ms"
    assert config["limits.memory"] == "512MiB"
    assert body["devices"]["root"] == {
        "type": "disk",
        "path": "/",
        "pool": "pool",
        "size": "8GiB",
    }
    assert body["profiles"] == []


def test_a_guest_comes_back_with_its_key():
    body = mapping.instance_body(guest(), "pool") | {"status": "Running"}
    found = mapping.guest(body)
    assert (found.name, found.key, found.owner) == ("redis-1", "k", "o")
    assert (found.state, found.addresses) == (GuestState.RUNNING, ("10.90.3.10",))


@pytest.mark.parametrize("raw", [{}, {"config": None, "devices": []}, {"status": "Frozen"}])
def test_a_guest_of_somebody_else_is_described_as_far_as_possible(raw: dict[str, Any]):
    found = mapping.guest(raw)
    assert (found.key, found.state, found.addresses) == ("", GuestState.BUSY, ())


def raw(**changes: Any) -> dict[str, Any]:  # noqa: ANN401  (JSON)
    body = mapping.instance_body(replace(guest(), note="ü", tags=("a", "b")), "pool")
    return {**body, "status": "Stopped", "location": "none", **changes}


def test_a_guest_reads_as_it_was_written():
    found = mapping.guest(raw())
    assert (found.note, found.tags, found.node) == ("ü", ("a", "b"), "local")
    assert found.size == GuestSize(2, 512, 8)
    assert (found.mac, found.addresses) == (guest().mac, (str(guest().address),))


@pytest.mark.parametrize("limit", ["50%", "20ms/100ms", "", None, 3])
def test_limits_that_somebody_else_wrote_are_no_size_of_ours(limit: object):
    changed = mapping.guest(raw(config={"limits.cpu.allowance": limit, "limits.memory": "50%"}))
    assert (changed.size.cores, changed.size.memory_mb) == (0, 0)


def test_what_is_not_asked_for_is_left_to_incus():
    body = mapping.instance_body(replace(guest(), address=None, mac=""), "pool")
    interface: Any = body["devices"]
    assert not {"ipv4.address", "hwaddr"} & set(interface["eth0"])
    found = mapping.guest({**body, "config": {"volatile.eth0.hwaddr": "00:16:3e:00:00:01"}})
    assert (found.mac, found.addresses) == ("00:16:3e:00:00:01", ())


def test_an_image_is_listed_by_each_of_its_names():
    row = {"aliases": [{"name": "a"}, {"name": "b"}], "size": 9, "properties": {mapping.KEY: "k"}}
    assert mapping.images(row) == [Image("a", "k", 9), Image("b", "k", 9)]
    assert mapping.images({"aliases": None, "properties": []}) == []


def test_use_is_never_negative_and_leaves_the_loopback_out():
    counters = {"bytes_received": 5, "bytes_sent": -262144}
    row = {
        "name": "a",
        "state": {
            "cpu": {"usage": 2_500_000_000},
            "memory": {"usage": "much"},
            "disk": None,
            "network": {"eth0": {"counters": counters}, "lo": {"counters": counters}, "x": 1},
        },
    }
    assert mapping.usage(row) == GuestUsage("a", 2.5, 0, 0, 5, 0)
