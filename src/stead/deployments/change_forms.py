"""The form that changes a deployment: what it is now filled in, and the same as a command."""

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import JsonValue, ValidationError

from stead.catalog import public as catalog
from stead.core.errors import SteadError
from stead.deployments import forms
from stead.deployments.errors import InvalidRequestError
from stead.deployments.schemas import ChangeIn, DeploymentOut
from stead.ui import text


@dataclass(frozen=True, slots=True)
class ChangeForm:
    """Everything that the form shows. ``version`` is the other one that it leads to, if any."""

    manifest: catalog.Manifest
    deployment: DeploymentOut
    version: str
    fields: list[catalog.Field]
    defaults: dict[str, str]
    command: str
    problem: str = ""
    hint: str = ""
    problems: dict[str, str] | None = None


def filled(
    manifest: catalog.Manifest,
    found: DeploymentOut,
    given: Mapping[str, str],
    error: SteadError | None = None,
) -> ChangeForm:
    """Return the form with what was answered, else with what is; secrets are never filled in."""
    problems = dict(error.fields) if error is not None else {}
    present = catalog.fields(manifest, found.inputs, {})
    answers = {**found.inputs, **forms.answers(given)}
    fields = catalog.fields(manifest, answers, problems)
    shown = {one.name for one in fields}
    version = manifest.version if manifest.version != found.version else ""
    before = {one.name: one.value for one in present}
    return ChangeForm(
        manifest=manifest,
        deployment=found,
        version=version,
        fields=fields,
        defaults=before,
        command=_command(found.name, version, fields, before),
        problem=error.message if error is not None else "",
        hint=error.hint if error is not None else "",
        problems={name: problems[name] for name in problems if name not in shown},
    )


def asked(manifest: catalog.Manifest, found: DeploymentOut, given: Mapping[str, str]) -> ChangeIn:
    """Return the request that a form means: what differs from what is. Raises InvalidRequest."""
    before = {one.name: one.value for one in catalog.fields(manifest, found.inputs, {})}
    inputs: dict[str, JsonValue] = {
        name: value if value or forms.may_be_empty(manifest, name) else None
        for name, value in forms.answers(given).items()
        if value != before.get(name, "")
    }
    version = given.get("version", "")
    try:
        return ChangeIn.model_validate({"version": version or None, "inputs": inputs})
    except ValidationError as error:
        raise InvalidRequestError("The form has something that cannot be right") from error


def _command(
    name: str, version: str, fields: list[catalog.Field], before: Mapping[str, str]
) -> str:
    words = ["stead", "change", name]
    words += ["--to-version", version] if version else []
    for one in fields:
        if one.value != before[one.name]:
            words += ["--set", f"{one.name}={one.value}"]
    return text.command(words)
