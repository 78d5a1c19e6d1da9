"""The named formats of parameters, each with the complaint that the real one makes."""

import ipaddress
import re
from collections.abc import Callable

LABEL = r"(?:[A-Za-z0-9](?:[A-Za-z0-9\-]*[A-Za-z0-9])?)"
STORAGE_CONTENT = {"images", "rootdir", "vztmpl", "iso", "backup", "snippets", "none", "import"}
PRIVILEGES = frozenset(
    [
        "Datastore.Allocate",
        "Datastore.AllocateSpace",
        "Datastore.AllocateTemplate",
        "Datastore.Audit",
        "Group.Allocate",
        "Mapping.Audit",
        "Mapping.Modify",
        "Mapping.Use",
        "Permissions.Modify",
        "Pool.Allocate",
        "Pool.Audit",
        "Realm.Allocate",
        "Realm.AllocateUser",
        "SDN.Allocate",
        "SDN.Audit",
        "SDN.Use",
        "Sys.AccessNetwork",
        "Sys.Audit",
        "Sys.Console",
        "Sys.Incoming",
        "Sys.Modify",
        "Sys.PowerMgmt",
        "Sys.Syslog",
        "User.Modify",
        "VM.Allocate",
        "VM.Audit",
        "VM.Backup",
        "VM.Clone",
        "VM.Config.CDROM",
        "VM.Config.CPU",
        "VM.Config.Cloudinit",
        "VM.Config.Disk",
        "VM.Config.HWType",
        "VM.Config.Memory",
        "VM.Config.Network",
        "VM.Config.Options",
        "VM.Console",
        "VM.Migrate",
        "VM.Monitor",
        "VM.PowerMgmt",
        "VM.Snapshot",
        "VM.Snapshot.Rollback",
    ]
)
TAG = re.compile(r"[a-z0-9_][a-z0-9_\-+.]*", re.IGNORECASE)
MOST_POOL_LEVELS = 3
LOWEST_VMID = 100
HIGHEST_PORT = 65535


def split_list(text: str) -> list[str]:
    """Split a list as the real one does: comma, semicolon, space, newline."""
    return [part for part in re.split(r"[,;\s\0]+", text) if part]


def complaint(name: str, text: str) -> str:
    """Return what is wrong with a value of a named format; nothing when it is right."""
    if name.endswith("-list") and name.removesuffix("-list") in CHECKS:
        found = (CHECKS[name.removesuffix("-list")](one) for one in split_list(text))
        return next(filter(None, found), "")
    check = CHECKS.get(name)
    return check(text) if check else ""


def by_pattern(pattern: str, wrong: str) -> Callable[[str], str]:
    """Return a check that complains unless the whole value matches."""
    compiled = re.compile(pattern)
    return lambda text: "" if compiled.fullmatch(text) else wrong.replace("{}", text)


def _address(text: str, version: int = 0) -> bool:
    try:
        found = ipaddress.ip_address(text.split("%", maxsplit=1)[0])
    except ValueError:
        return False
    return version in {0, found.version}


def _cidr(text: str, version: int = 0) -> bool:
    address, slash, prefix = text.partition("/")
    if not slash or not prefix.isdigit() or not _address(address, version):
        return False
    return int(prefix) <= ipaddress.ip_address(address).max_prefixlen


def vmid(text: str) -> str:
    fine = text.isdigit() and int(text) >= LOWEST_VMID
    return "" if fine else "value does not look like a valid VM ID"


def userid(text: str) -> str:
    if len(text) < len("a@b"):
        return f"user name '{text}' is too short"
    if not re.fullmatch(r"[^\s:/]+@[A-Za-z][A-Za-z0-9.\-_]+", text) or "!" in text:
        return f"value '{text}' does not look like a valid user name"
    return ""


def poolid(text: str) -> str:
    if text.count("/") >= MOST_POOL_LEVELS:
        return f"pool name '{text}' nested too deeply (max levels = {MOST_POOL_LEVELS})"
    if not re.fullmatch(r"[A-Za-z0-9.\-_]+(/[A-Za-z0-9.\-_]+)*", text):
        return f"pool name '{text}' contains invalid characters"
    return ""


def mac(text: str) -> str:
    fine = re.fullmatch(r"([0-9a-fA-F]{2}:){5}[0-9a-fA-F]{2}", text) and not int(text[1], 16) & 1
    return "" if fine else "value does not look like a valid unicast MAC address"


