"""What keeps guests within their limits and apart, asserted from inside a guest."""

import asyncio
from ipaddress import IPv4Address

from stead.engines.conformance.trial import Trial, expect
from stead.engines.values import GuestSpec, GuestState

_LOOPS = (
    "while :; do :; done & a=$!; while :; do :; done & b=$!; "
    "see() { cat /proc/uptime /proc/$a/stat /proc/$b/stat; }; "
    "see; sleep 1.5; see; kill -9 $a $b"
)
_TICKS = 100
_WINDOWS = 3
# Where a guest may look at its own control group: periods are counted only under a quota.
_PERIODS = (
    "mkdir -p /tmp/cpu; cat /sys/fs/cgroup/cpu.stat >/tmp/stat 2>/dev/null || "
    "{ mount -t cgroup -o cpu none /tmp/cpu && cat /tmp/cpu/cpu.stat >/tmp/stat; } || exit 1; "
    "while read -r name value; do [ $name != nr_periods ] || echo $value; done </tmp/stat"
)
_UTIME, _STIME = 13, 14


async def containers_are_unprivileged(trial: Trial) -> None:
    """Root in a guest is nobody on the host, and each guest is somebody else there."""
    specs = [await trial.make(start=True) for _ in range(2)]
    maps = [(await trial.said(s.name, "cat /proc/self/uid_map")).split() for s in specs]
    for inside, outside, size in maps:
        expect(inside == "0" and int(outside) > 0, f"root is the host's {outside}")
        expect(int(size) <= 1 << 20, f"the guest has {size} of the host's users")
    (_, first, size), (_, second, _) = maps
    expect(abs(int(first) - int(second)) >= int(size), "two guests share users of the host")


async def containers_cannot_nest(trial: Trial) -> None:
    """Nothing in a guest prepares it for containers of its own, and no device can be made."""
    spec = await trial.make(start=True)
    expect((await trial.run(spec.name, "test ! -e /dev/.lxc")).code == 0, "nesting is prepared")
    made = await trial.run(spec.name, "mknod /tmp/disk b 8 0 && head -c 1 /tmp/disk")
    expect(made.code != 0, "a device of the host can be read")


async def containers_nest_where_that_is_asked(trial: Trial) -> None:
    """A guest that may hold containers of its own comes, runs and goes like every other one."""
    spec = await trial.make(trial.spec(nesting=True), start=True)
    found = await trial.driver.find(spec.name)
    expect(found is not None and found.state is GuestState.RUNNING, "it does not run")


async def the_guest_api_is_off(trial: Trial) -> None:
    """A guest has no way to talk to its engine."""
    spec = await trial.make(start=True)
    for path in ("/dev/incus", "/dev/lxd"):
        expect((await trial.run(spec.name, f"test ! -e {path}")).code == 0, f"{path} is there")


async def processors_are_limited(trial: Trial) -> None:
    """Two busy loops in a guest of one core use one core."""
    spec = await trial.make(start=True)
    for _ in range(_WINDOWS):
        lines = (await trial.said(spec.name, _LOOPS)).splitlines()
        (began, *before), (ended, *after) = lines[:3], lines[3:]
        seconds = float(ended.split()[0]) - float(began.split()[0])
        used = (sum(map(_ticks, after)) - sum(map(_ticks, before))) / _TICKS
        expect(used <= seconds * spec.cores * 1.3, f"it used {used:.2f} s in {seconds:.2f} s")
        # On a host that is busy otherwise, too little is no proof: look again.
        if used >= seconds * spec.cores * 0.8:
            return
    seen = await trial.run(spec.name, _PERIODS)
    expect(seen.code != 0 or int(seen.output) > 0, "the kernel counts no periods of a quota")


async def memory_is_limited(trial: Trial) -> None:
    """A program that wants more than the guest's memory is killed, and the guest lives on."""
    spec = await trial.make(start=True)
    hungry = await trial.run(spec.name, "dd if=/dev/zero of=/dev/null bs=200M count=1")
    expect(hungry.code != 0, "it got 200 MB of 64 MB")
    expect(await trial.said(spec.name, "echo alive") == "alive", "the guest died with it")


