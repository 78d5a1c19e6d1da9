"""The wire format between control plane and edge: snapshot down, report up.

A name that a route does not know is refused, never ignored: an edge that skipped a
protection it has not learned yet would expose what was meant to be guarded.
"""

import ipaddress
import re
from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictBool, StrictInt, StrictStr

_ID: Final = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$"
_LABEL: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_MAX_HOST: Final = 253
_MAX_BACKENDS: Final = 64
_MAX_PEM: Final = 65_536
_MAX_PORT: Final = 65_535
_BODY: Final = r"-----\r?\n[A-Za-z0-9+/=\s]+-----END "
_CHAIN: Final = re.compile(
    rf"\s*(-----BEGIN CERTIFICATE{_BODY}CERTIFICATE-----\s*)+",
)
_KEY: Final = re.compile(
    rf"\s*-----BEGIN ((?:EC |RSA )?PRIVATE KEY){_BODY}\1-----\s*",
)


def _host(value: str) -> str:
    labels = value.split(".")
    if len(value) > _MAX_HOST or not all(_LABEL.fullmatch(label) for label in labels):
        raise ValueError("is not a lower-case DNS name")
    if labels[-1].isdigit():
        raise ValueError("is an address, not a DNS name")
    return value


def _backend(value: str) -> str:
    """Accept ``10.0.0.1:80`` and ``[fd00::1]:80``, written in exactly one way."""
    address, colon, port = value.rpartition(":")
    if not colon or not re.fullmatch(r"[1-9][0-9]{0,4}", port) or int(port) > _MAX_PORT:
        raise ValueError("has no port between 1 and 65535")
    bare = address[1:-1] if address.startswith("[") and address.endswith("]") else address
    try:
        ip = ipaddress.ip_address(bare)
    except ValueError as error:
        raise ValueError("is not an IP address and a port") from error
    if address != (f"[{ip}]" if ip.version == 6 else str(ip)) or "%" in address:  # noqa: PLR2004  (the protocol's number)
        raise ValueError("is not an IP address in its usual spelling")
    if ip.is_unspecified or ip.is_multicast or ip.is_link_local:
        raise ValueError("is not an address that a backend can have")
    return value


def _http_backend(value: str) -> str:
    if not value.startswith("http://"):
        raise ValueError("does not begin with http://")
    _backend(value.removeprefix("http://"))
    return value


def _chain(value: str) -> str:
    if not _CHAIN.fullmatch(value):
        raise ValueError("is not a PEM certificate chain")
    return value


def _key(value: str) -> str:
    if not _KEY.fullmatch(value):
        raise ValueError("is not an unencrypted PEM private key")
    return value


Id = Annotated[StrictStr, Field(pattern=_ID)]
Host = Annotated[StrictStr, AfterValidator(_host)]
Port = Annotated[StrictInt, Field(ge=1, le=_MAX_PORT)]
Count = Annotated[StrictInt, Field(ge=0)]
TcpBackend = Annotated[StrictStr, AfterValidator(_backend)]
HttpBackend = Annotated[StrictStr, AfterValidator(_http_backend)]
Chain = Annotated[StrictStr, Field(max_length=_MAX_PEM), AfterValidator(_chain)]
Key = Annotated[StrictStr, Field(max_length=_MAX_PEM, repr=False), AfterValidator(_key)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class _Route(_Part):
    id: Id


class HttpRoute(_Route):
    """A host name, served over HTTPS by one of the backends.

    A stopped one is answered by the edge itself, which says so.
    """

    host: Host
    backends: Annotated[tuple[HttpBackend, ...], Field(min_length=1, max_length=_MAX_BACKENDS)]
    certificate: Id
    stopped: StrictBool = False


class TcpRoute(_Route):
    """A port of the edge, connected to one of the backends."""

    port: Port
    backends: Annotated[tuple[TcpBackend, ...], Field(min_length=1, max_length=_MAX_BACKENDS)]


class Certificate(_Part):
    """A chain, leaf first, and its key; the key is not part of the representation."""

    id: Id
    chain: Chain
    key: Key


class Snapshot(_Part):
    """Everything an edge serves at one version; a later one replaces it entirely."""

    model_config = ConfigDict(extra="ignore")

    epoch: Count
    version: Count
    http: tuple[HttpRoute, ...] = ()
    tcp: tuple[TcpRoute, ...] = ()
    certificates: tuple[Certificate, ...] = ()

    @property
    def order(self) -> tuple[int, int]:
        """Return what decides which of two snapshots is newer."""
        return self.epoch, self.version

    @property
    def etag(self) -> str:
        """Return the entity tag under which control plane and edge know this version."""
        return f'"{self.epoch}.{self.version}"'


class RouteReport(_Part):
    """Whether one route is active, and why not."""

    ok: StrictBool
    error: str = ""


class Report(_Part):
    """What became of a snapshot on this edge."""

    epoch: Count
    version: Count
    routes: dict[str, RouteReport]
    error: str = ""

    @property
    def clean(self) -> bool:
        """Tell whether everything that was asked for is active."""
        return not self.error and all(route.ok for route in self.routes.values())
