"""Turns what somebody filled in into checked inputs, deciding by the agent's own rules."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from stead.catalog import declarations
from stead.catalog.errors import InvalidInputsError
from stead.catalog.schemas import NUMBER_TYPES, Input, Manifest, Value
from stead.kit import ids
from stead.kit.secrets import Secret
from stead_agent import inputs as agent_inputs

_WHOLE = re.compile(r"0|-?[1-9][0-9]{0,18}")
_WORDS = {"on": True, "true": True, "off": False, "false": False}


@dataclass(frozen=True, slots=True)
class Inputs:
    """Checked answers; those that must not be seen are apart."""

    values: dict[str, Value]
    secrets: dict[str, Secret]


def validate(manifest: Manifest, raw: Mapping[str, object]) -> Inputs:
    """Check answers from a form (text) or from the API (typed) and complete them.

    No answer (missing or None) takes the default; an empty text says "nothing" and stays. Inputs
    that are not visible are dropped. Passwords to be generated are made here, once.
    Raises InvalidInputsError with a sentence for every input that is wrong or unknown.
    """
    answers: dict[str, object] = {}
    shown: list[Input] = []
    for one in manifest.inputs:
        if _is_shown(one, answers):
            shown.append(one)
            answers.update(_answer(one, raw))
    known = {one.name for one in manifest.inputs}
    unknown = {name: answer for name, answer in raw.items() if name not in known}
    problems = agent_inputs.check([_asked(one) for one in shown], {**answers, **unknown})
    if problems:
        raise InvalidInputsError(problems)
    return _split(shown, answers)


def _is_shown(one: Input, answers: Mapping[str, object]) -> bool:
    rule = one.visible_if
    if rule is None:
        return True
    answer = answers.get(rule.input)
    return type(answer) is type(rule.equals) and answer == rule.equals


def _asked(one: Input) -> dict[str, object]:
    return {**declarations.declaration(one), "required": one.required, "default": None}


def _answer(one: Input, raw: Mapping[str, object]) -> dict[str, object]:
    given = raw.get(one.name)
    if given is None:
        given = one.default
    if given in (None, "") and one.generate:
        return {one.name: ids.new_password()}
    return {} if given is None else {one.name: _typed(one.type, given)}


def _typed(kind: str, given: object) -> object:
    """Read the text of a form; whatever is not plain is left for the check to refuse."""
    if not isinstance(given, str):
        return given
    if kind in NUMBER_TYPES and _WHOLE.fullmatch(given):
        return int(given)
    if kind == "boolean":
        return _WORDS.get(given, given)
    return given


def _split(shown: list[Input], answers: Mapping[str, object]) -> Inputs:
    values: dict[str, Value] = {}
    secrets: dict[str, Secret] = {}
    for one in shown:
        answer = answers.get(one.name)
        if not isinstance(answer, str | int):
            continue
        if one.is_secret:
            secrets[one.name] = Secret(str(answer))
        else:
            values[one.name] = answer
    return Inputs(values, secrets)
