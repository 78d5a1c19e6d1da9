"""The shape of ``manifest.yml``: what a package is, asks for, runs, serves and gives back."""

from typing import Annotated, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

InputType = Literal["string", "integer", "boolean", "password", "select", "email", "port"]
Value = str | int | bool

Line = Annotated[
    str, StringConstraints(min_length=1, max_length=120, pattern=r"^[^\x00-\x1f\x7f]+$")
]
Prose = Annotated[str, StringConstraints(max_length=4000)]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$")]
SnakeName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
Version = Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z][0-9A-Za-z.+~-]{0,39}$")]
FileName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_.-]{0,60}$")]
UnitName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9@_.:-]{0,79}$")]
HttpPath = Annotated[str, StringConstraints(pattern=r"^/[A-Za-z0-9/._~?&=%-]{0,200}$")]
HexBytes = Annotated[str, StringConstraints(pattern=r"^([0-9a-f]{2}){0,512}$")]
PortNumber = Annotated[int, Field(ge=1, le=65535)]
OsVersion = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,4}(\.[0-9]{1,4}){0,2}$")]
VersionRange = Annotated[
    str,
    StringConstraints(
        pattern=r"^(\*|(>=|<=|==|!=|>|<)[0-9A-Za-z.+~-]{1,40}"
        r"( (>=|<=|==|!=|>|<)[0-9A-Za-z.+~-]{1,40}){0,4})$"
    ),
]
DataPath = Annotated[
    str, StringConstraints(max_length=200, pattern=r"^(/[A-Za-z0-9_][A-Za-z0-9_.@+-]*){2,12}$")
]

TEXT_TYPES: Final = frozenset({"string", "password", "select", "email"})
NUMBER_TYPES: Final = frozenset({"integer", "port"})