def ipv4_config(text: str) -> str:
    fine = text in {"dhcp", "manual"} or _cidr(text, 4)
    return "" if fine else "value does not look like a valid ipv4 network configuration"


def ipv6_config(text: str) -> str:
    fine = text in {"auto", "dhcp", "manual"} or _cidr(text, 6)
    return "" if fine else "value does not look like a valid ipv6 network configuration"


def port_spec(text: str) -> str:
    for part in split_list(text):
        for port in part.split(":"):
            if port.isdigit() and int(port) > HIGHEST_PORT:
                return f"invalid port '{port}'"
    return ""


def calendar_event(text: str) -> str:
    if re.search(r"\d|daily|weekly|monthly|hourly|yearly|minutely", text):
        return ""
    reason = f"unable to parse calendar event - {text}\n"
    return f"invalid calendar event '{text}' - {reason}"


def startup_order(text: str) -> str:
    parts = [part.partition("=") for part in text.split(",")]
    names = {"order", "up", "down"}
    fine = all(
        (name in names or not equals) and (value or name).isdigit()
        for name, equals, value in parts
    )
    return "" if fine else "unable to parse startup options"


def interface(text: str) -> str:
    fine = re.fullmatch(r"[a-zA-Z][a-zA-Z0-9_]{1,20}([:.]\d+)?", text)
    return "" if fine else f"invalid network interface name '{text}'"


def email(text: str) -> str:
    fine = not text or re.fullmatch(r"[\w+\-~.]+@[a-zA-Z0-9\-.]+", text)
    return "" if fine else "value does not look like a valid email address"


def volume_id(text: str) -> str:
    fine = re.fullmatch(r"[A-Za-z][A-Za-z0-9\-_.]*[A-Za-z0-9]:.+", text)
    return "" if fine else f"unable to parse volume ID '{text}'"


CHECKS: dict[str, Callable[[str], str]] = {
    "pve-vmid": vmid,
    "pve-userid": userid,
    "pve-poolid": poolid,
    "mac-addr": mac,
    "pve-ipv4-config": ipv4_config,
    "pve-ipv6-config": ipv6_config,
    "pve-fw-dport-spec": port_spec,
    "pve-fw-sport-spec": port_spec,
    "pve-calendar-event": calendar_event,
    "pve-startup-order": startup_order,
    "pve-iface": interface,
    "email-opt": email,
    "pve-volume-id": volume_id,
    "dns-name": by_pattern(rf"{LABEL}(\.{LABEL})*", "value does not look like a valid DNS name"),
    "pve-configid": by_pattern(r"[a-zA-Z][\w-]+", "invalid configuration ID '{}'"),
    "pve-storage-id": by_pattern(
        r"[a-zA-Z][a-zA-Z0-9\-_.]*[a-zA-Z0-9]", "storage ID '{}' contains illegal characters"
    ),
    "pve-groupid": by_pattern(r"[A-Za-z0-9.\-_]+", "group name '{}' contains invalid characters"),
    "pve-roleid": by_pattern(r"[A-Za-z0-9.\-_]+", "role name '{}' contains invalid characters"),
    "pve-realm": by_pattern(r"[A-Za-z][A-Za-z0-9.\-_]+", "value does not look like a valid realm"),
    "pve-tag": lambda text: "" if TAG.fullmatch(text) else "invalid characters in tag",
    "pve-priv": lambda text: "" if text in PRIVILEGES else f"invalid privilege '{text}'",
    "pve-storage-content": lambda text: (
        "" if text in STORAGE_CONTENT else f"invalid content type '{text}'"
    ),
    "ipv4": lambda text: (
        "" if _address(text, 4) else "value does not look like a valid IPv4 address"
    ),
    "ipv6": lambda text: (
        "" if _address(text, 6) else "value does not look like a valid IPv6 address"
    ),
    "ip": lambda text: "" if _address(text) else "value does not look like a valid IP address",
    "lxc-ip-with-ll-iface": lambda text: (
        "" if _address(text) or text == "host" else "value does not look like a valid IP address"
    ),
    "CIDRv4": lambda text: (
        "" if _cidr(text, 4) else "value does not look like a valid IPv4 CIDR network"
    ),
    "CIDRv6": lambda text: (
        "" if _cidr(text, 6) else "value does not look like a valid IPv6 CIDR network"
    ),
    "CIDR": lambda text: "" if _cidr(text) else "value does not look like a valid CIDR network",
    "disk-size": by_pattern(r"\d+(\.\d+)?[KMGT]?", "unable to parse size '{}'"),
}
