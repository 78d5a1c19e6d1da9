"""Process settings: frozen groups read once from a TOML file and STEAD_* variables."""

import os
import tomllib
from collections.abc import Mapping
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    IPvAnyNetwork,
    PrivateAttr,
    ValidationError,
    model_validator,
)

DEFAULT_PATH = Path("/etc/stead/stead.toml")


# What became a platform setting, so that only one place decides.
MOVED: Final = {("server", "keep_operations_days"): "operations.keep_days"}
# Variables that other programs know too; ours, and the file, come first.
USUAL: Final = {"telemetry.endpoint": "OTEL_EXPORTER_OTLP_ENDPOINT"}
_PROJECT_PREFIX: Final = 24
Port = Annotated[int, Field(ge=1, le=65535)]


def _roomy(network: IPv4Network) -> IPv4Network:
    if network.prefixlen > _PROJECT_PREFIX:
        raise ValueError(f"has no room for networks of /{_PROJECT_PREFIX}")
    return network


class SettingsError(Exception):
    """The configuration cannot be read; the message names the file and the setting."""


class Group(BaseModel):
    """One concern's settings; unknown names are refused so that a typo is not silence."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ServerSettings(Group):
    """Where the control plane keeps its data and listens.

    ``database`` is empty for SQLite or ``postgresql+asyncpg://USER:PASSWORD@HOST/NAME``.
    ``agent_address`` is this machine's address at which agents of plain servers call; none,
    and only guests have agents.
    ``edges`` are the networks whose word about a client's address is believed.
    """

    data_dir: Path = Path("/var/lib/stead")
    database: str = ""
    domain: str = "stead.localhost"
    console_host: str = "127.0.0.1"
    console_port: Port = 8080
    agent_port: Port = 8444
    agent_address: IPv4Address | None = None
    https_port: Port = 443
    json_logs: bool = False
    packages: tuple[Path, ...] = ()
    edges: tuple[IPvAnyNetwork, ...] = (IPv4Network("127.0.0.0/8"), IPv6Network("::1/128"))

    @property
    def database_url(self) -> str:
        """Return where state lives: the given PostgreSQL, else a file in the data folder."""
        return self.database or f"sqlite+aiosqlite:///{self.data_dir}/stead.db"

    @property
    def agent_tls(self) -> Path:
        """Return where the certificates of the agents' listeners lie."""
        return self.data_dir / "agent-tls"

    @property
    def console_name(self) -> str:
        """Return the host name of console and API."""
        return f"console.{self.domain}"

    @property
    def apps_domain(self) -> str:
        """Return the domain below which tenants' apps are served."""
        return f"apps.{self.domain}"

    @property
    def console_url(self) -> str:
        """Return the address of the console through the edge."""
        port = "" if self.https_port == 443 else f":{self.https_port}"  # noqa: PLR2004
        return f"https://{self.console_name}{port}"


class EngineSettings(Group):
    """Which engine makes this server's containers.

    ``simulator`` makes none: everything can be looked at and nothing runs, which the console
    says on every page. It is for machines where no container can start, and for tests.
    """

    kind: Literal["incus", "simulator"] = "incus"

    @property
    def simulated(self) -> bool:
        """Tell whether nothing that the console shows really runs."""
        return self.kind == "simulator"


class SimulatorSettings(Group):
    """The simulated cluster: how large, how fast, and which bad days it has.

    ``faults`` names a JSON file of rules; without one every day is good.
    """

    nodes: Annotated[int, Field(ge=1, le=1000)] = 3
    speed: Annotated[float, Field(gt=0, le=1000)] = 1
    faults: Path | None = None


class IncusSettings(Group):
    """How the local Incus is reached and which of its resources are ours."""

    url: str = "https://127.0.0.1:8443"
    project: str = "stead"
    pool: str = "stead"
    image: str = "stead-base"
    client_cert: Path = Path("/etc/stead/incus-client.crt")
    client_key: Path = Path("/etc/stead/incus-client.key")
    server_cert: Path = Path("/etc/stead/incus-server.crt")


class NetworkSettings(Group):
    """The range from which each project gets its own /24."""

    range: Annotated[IPv4Network, AfterValidator(_roomy)] = IPv4Network("10.90.0.0/16")


class EdgeSettings(Group):
    """The proxy host: what it listens on and where it pulls its snapshot."""

    control_url: str = "http://127.0.0.1:8080"
    token_file: Path = Path("/var/lib/stead/edge.token")
    state_dir: Path = Path("/var/lib/stead-edge")
    address: str = ""
    probe_address: str = "127.0.0.1"
    http_port: Port = 80
    https_port: Port = 443
    tcp_first: Port = 20000
    tcp_last: Port = 20999


