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
HttpPath = Annotated[str, StringConstraints(pattern=r"^/[A-Za-z0-9/._~?&=%-]{0,200}$")]
HexBytes = Annotated[str, StringConstraints(pattern=r"^([0-9a-f]{2}){1,512}$")]
PortNumber = Annotated[int, Field(ge=1, le=65535)]

TEXT_TYPES: Final = frozenset({"string", "password", "select", "email"})
NUMBER_TYPES: Final = frozenset({"integer", "port"})


class _Shape(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class OsRequirements(_Shape):
    """Systems on which the scripts were seen to work."""

    family: Annotated[list[Name], Field(min_length=1, max_length=8)]
    min_version: str | None = None


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
    """Bytes to send to a TCP service and what its answer (as latin-1) looks like."""

    send: HexBytes
    expect: Annotated[str, StringConstraints(min_length=1, max_length=200)]


class Service(_Shape):
    """Something that listens once the package is installed."""

    name: Name
    protocol: Literal["http", "tcp"]
    port: PortNumber | PortOf
    path: HttpPath | None = None
    probe: Probe | None = None

    @model_validator(mode="after")
    def _fits_protocol(self) -> Self:
        if self.protocol == "tcp" and self.path is not None:
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
    os_requirements: OsRequirements
    resource_requirements: ResourceRequirements = ResourceRequirements()
    inputs: Annotated[list[Input], Field(max_length=100)] = []
    services: Annotated[list[Service], Field(max_length=16)] = []
    outputs: Annotated[list[OutputTemplate], Field(max_length=32)] = []
    install_script: FileName = "install.sh"
    check_script: FileName | None = None
    uninstall_script: FileName | None = None
    timeout_seconds: Annotated[int, Field(ge=10, le=86400)]
    idempotent: bool

    @property
    def scripts(self) -> tuple[str, ...]:
        """The only files of the package that an agent runs."""
        named = (self.install_script, self.check_script, self.uninstall_script)
        return tuple(script for script in named if script is not None)

    def input(self, name: str) -> Input | None:
        """Return the input of that name, if there is one."""
        return next((one for one in self.inputs if one.name == name), None)

    def service_port(self, service: Service, values: dict[str, Value]) -> int:
        """Return the port on which a service listens, given the inputs."""
        if isinstance(service.port, int):
            return service.port
        return int(values[service.port.input])
