"""What the shape of a manifest cannot say: rules between its parts, each with line and fix."""

import difflib
import functools
import re
from collections.abc import Iterator
from typing import Final, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from stead.catalog import demands, rules
from stead.catalog.declarations import declaration
from stead.catalog.document import Document, Where
from stead.catalog.errors import PackageError, Problem
from stead.catalog.schemas import NUMBER_TYPES, TEXT_TYPES, Input, Manifest, PortOf, Proof
from stead_agent import inputs as agent_inputs

_Fault = tuple[Where, str, str]
_GENERATED: Final = "x" * 24
_Shape = TypeVar("_Shape", bound=BaseModel)


def parse(document: Document) -> Manifest:
    """Turn a document into a manifest; raises PackageError with every fault found."""
    manifest = shaped(document, Manifest)
    faults = [
        *_inputs(manifest),
        *_services(manifest),
        *_outputs(manifest),
        *demands.faults(manifest),
    ]
    if faults:
        raise PackageError(*(document.problem(*fault) for fault in faults))
    return manifest


def parse_proof(document: Document, manifest: Manifest) -> Proof:
    """Turn ``proof.yml`` into a proof for this manifest; raises PackageError."""
    proof = shaped(document, Proof)
    faults = [
        ((group, name), f"{name} is no input of the manifest", "name one of its inputs")
        for group, given in (("inputs", proof.inputs), ("change", proof.change))
        for name in given
        if manifest.input(name) is None
    ]
    if faults:
        raise PackageError(*(document.problem(*fault) for fault in faults))
    return proof


def shaped(document: Document, shape: type[_Shape]) -> _Shape:
    """Return a document as this shape; raises PackageError with a problem for each fault."""
    try:
        return shape.model_validate(document.value)
    except ValidationError as error:
        details = error.errors(include_url=False, include_context=False)
        problems = (_shape_problem(document, shape, one) for one in details)
        raise PackageError(*problems) from error


def _shape_problem(document: Document, shape: type[BaseModel], detail: ErrorDetails) -> Problem:
    where = tuple(part for part in detail["loc"] if not _is_branch(part))
    name = ".".join(str(part) for part in where) or "the document"
    kind = detail["type"]
    if kind == "missing":
        return document.problem(where, f"{name} is missing", f"add {where[-1]}")
    if kind == "extra_forbidden":
        near = difflib.get_close_matches(str(where[-1]), _keys(shape), 1)
        fix = f"write {near[0]}" if near else "remove it"
        return document.problem(where, f"{name} is not a key of a {shape.__name__.lower()}", fix)
    if kind == "string_type":
        return document.problem(where, f"{name} is not text", "put the value in quotes")
    reason = detail["msg"].removeprefix("Value error, ")
    return document.problem(where, f"{name}: {reason[:1].lower()}{reason[1:]}", "correct it")


def _is_branch(part: str | int) -> bool:
    """Tell whether a part of pydantic's location names a branch of a union, not a key."""
    branches = ("int", "str", "bool", "PortOf")
    return part in branches or str(part).startswith(("constrained-", "dict["))


@functools.cache
def _keys(shape: type[BaseModel]) -> list[str]:
    schema = shape.model_json_schema()
    parts = [schema, *schema.get("$defs", {}).values()]
    return [key for part in parts for key in part.get("properties", {})]


def _inputs(manifest: Manifest) -> Iterator[_Fault]:
    seen: dict[str, Input] = {}
    for at, one in enumerate(manifest.inputs):
        for key, message, fix in _input(one, seen):
            yield ("inputs", at, *key.split(".")), f"input {one.name} {message}", fix
        seen[one.name] = one


def _input(one: Input, earlier: dict[str, Input]) -> Iterator[tuple[str, str, str]]:
    if one.name in earlier:
        yield "name", "is declared twice", "give it another name"
    if one.name in rules.OUTPUT_NAMES or rules.is_reserved(one.name):
        yield "name", "has a reserved name", f"name it for example app_{one.name}"
    yield from _input_secret(one)
    yield from _input_rules(one)
    yield from _input_visibility(one, earlier)
    if one.default is not None and not one.is_secret:
        wrong = agent_inputs.check([declaration(one)], {one.name: one.default})
        if wrong:
            yield "default", f"refuses its own default: {wrong[one.name]}", "change one of them"