class AuditSettings(Group):
    """Where the audit trail tells its end besides the data folder.

    ``syslog`` is a socket such as ``/dev/log``, or ``HOST:PORT`` for UDP; empty for nowhere.
    """

    syslog: str = ""


class TelemetrySettings(Group):
    """Where traces and figures are sent by OTLP over HTTP; empty for nowhere.

    ``endpoint`` is a collector's address such as ``http://127.0.0.1:4318``. The variable
    ``OTEL_EXPORTER_OTLP_ENDPOINT`` is taken where nothing else names one.
    """

    endpoint: str = ""
    service: str = "stead"


class RedisSettings(Group):
    """A Redis that carries jobs to agents and their words back, besides HTTPS; empty for none.

    ``url`` is ``rediss://USER:PASSWORD@HOST:PORT`` of a user who may make users; it is always
    spoken to over TLS. ``ca_file`` holds the CA of its certificate, for this server and agents.
    ``agent_address`` is HOST:PORT at which agents reach it, where that is another.
    """

    url: str = ""
    ca_file: Path | None = None
    agent_address: str = ""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.url and not (self.url.startswith("rediss://") and urlsplit(self.url).hostname):
            raise ValueError("url is not rediss://USER:PASSWORD@HOST:PORT")
        if self.url and self.ca_file is None:
            raise ValueError("ca_file is missing")
        host, colon, port = self.agent_address.rpartition(":")
        if self.agent_address and not (host and colon and port.isdecimal()):
            raise ValueError("agent_address is not HOST:PORT")
        return self


class Source(StrEnum):
    """Where a setting's value comes from."""

    DEFAULT = "default"
    FILE = "file"
    ENVIRONMENT = "environment"


class Settings(Group):
    """Everything a process is told at start, and who told it."""

    _file: Path = PrivateAttr(default=DEFAULT_PATH)
    _sources: dict[str, Source] = PrivateAttr(default_factory=dict)

    server: ServerSettings = ServerSettings()
    engine: EngineSettings = EngineSettings()
    simulator: SimulatorSettings = SimulatorSettings()
    incus: IncusSettings = IncusSettings()
    network: NetworkSettings = NetworkSettings()
    edge: EdgeSettings = EdgeSettings()
    audit: AuditSettings = AuditSettings()
    telemetry: TelemetrySettings = TelemetrySettings()
    redis: RedisSettings = RedisSettings()

    @property
    def file(self) -> Path:
        """Return the file that was read, or would have been if it were there."""
        return self._file

    def source(self, name: str) -> Source:
        """Return where ``group.name`` comes from."""
        return self._sources.get(name, Source.DEFAULT)

    def told_by(self, file: Path, sources: Mapping[str, Source]) -> "Settings":
        """Note where these settings come from; for ``load``."""
        self._file, self._sources = file, dict(sources)
        return self


def load(path: Path | None = None) -> Settings:
    """Read the file named by the argument, by STEAD_CONFIG or the default one.

    ``STEAD_<GROUP>_<NAME>`` variables override single settings. Raises SettingsError.
    """
    chosen = path or Path(os.environ.get("STEAD_CONFIG", DEFAULT_PATH))
    try:
        data = tomllib.loads(chosen.read_text(encoding="utf-8")) if chosen.exists() else {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{chosen}: {error}") from error
    _refuse_moved(chosen, data)
    sources = {}
    for group, model in Settings.model_fields.items():
        for name in type(model.default).model_fields:
            value = os.environ.get(variable(group, name))
            if value is None and f"{group}.{name}" in USUAL and name not in data.get(group, ()):
                value = os.environ.get(USUAL[f"{group}.{name}"])
            table = data.setdefault(group, {})
            if not isinstance(table, dict):
                continue
            if name in table:
                sources[f"{group}.{name}"] = Source.FILE
            if value is not None:
                table[name] = value
                sources[f"{group}.{name}"] = Source.ENVIRONMENT
    try:
        return Settings.model_validate(data).told_by(chosen, sources)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise SettingsError(f"{chosen}: {where}: {first['msg']}") from error


def variable(group: str, name: str) -> str:
    """Return the variable of the environment that sets this."""
    return f"STEAD_{group}_{name}".upper()


def _refuse_moved(path: Path, data: dict[str, object]) -> None:
    """Say where a setting is now that was told to the process once."""
    for (group, name), now in MOVED.items():
        table = data.get(group)
        named = variable(group, name)
        if (isinstance(table, dict) and name in table) or named in os.environ:
            raise SettingsError(
                f"{path}: {group}.{name} is set for the whole platform now: take it out here"
                f" (or {named} out of the environment) and run: stead config set {now} VALUE"
            )
