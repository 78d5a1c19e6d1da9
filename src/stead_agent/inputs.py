"""Rules for the inputs of a package: which values are right, and what a script sees of them.

The control plane decides by the same rules; tests/vectors/inputs.json holds both to them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from stead_agent import patterns

Declaration = Mapping[str, object]

VALUE_LIMIT = 64 * 1024
INPUT_LIMIT = 100
WHOLE_NUMBER_LIMIT = 2**63

_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_NUMBER = re.compile(r"0|-?[1-9][0-9]{0,18}")
_LABEL = "[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_EMAIL = re.compile(rf"[A-Za-z0-9_%+-]+(?:\.[A-Za-z0-9_%+-]+)*@{_LABEL}(?:\.{_LABEL})+")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_RESERVED = frozenset(
    """PATH HOME LANG LANGUAGE IFS ENV SHELL USER LOGNAME TMPDIR DEBIAN_FRONTEND PROVISIONING_JOB
    PWD OLDPWD CDPATH PS4 SHELLOPTS GLOBIGNORE APT_CONFIG OPENSSL_CONF NODE_OPTIONS RUBYOPT
    GCONV_PATH HOSTALIASES LOCPATH NLSPATH""".split()  # noqa: SIM905 - a list would be 26 lines
)
_RESERVED_PREFIXES = ("LD_", "LC_", "BASH", "PYTHON", "PERL", "STEAD_", "SSL_")
_TEXTS = frozenset({"string", "password", "select", "email"})
_NUMBERS = frozenset({"integer", "port"})
_PORT_RANGE = {"min": 1, "max": 65535}


def check(declared: Sequence[Declaration], values: Mapping[str, object]) -> dict[str, str]:
    """Return what is wrong, by the name of the input; empty when a script may run with this."""
    problems: dict[str, str] = {}
    if len(declared) > INPUT_LIMIT:
        return {"inputs": f"A package declares at most {INPUT_LIMIT} inputs."}
    for one in declared:
        name = str(one.get("name", ""))
        problem = _name_problem(name, [other.get("name") for other in declared])
        problem = problem or _value_problem(one, _answer(one, values))
        if problem:
            problems[name] = problem
    known = {one.get("name") for one in declared}
    for name in values:
        if name not in known:
            problems[name] = "The package declares no such input."
    return problems


def environment(declared: Sequence[Declaration], values: Mapping[str, object]) -> dict[str, str]:
    """Return the variables of checked inputs; one without an answer is there, but empty."""
    variables = {}
    for one in declared:
        answer = _answer(one, values)
        text = "" if answer is None else _text(str(one.get("type")), answer)
        variables[str(one["name"]).upper()] = text or ""
    return variables


def is_reserved(variable: str) -> bool:
    """Tell whether an environment variable may never come from an input."""
    return variable in _RESERVED or variable.startswith(_RESERVED_PREFIXES)


def _answer(declared: Declaration, values: Mapping[str, object]) -> object:
    name = declared.get("name")
    return values[name] if name in values else declared.get("default")  # type: ignore[index]


def _name_problem(name: str, names: list[object]) -> str | None:
    if not _NAME.fullmatch(name):
        return "An input's name is a lower-case letter, then letters, digits and underscores."
    if is_reserved(name.upper()):
        return f"{name.upper()} is a reserved name."
    if names.count(name) > 1:
        return "The package declares this input twice."
    return None


def _value_problem(declared: Declaration, value: object) -> str | None:
    if declared.get("type") not in _TEXTS | _NUMBERS | {"boolean"}:
        return "The package declares a type that does not exist."
    if value is None or value == "":
        return "A value is required." if declared.get("required") is True else None
    kind = str(declared["type"])
    text = _text(kind, value)
    if text is None:
        return f"This is not a value of type {kind}."
    rules = declared.get("validation") or {}
    if not isinstance(rules, Mapping):
        return "The package's rules for this input cannot be read."
    return _choice_problem(kind, text, rules) or _range_problem(kind, text, rules)


def _text(kind: str, value: object) -> str | None:
    """Return the value as a script sees it, or None when it is not of that type."""
    if kind == "boolean":
        return _boolean_text(value)
    if kind in _NUMBERS:
        return _number_text(value)
    if not isinstance(value, str) or _CONTROL.search(value) or not _is_unicode(value):
        return None
    if kind == "email" and (len(value) > 254 or not _EMAIL.fullmatch(value)):  # noqa: PLR2004 - RFC 5321
        return None
    return value if len(value.encode()) <= VALUE_LIMIT else None


def _boolean_text(value: object) -> str | None:
    if isinstance(value, bool):
        return str(value).lower()
    return value if value in ("true", "false") and isinstance(value, str) else None


def _number_text(value: object) -> str | None:
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return str(value) if -WHOLE_NUMBER_LIMIT <= value < WHOLE_NUMBER_LIMIT else None


def _is_unicode(text: str) -> bool:
    return not any("\ud800" <= char <= "\udfff" for char in text)


def _choice_problem(kind: str, text: str, rules: Mapping[str, object]) -> str | None:
    allowed = rules.get("allowed_values")
    if allowed is None:
        return "The package names no values to choose from." if kind == "select" else None
    if not isinstance(allowed, (list, tuple)):
        return "The package's list of allowed values cannot be read."
    if text not in [_text(kind, choice) for choice in allowed]:
        return "This is not one of the allowed values."
    return None


def _range_problem(kind: str, text: str, rules: Mapping[str, object]) -> str | None:
    if kind in _NUMBERS:
        problem = _bounds_problem(int(text), rules, ("min", "max"), "")
        if kind == "port":
            problem = _bounds_problem(int(text), _PORT_RANGE, ("min", "max"), "") or problem
        return problem
    if kind not in _TEXTS:
        return None
    lengths = ("min_length", "max_length")
    return _bounds_problem(len(text), rules, lengths, " characters") or _pattern_problem(
        text, rules.get("pattern")
    )


def _bounds_problem(
    size: int, rules: Mapping[str, object], names: tuple[str, str], unit: str
) -> str | None:
    low, high = _bound(rules, names[0]), _bound(rules, names[1])
    if low is not None and size < low:
        return f"This is less than {low}{unit}."
    if high is not None and size > high:
        return f"This is more than {high}{unit}."
    return None


def _bound(rules: Mapping[str, object], name: str) -> int | None:
    bound = rules.get(name)
    return bound if isinstance(bound, int) and not isinstance(bound, bool) else None


def _pattern_problem(text: str, pattern: object) -> str | None:
    if pattern is None:
        return None
    if not isinstance(pattern, str):
        return "The package's pattern cannot be read."
    try:
        fits = patterns.matches(pattern, text)
    except patterns.PatternError as error:
        return f"The pattern cannot be applied: {error}."
    return None if fits else "This does not have the required form."
