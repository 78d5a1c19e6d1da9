"""The form that deploys an app: what it asks, what was answered, and its command line."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from pydantic import JsonValue, ValidationError

from stead.catalog import public as catalog
from stead.core.errors import SteadError
from stead.deployments import rules
from stead.deployments.errors import InvalidRequestError
from stead.deployments.schemas import DeploymentIn
from stead.instances.public import SHAPES, Shape, Size
from stead.kit import ids
from stead.kit.text import is_name
from stead.ui import text
from stead.ui.models import Choice

PREFIX: Final = "input."
# What every app's form asks for, and shows what is wrong beside.
OWN: Final = ("name", "size", "project", "cluster", "keep")
NAME_RULE: Final = "Use up to 40 small letters, digits and hyphens, beginning with a letter"


@dataclass(frozen=True, slots=True)
class SizeChoice:
    """A size to choose from, and whether the app runs in it."""

    size: Size
    shape: Shape
    fits: bool
    chosen: bool
    may: bool = True


@dataclass(frozen=True, slots=True)
class Way:
    """What becomes reachable: ``NAME`` in the pattern stands for the deployment's name."""

    service: str
    protocol: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Place:
    """Where apps are served."""

    domain: str
    https_port: int
    projects: tuple[Choice, ...] = ()
    clusters: tuple[Choice, ...] = ()
    allowed: rules.Allowed = rules.EVERYTHING


@dataclass(frozen=True, slots=True)
class DeployForm:
    """Everything that the form shows."""

    manifest: catalog.Manifest
    key: str
    name: str
    sizes: list[SizeChoice]
    default_size: str
    fields: list[catalog.Field]
    defaults: dict[str, str]
    ways: list[Way]
    command: str
    projects: tuple[Choice, ...] = ()
    project: str = ""
    clusters: tuple[Choice, ...] = ()
    cluster: str = ""
    keep: bool = False
    problem: str = ""
    hint: str = ""
    problems: dict[str, str] = field(default_factory=dict)


def filled(
    manifest: catalog.Manifest,
    place: Place,
    given: Mapping[str, str],
    error: SteadError | None = None,
) -> DeployForm:
    """Return the form with what was answered, secrets aside, and what is wrong with it."""
    problems = _problems(given, error)
    given_answers = answers(given)
    untouched = catalog.fields(manifest, {}, {})
    default = _default_size(manifest)
    size = given.get("size") or default
    fields = catalog.fields(manifest, given_answers, problems)
    name = given.get("name", "")
    project = given.get("project", "") if len(place.projects) > 1 else ""
    first = place.clusters[0].value if place.clusters else ""
    cluster = given.get("cluster") or first
    shown = {"name", "size", *(one.name for one in fields)}
    options = {
        "name": name,
        "project": project,
        "size": size if size != default else "",
        "cluster": cluster if cluster != first else "",
    }
    keep = given.get("keep") == "true"
    return DeployForm(
        manifest=manifest,
        key=given.get("key") or ids.new_token("web"),
        name=name,
        sizes=[_choice(manifest, place.allowed, one, size) for one in Size],
        default_size=default,
        fields=fields,
        defaults={one.name: one.value for one in untouched},
        ways=_ways(manifest, place),
        command=_command(manifest, options, fields, untouched, keep=keep),
        projects=place.projects,
        project=project,
        clusters=place.clusters,
        cluster=cluster,
        keep=keep,
        problem=error.message if error is not None else "",
        hint=error.hint if error is not None else "",
        problems={key: problems[key] for key in problems if key not in shown}
        | {key: problems[key] for key in OWN if key in problems},
    )


def asked(manifest: catalog.Manifest, given: Mapping[str, str]) -> DeploymentIn:
    """Return the request that a form means. Raises InvalidRequestError."""
    inputs: dict[str, JsonValue] = {
        name: value
        for name, value in answers(given).items()
        if value or may_be_empty(manifest, name)
    }
    try:
        return DeploymentIn.model_validate(
            {
                "app": manifest.id,
                "name": given.get("name", "").strip() or None,
                "size": given.get("size") or None,
                "project": given.get("project") or None,
                "cluster": given.get("cluster") or None,
                "keep": given.get("keep") == "true",
                "inputs": inputs,
            }
        )
    except ValidationError as error:
        raise InvalidRequestError(
            "The form has something that cannot be right",
            fields={str(one["loc"][0]): one["msg"] for one in error.errors() if one["loc"]},
        ) from error


def idempotency_key(given: Mapping[str, str]) -> str | None:
    """Return a key that is the same only when the same form is sent with the same answers."""
    key = given.get("key", "")
    if not key:
        return None
    digest = hashlib.sha256(json.dumps(sorted(given.items())).encode()).hexdigest()
    return f"web:{digest}"


def _problems(given: Mapping[str, str], error: SteadError | None) -> dict[str, str]:
    """Return what is wrong by field, the name too when the inputs were looked at first."""
    if error is None:
        return {}
    name = given.get("name", "").strip()
    own = {"name": NAME_RULE} if name and not is_name(name) else {}
    return own | error.fields


def answers(given: Mapping[str, str]) -> dict[str, str]:
    """Return the app's own inputs; browsers send line ends as CRLF."""
    return {
        name.removeprefix(PREFIX): value.replace("\r\n", "\n")
        for name, value in given.items()
        if name.startswith(PREFIX)
    }


def may_be_empty(manifest: catalog.Manifest, name: str) -> bool:
    """Tell whether an empty field is an answer; for numbers and choices it is none."""
    one = manifest.input(name)
    return one is None or one.type == "string" or one.required


def _default_size(manifest: catalog.Manifest) -> str:
    needs = manifest.resource_requirements
    smallest = rules.smallest_size(
        ram_mb=needs.min_ram_mb, disk_mb=needs.min_disk_mb, cores=needs.min_cores
    )
    return smallest.value if smallest is not None else ""


def _choice(
    manifest: catalog.Manifest, allowed: rules.Allowed, size: Size, chosen: str
) -> SizeChoice:
    needs = manifest.resource_requirements
    fits = rules.fits(
        size, ram_mb=needs.min_ram_mb, disk_mb=needs.min_disk_mb, cores=needs.min_cores
    )
    may = allowed.has(size)
    return SizeChoice(size, SHAPES[size], fits, chosen=may and size.value == chosen, may=may)


def _ways(manifest: catalog.Manifest, place: Place) -> list[Way]:
    public = manifest.public_services
    first = next((s.name for s in public if s.protocol == "http"), None)
    port = "" if place.https_port == 443 else f":{place.https_port}"  # noqa: PLR2004  (HTTPS)
    ways = []
    for service in public:
        suffix = "" if service.name == first else f"-{service.name}"
        if service.protocol == "http":
            way = Way(service.name, "HTTPS", "https://", f"{suffix}.{place.domain}{port}/")
        else:
            way = Way(service.name, "TCP", "", f".{place.domain}, on a port of its own")
        ways.append(way)
    return ways


def _command(
    manifest: catalog.Manifest,
    options: Mapping[str, str],
    fields: list[catalog.Field],
    untouched: list[catalog.Field],
    *,
    keep: bool = False,
) -> str:
    words = ["stead", "deploy", manifest.id]
    for option, value in options.items():
        words += [f"--{option}", value] if value else []
    words += ["--keep"] if keep else []
    defaults = {one.name: one.value for one in untouched}
    for one in fields:
        if one.value != defaults[one.name]:
            words += ["--set", f"{one.name}={one.value}"]
    return text.command(words)
