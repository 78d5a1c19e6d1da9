"""Makes a driver of plain options: what an administrator has entered for one cluster."""

from collections.abc import Mapping
from ipaddress import IPv4Address
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from stead.engines import trust
from stead.engines.drivers.proxmox.client import Credentials, ProxmoxClient, open_http
from stead.engines.drivers.proxmox.directory import Directory
from stead.engines.drivers.proxmox.driver import ProxmoxDriver
from stead.engines.drivers.proxmox.engine import Engine
from stead.engines.drivers.proxmox.login import Token
from stead.engines.drivers.proxmox.mapping import Site
from stead.engines.drivers.proxmox.pace import Pace
from stead.engines.drivers.proxmox.tasks import Tasks
from stead.engines.errors import InvalidError
from stead.engines.scheduler import Scheduler
from stead.kit.secrets import Secret

_NEEDED: Final = frozenset({"url", "token", "secret"})
_KNOWN: Final = _NEEDED | {
    "fingerprint",
    "ca_file",
    "storage",
    "bridge",
    "pool",
    "node",
    "prefix",
    "gateway",
    "nameserver",
    "vmid_first",
    "vmid_last",
    "filter_addresses",
}
_REAL: Final = Pace()
_SMALLEST: Final = 100
_LARGEST: Final = 999_999_999


def open_driver(options: Mapping[str, str]) -> ProxmoxDriver:
    """Return a driver for one cluster; nothing is asked of it yet. Raises Invalid."""
    missing, unknown = sorted(_NEEDED - set(options)), sorted(set(options) - _KNOWN)
    if missing or unknown:
        wrong = [f"{name} is missing" for name in missing]
        raise InvalidError("; ".join([*wrong, *(f"{name} is unknown" for name in unknown)]))
    credentials = Token(options["token"], Secret(options["secret"]))
    return driver(open_client(options, credentials), site(options))


def open_client(options: Mapping[str, str], credentials: Credentials) -> ProxmoxClient:
    """Return a client that trusts the fingerprint, the authority, or what the machine trusts."""
    url = options["url"].rstrip("/")
    if urlsplit(url).scheme != "https" or not urlsplit(url).hostname:
        raise InvalidError("url has the form https://HOST:8006")
    fingerprint, ca_file = options.get("fingerprint", ""), options.get("ca_file", "")
    tls = (
        trust.by_fingerprint(fingerprint)
        if fingerprint
        else trust.by_authority(Path(ca_file) if ca_file else None)
    )
    return ProxmoxClient(open_http(url, tls), credentials, tls)


def driver(
    client: ProxmoxClient, place: Site, scheduler: Scheduler | None = None, pace: Pace = _REAL
) -> ProxmoxDriver:
    """Return a driver that speaks through this client."""
    directory = Directory(client, place.vmids, pace)
    return ProxmoxDriver(
        Engine(client, Tasks(client, pace), directory, scheduler or Scheduler(), place)
    )


def site(options: Mapping[str, str]) -> Site:
    """Read where guests go. Raises Invalid."""
    try:
        first = int(options.get("vmid_first", "100000"))
        last = int(options.get("vmid_last", "999999"))
        gateway = options.get("gateway", "")
        prefix = int(options.get("prefix", "24"))
        found = Site(
            storage=options.get("storage", ""),
            bridge=options.get("bridge", "vmbr0"),
            pool=options.get("pool", ""),
            node=options.get("node", ""),
            prefix=prefix,
            gateway=IPv4Address(gateway) if gateway else None,
            nameserver=options.get("nameserver", ""),
            vmids=range(first, last + 1),
            filtered=options.get("filter_addresses", "no") == "yes",
        )
    except ValueError as error:
        raise InvalidError(f"An option is no number or address: {error}") from error
    if not _SMALLEST <= first <= last <= _LARGEST or not 0 <= prefix <= 32:  # noqa: PLR2004  (bits)
        raise InvalidError(f"Guest numbers go from {_SMALLEST} to {_LARGEST}, prefixes to 32")
    return found