class _Shape(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class OsRequirements(_Shape):
    """Systems on which the scripts were seen to work.

    A plain ``min_version`` counts for the first family; a mapping says it for each.
    """

    family: Annotated[list[Name], Field(min_length=1, max_length=8)]
    min_version: OsVersion | dict[Name, OsVersion] | None = None

    @property
    def lowest(self) -> dict[str, str]:
        """Return the families with the lowest version of each, or nothing where any will do."""
        given = self.min_version
        named = {self.family[0]: given} if isinstance(given, str) else given or {}
        return {family: named.get(family, "") for family in self.family}


class ResourceRequirements(_Shape):
    """The smallest guest that makes sense."""

    min_ram_mb: Annotated[int, Field(ge=16, le=4_194_304)] = 256
    min_disk_mb: Annotated[int, Field(ge=16, le=1_073_741_824)] = 1024
    min_cores: Annotated[int, Field(ge=1, le=1024)] = 1


class Validation(_Shape):
    """Demands on a value, checked by the control plane and again in the guest."""

    pattern: str | None = None
    min_length: Annotated[int, Field(ge=0, le=65536)] | None = None
    max_length: Annotated[int, Field(ge=1, le=65536)] | None = None
    min: int | None = None
    max: int | None = None
    allowed_values: Annotated[list[Line], Field(min_length=1, max_length=200)] | None = None


class VisibleIf(_Shape):
    """Shows an input only while an earlier one has this value."""

    input: SnakeName
    equals: Value


class Input(_Shape):
    """One question to the person who deploys; the answer reaches scripts as ``NAME``."""

    name: SnakeName
    type: InputType
    label: Line
    description: Prose = ""
    required: bool = False
    default: Value | None = None
    validation: Validation = Validation()
    visible_if: VisibleIf | None = None
    sensitive: bool = False
    generate: bool = False

    @property
    def is_secret(self) -> bool:
        """Whether the answer is kept from pages, logs and the job's payload."""
        return self.sensitive or self.type == "password"


class PortOf(_Shape):
    """A port that an input decides."""

    input: SnakeName


class Probe(_Shape):
    """Bytes to send to a TCP service, none where it speaks first, and its answer (as latin-1)."""

    send: HexBytes = ""
    expect: Annotated[str, StringConstraints(min_length=1, max_length=200)]


class Service(_Shape):
    """Something that listens once the package is installed."""

    name: Name
    protocol: Literal["http", "tcp"]
    port: PortNumber | PortOf
    path: HttpPath | None = None
    health_path: HttpPath | None = None
    exposure: Literal["public", "private"] = "public"
    probe: Probe | None = None

    @model_validator(mode="after")
    def _fits_protocol(self) -> Self:
        if self.protocol == "tcp" and (self.path or self.health_path):
            message = "a tcp service has no path"
            raise ValueError(message)
        if self.protocol == "http" and self.probe is not None:
            message = "an http service has no probe"
            raise ValueError(message)
        return self


class OutputTemplate(_Shape):
    """Something the person who deploys wants to copy, such as a connection URL."""

    name: SnakeName
    label: Line
    value: Annotated[str, StringConstraints(min_length=1, max_length=1000)]


class Metrics(_Shape):
    """Where a service tells its figures in the text format of Prometheus."""

    service: Name
    path: HttpPath = "/metrics"


class Dependency(_Shape):
    """Another app that must be there first, in a version within a range such as ``>=1.2 <2``."""

    package: Name
    version: VersionRange = "*"


class Manifest(_Shape):
    """A package as its author describes it."""

    id: Name
    name: Line
    version: Version
    summary: Line | None = None
    description: Prose
    category: Name
    author: Line
    notes: Prose | None = None
    tags: Annotated[list[Name], Field(max_length=16)] = []
    os_requirements: OsRequirements
    resource_requirements: ResourceRequirements = ResourceRequirements()
    nesting: bool = False
    dependencies: Annotated[list[Dependency], Field(max_length=16)] = []
    conflicts: Annotated[list[Dependency], Field(max_length=16)] = []
    inputs: Annotated[list[Input], Field(max_length=100)] = []
    services: Annotated[list[Service], Field(max_length=16)] = []
    outputs: Annotated[list[OutputTemplate], Field(max_length=32)] = []
    metrics: Metrics | None = None
    data: Annotated[list[DataPath], Field(max_length=16)] = []
    install_script: FileName = "install.sh"
    upgrade_script: FileName | None = None
    check_script: FileName | None = None
    backup_script: FileName | None = None
    restore_script: FileName | None = None
    uninstall_script: FileName | None = None
    timeout_seconds: Annotated[int, Field(ge=10, le=86400)]
    idempotent: bool

    @property
    def scripts(self) -> tuple[str, ...]:
        """The only files of the package that an agent runs."""
        named = (
            self.install_script,
            self.upgrade_script,
            self.check_script,
            self.backup_script,
            self.restore_script,
            self.uninstall_script,
        )
        return tuple(script for script in named if script is not None)

    def input(self, name: str) -> Input | None:
        """Return the input of that name, if there is one."""
        return next((one for one in self.inputs if one.name == name), None)

    @property
    def public_services(self) -> list[Service]:
        """The services that get an address of their own; the others stay inside the project."""
        return [service for service in self.services if service.exposure == "public"]

    def service_port(self, service: Service, values: dict[str, Value]) -> int:
        """Return the port on which a service listens, given the inputs."""
        if isinstance(service.port, int):
            return service.port
        return int(values[service.port.input])

    def service(self, name: str) -> Service | None:
        """Return the service of that name, if there is one."""
        return next((one for one in self.services if one.name == name), None)


def manifest_schema() -> dict[str, object]:
    """Return the published JSON Schema (2020-12) of ``manifest.yml``."""
    dialect = "https://json-schema.org/draft/2020-12/schema"
    return {"$schema": dialect, **Manifest.model_json_schema()}


class Proof(_Shape):
    """How the prover shows that a package does what it says (``proof.yml``).

    ``proof/changed.sh`` succeeds once ``change`` is in effect, ``proof/write.sh`` writes $MARKER
    through the app's own protocol and ``proof/read.sh`` succeeds where it can be read.
    ``unproven`` says why the package is shipped before anybody could go through all that.
    """

    inputs: dict[SnakeName, Value] = {}
    change: Annotated[dict[SnakeName, Value], Field(min_length=1, max_length=1)]
    stop: Annotated[list[UnitName], Field(min_length=1, max_length=8)]
    stateless: Line | None = None
    unproven: Line | None = None
    leftovers: Annotated[list[Line], Field(max_length=40)] = []