def _input_secret(one: Input) -> Iterator[tuple[str, str, str]]:
    if one.is_secret and one.default is not None:
        yield "default", "has a default secret", "remove it; say generate: true instead"
    if one.default is not None and not one.is_secret and rules.names_a_secret(one.name):
        fix = "make it a password with generate: true"
        yield "default", "sounds like a secret and has a default", fix
    if one.is_secret and one.type not in ("string", "password"):
        yield "sensitive", "is sensitive but no text", "make it a string or a password"
    if one.generate and one.type != "password":
        yield "generate", "is generated but no password", "make its type password"
    if one.generate and one.type == "password":
        wrong = agent_inputs.check([declaration(one)], {one.name: _GENERATED})
        if wrong:
            yield "validation", "refuses the 24 letters and digits we make", "allow them"


def _input_rules(one: Input) -> Iterator[tuple[str, str, str]]:
    limits = one.validation
    if one.type == "select" and limits.allowed_values is None:
        yield "validation", "offers nothing to select", "list validation.allowed_values"
    if limits.pattern is not None and (fault := rules.pattern_problem(limits.pattern)):
        fix = r"write it like '^[a-z0-9-]+$'"
        yield "validation.pattern", f"has a pattern that cannot be used: {fault}", fix
    texts = {"pattern", "min_length", "max_length", "allowed_values"}
    for key in limits.model_fields_set:
        if one.type not in (TEXT_TYPES if key in texts else NUMBER_TYPES):
            yield f"validation.{key}", f"has the rule {key}, not made for {one.type}", "remove it"
    bounds = ((limits.min, limits.max), (limits.min_length, limits.max_length))
    if any(low is not None and high is not None and low > high for low, high in bounds):
        yield "validation", "has a lowest value above its highest", "swap them"


def _input_visibility(one: Input, earlier: dict[str, Input]) -> Iterator[tuple[str, str, str]]:
    if one.visible_if is None:
        return
    other = earlier.get(one.visible_if.input)
    if other is None:
        yield "visible_if.input", "depends on no earlier input", "name an input written above it"
    elif other.is_secret:
        yield "visible_if.input", "depends on a secret", "name an input that is no secret"
    elif agent_inputs.check([declaration(other)], {other.name: one.visible_if.equals}):
        fix = f"use a value that {other.name} can have"
        yield "visible_if.equals", "waits for an impossible value", fix


def _services(manifest: Manifest) -> Iterator[_Fault]:
    names = [service.name for service in manifest.services]
    for at, service in enumerate(manifest.services):
        if names.count(service.name) > 1:
            yield ("services", at), f"service {service.name} is there twice", "rename one"
        if isinstance(service.port, PortOf):
            source = manifest.input(service.port.input)
            if source is None or source.type != "port" or not source.required or source.visible_if:
                fix = "name an input of type port that is required and always visible"
                yield ("services", at, "port"), f"service {service.name} may have no port", fix
        if service.probe is not None and not _compiles(service.probe.expect):
            where = ("services", at, "probe", "expect")
            yield where, "is not a regular expression", "correct it"


def _compiles(expression: str) -> bool:
    try:
        re.compile(expression)
    except (re.error, OverflowError, RecursionError):
        return False
    return True


def _outputs(manifest: Manifest) -> Iterator[_Fault]:
    names = [output.name for output in manifest.outputs]
    for at, output in enumerate(manifest.outputs):
        where: Where = ("outputs", at, "value")
        if names.count(output.name) > 1:
            yield ("outputs", at), f"output {output.name} is there twice", "rename one"
        if rules.has_stray_brace(output.value):
            yield where, "has a brace that encloses no name", "write {host} or {an_input}"
        for name in rules.placeholders(output.value):
            if name not in rules.OUTPUT_NAMES and manifest.input(name) is None:
                yield where, f"names {name}, which is no input", "name an input, host, port or url"
