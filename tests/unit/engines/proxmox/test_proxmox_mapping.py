"""What we keep in a guest's config, and what comes back out of it."""

from ipaddress import IPv4Address

import pytest
from hypothesis import given, strategies as st

from stead.engines.drivers.proxmox import mapping, placing
from stead.engines.drivers.proxmox.mapping import Found, Plan, Record, Site
from stead.engines.values import GuestKind, GuestSize, GuestSpec, GuestState

PLAN = Plan(2, 1024, 8, "vmbr1", "10.0.0.7/24", "10.0.0.1", "02:00:00:00:00:07")
NOTES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\x00"), max_size=99)


@given(NOTES, st.text(max_size=40), st.lists(st.from_regex(r"\A[a-z0-9-]{1,9}\Z"), max_size=4))
def test_a_record_comes_back_as_it_was(note: str, key: str, tags: list[str]):
    record = Record(key, "owner", tuple(tags), note, PLAN)
    # Proxmox adds a line end.
    assert mapping.read_record(mapping.description(record) + "\n") == record


@pytest.mark.parametrize(
    "text",
    [
        "",
        "somebody's own note",
        "stead: not json",
        "stead: []",
        'stead: {"owner": "x"}',
        'a note\nstead: {"key": "forged in a note"}',
        "stead: " + "[" * 50_000,
    ],
)
def test_what_is_not_our_record_makes_no_guest_ours(text: str):
    assert mapping.read_record(text) is None


def test_a_note_cannot_forge_a_record():
    record = Record("mine", note='\nstead: {"key": "theirs"}')
    found = mapping.read_record(mapping.description(record))
    assert found is not None
    assert found.key == "mine"


def test_the_card_always_names_its_mac_or_proxmox_would_invent_a_new_one():
    site = Site(filtered=True)
    assert mapping.net0(site, PLAN, GuestKind.CONTAINER) == (
        "name=eth0,bridge=vmbr1,hwaddr=02:00:00:00:00:07,firewall=1,ip=10.0.0.7/24,gw=10.0.0.1"
    )
    assert mapping.net0(Site(), PLAN, GuestKind.VM) == "virtio=02:00:00:00:00:07,bridge=vmbr1"


SPEC = GuestSpec("a", "k", "o", "i", "n", IPv4Address("10.0.0.7"), "", 1, 64, 1)


@pytest.mark.parametrize(
    ("bridge", "address", "gateway"),
    [
        ({"iface": "b", "cidr": "10.0.0.1/22"}, "10.0.0.7/22", "10.0.0.1"),
        ({"iface": "b", "cidr": "10.0.0.5/24", "gateway": "10.0.0.1"}, "10.0.0.7/24", "10.0.0.1"),
        ({"iface": "b", "cidr": "192.168.0.1/24"}, "10.0.0.7/16", "10.0.9.9"),
        ({"iface": "b", "cidr": "nonsense"}, "10.0.0.7/16", "10.0.9.9"),
        ({"iface": "b"}, "10.0.0.7/16", "10.0.9.9"),
    ],
)
def test_prefix_and_gateway_are_those_of_the_bridge_where_it_has_some(
    bridge: dict[str, str], address: str, gateway: str
):
    site = Site(prefix=16, gateway=IPv4Address("10.0.9.9"))
    plan = mapping.plan_of(SPEC, site, bridge)
    assert (plan.network, plan.address, plan.gateway) == ("b", address, gateway)


def test_a_guest_that_is_not_finished_already_has_its_address():
    found = Found(1, "n", GuestKind.CONTAINER, record=Record("k", plan=PLAN))
    assert mapping.addresses(found) == ("10.0.0.7",)


def test_without_an_address_the_network_gives_one():
    plan = Plan(1, 512, 1, "", "", "", "")
    assert mapping.net0(Site(), plan, GuestKind.CONTAINER) == "name=eth0,bridge=vmbr0,ip=dhcp"


def test_a_guest_is_read_from_its_config():
    config = {
        "hostname": "web",
        "net0": "name=eth0,bridge=vmbr0,hwaddr=BC:24:11:00:00:01,ip=10.0.0.7/24,type=veth",
        "memory": 512,
        "cores": 2,
        "rootfs": "local:101/vm-101-disk-0.raw,size=1536M",
        "tags": "a;b;stead.guest",
        "description": mapping.description(Record("k", "o", ("b", "a"), "a note\n")) + "\n",
    }
    found = Found(
        101,
        "pve1",
        GuestKind.CONTAINER,
        config=config,
        record=mapping.read_record(config["description"]),
    )
    guest = mapping.guest(found, GuestState.STOPPED)
    assert (guest.name, guest.key, guest.owner, guest.node) == ("web", "k", "o", "pve1")
    assert (guest.addresses, guest.mac) == (("10.0.0.7",), "bc:24:11:00:00:01")
    assert (guest.note, guest.tags) == ("a note\n", ("b", "a"))
    assert guest.size == GuestSize(cores=2, memory_mb=512, disk_gb=2)


def test_tags_that_somebody_changed_are_shown_as_they_are():
    record = Record("k", tags=("a",))
    found = Found(1, "n", GuestKind.CONTAINER, config={"tags": "stead.guest;c"}, record=record)
    assert mapping.guest(found, GuestState.STOPPED).tags == ("c",)


@pytest.mark.parametrize(
    ("told", "lock", "plan", "expected"),
    [
        ("running", "", None, GuestState.RUNNING),
        ("stopped", "", None, GuestState.STOPPED),
        ("stopped", "create", None, GuestState.BUSY),
        ("stopped", "", PLAN, GuestState.BUSY),
        ("running", "backup", None, GuestState.RUNNING),
        ("unknown", "", None, GuestState.UNREACHABLE),
        ("internal-error", "", None, GuestState.ERROR),
    ],
)
def test_states(told: str, lock: str, plan: Plan | None, expected: GuestState):
    config = {"lock": lock} if lock else {}
    found = Found(1, "n", GuestKind.CONTAINER, config=config, record=Record("k", plan=plan))
    assert mapping.state(told, found) is expected


@given(st.text("abz019-", min_size=1, max_size=63).map(lambda text: "n" + text[1:].rstrip("-")))
def test_proxmox_takes_every_snapshot_name(name: str):
    native = mapping.snapshot_name(name)
    assert 2 <= len(native) <= 40
    assert native not in {"current", "vzdump", "pending"}
    assert native[0].isalpha()


@pytest.mark.parametrize("name", ["a", "current", "x-a", "a" * 41])
def test_names_that_proxmox_refuses_are_replaced_the_same_way_every_time(name: str):
    assert mapping.snapshot_name(name) == mapping.snapshot_name(name) != name


@pytest.mark.parametrize(
    ("volume", "size"),
    [
        ("local:1/vm.raw,size=512M", 512 * 2**20),
        ("local:1/vm.raw,size=1G", 2**30),
        ("local:1/vm.raw,mountoptions=x,size=1.5T", 3 * 2**39),
        ("local:1/vm.subvol", 0),
    ],
)
def test_sizes(volume: str, size: int):
    assert mapping.size_bytes(volume) == size


def test_the_same_key_asks_for_the_same_number_first():
    vmids = range(100, 200)
    assert next(placing.numbers(SPEC, vmids, ())) == next(placing.numbers(SPEC, vmids, ()))


def test_every_free_number_is_offered_once_and_no_taken_one():
    vmids = range(100, 110)
    offered = list(placing.numbers(SPEC, vmids, {100, 105}))
    assert sorted(offered) == [101, 102, 103, 104, 106, 107, 108, 109]