async def processes_are_limited(trial: Trial) -> None:
    """A guest that forks without end stops at its limit."""
    spec = await trial.make(trial.spec(memory_mb=1024), start=True)
    forks = "i=0; while [ $i -lt 5000 ]; do sleep 300 & i=$((i+1)); done; echo all"
    ended = await trial.run(spec.name, forks)
    expect(b"all" not in ended.output, "5000 processes run")
    expect(b"fork" in ended.errors, f"it fails with {ended.errors[-200:]!r}")


async def disks_are_limited(trial: Trial) -> None:
    """A guest cannot fill more disk than it has, and can use what it has."""
    spec = await trial.make(start=True)
    expect(
        (await trial.run(spec.name, "fallocate -l 300M /within")).code == 0, "300 MB do not fit"
    )
    beyond = await trial.run(spec.name, "fallocate -l 1200M /beyond")
    expect(beyond.code != 0, "1.2 GB fit on a disk of 1 GB")


async def addresses_are_filtered(trial: Trial) -> None:
    """A guest that takes another address or MAC reaches nobody."""
    spec, gateway = await trial.make(start=True), trial.target.network.gateway
    await _connect(trial, spec)
    expect(await _reaches(trial, spec, gateway), "with its own address it does not reach anybody")
    free = trial.spec().address
    length = trial.target.network.cidr.prefixlen
    await trial.said(spec.name, f"ip addr flush dev eth0; ip addr add {free}/{length} dev eth0")
    expect(not await _reaches(trial, spec, gateway), "a stolen address works")
    await _connect(trial, spec)
    expect(await _reaches(trial, spec, gateway), "its own address works no more")
    other = (
        "ip link set eth0 down; ip link set eth0 address 02:5d:ff:ff:ff:01; ip link set eth0 up"
    )
    await trial.said(spec.name, other)
    await _connect(trial, spec)
    expect(not await _reaches(trial, spec, gateway), "a stolen MAC works")


async def neighbours_are_isolated(trial: Trial) -> None:
    """Two guests of one network reach its gateway and not each other."""
    first, second = [await trial.make(start=True) for _ in range(2)]
    for spec in (first, second):
        await _connect(trial, spec)
        expect(await _reaches(trial, spec, trial.target.network.gateway), "no gateway")
    for spec, other in ((first, second), (second, first)):
        expect(not await _reaches(trial, spec, _address(other)), "a neighbour answers")


async def projects_are_isolated(trial: Trial) -> None:
    """A guest does not reach a guest of another project's network, nor that network's gateway."""
    own = await trial.make(start=True)
    far = trial.target.other
    other = trial.spec(network=far.name)
    number = int(_address(other)) - int(trial.target.network.cidr.network_address)
    other = trial.spec(network=far.name, address=far.cidr[number])
    await trial.make(other, start=True)
    await _connect(trial, own)
    await _connect(trial, other)
    expect(await _reaches(trial, own, trial.target.network.gateway), "its gateway is silent")
    expect(await _reaches(trial, other, far.gateway), "the other's gateway is silent")
    expect(not await _reaches(trial, own, _address(other)), "a guest of another project answers")
    expect(not await _reaches(trial, other, _address(own)), "a guest of another project answers")


async def _connect(trial: Trial, spec: GuestSpec) -> None:
    """Give the guest's interface its address, whether or not the image does so itself."""
    both = (trial.target.network, trial.target.other)
    network = next(each for each in both if each.name == spec.network)
    address = f"{spec.address}/{network.cidr.prefixlen}"
    await trial.said(
        spec.name,
        f"ip link set eth0 up; ip addr flush dev eth0; ip addr add {address} dev eth0; "
        f"ip route replace default via {network.gateway}",
    )


async def _reaches(trial: Trial, spec: GuestSpec, address: IPv4Address) -> bool:
    for _ in range(2):
        if (await trial.run(spec.name, f"ping -c 1 -W 1 {address}")).code == 0:
            return True
        await asyncio.sleep(0)
    return False


def _address(spec: GuestSpec) -> IPv4Address:
    return spec.address or IPv4Address(0)


def _ticks(stat: str) -> int:
    fields = stat.split()
    return int(fields[_UTIME]) + int(fields[_STIME])
