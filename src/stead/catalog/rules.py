"""Pure rules of packages: which names and patterns an author may use, which icons are drawings.

What a *value* may be is decided by the agent's own module, so that both sides agree by
construction: nothing that passes here is refused in the guest.
"""

import re
from collections.abc import Iterator
from typing import Final
from xml.etree import ElementTree as ET

from stead_agent import inputs as agent_inputs, patterns

ICON_LIMIT: Final = 32 * 1024
OUTPUT_NAMES: Final = frozenset({"host", "port", "url"})
SHEBANGS: Final = ("#!/bin/bash", "#!/bin/sh", "#!/usr/bin/env bash")

# A shell gives these a meaning of its own: the agent would pass them, no script would see them.
_SHELL = re.compile(
    "COLUMNS|DIRSTACK|EUID|FUNCNAME|GROUPS|HOSTNAME|HOSTTYPE|LINENO|LINES|MACHTYPE|MAIL|OPTARG|"
    "OPTERR|OPTIND|OSTYPE|PIPESTATUS|POSIXLY_CORRECT|PPID|PS1|PS2|PS3|RANDOM|REPLY|SECONDS|SHLVL|"
    "SRANDOM|TERM|TIMEFORMAT|UID"
)
_SVG: Final = "{http://www.w3.org/2000/svg}"
_DRAWING = re.compile(
    "svg|g|path|circle|ellipse|rect|line|polyline|polygon|title|desc|defs|linearGradient|"
    "radialGradient|stop|clipPath"
)
_SECRET_NAME = re.compile(r"(.*_)?(password|passwd|passphrase|secret|token|apikey|api_key)")
# A word given to something that is named like a secret: neither a variable nor a switch.
_FIXED_SECRET = re.compile(
    r"""(?i)(?:^|[\s;'"{_-])(?:password|passwd|passphrase|rootpw|secret|token|api_?key)["']?"""
    r"""\s*(?:=|:=|:-|:(?=\s))\s*["']?(?!(?:true|false|yes|no|none|null|empty)\b)"""
    r"""[A-Za-z0-9!@#%^&*._-]{3,}(?![A-Za-z0-9!@#%^&*._-]*[\[(])"""
)
_LOCKED = re.compile(r'\s*"[@a-z0-9/._-]+": "[~^]?[0-9]+\.[0-9]+\.[0-9]+[0-9A-Za-z.+-]*",?')
_PLACEHOLDER = re.compile(r"\{([a-z][a-z0-9_]*)\}")


def is_reserved(name: str) -> bool:
    """Tell whether an input of this name would change how its script runs."""
    return _SHELL.fullmatch(name.upper()) is not None or agent_inputs.is_reserved(name.upper())


def pattern_problem(pattern: str) -> str | None:
    """Say why a pattern cannot be used, or None."""
    if not (pattern.startswith("^") and pattern.endswith("$")):
        return "it is not anchored"
    try:
        patterns.matches(pattern, "")
    except patterns.PatternError as error:
        return str(error)
    return None


def names_a_secret(name: str) -> bool:
    """Tell whether an input is named like something that nobody else may know."""
    return _SECRET_NAME.fullmatch(name) is not None


def fixed_secrets(text: str) -> Iterator[tuple[int, str]]:
    """Yield line and text of every place where a script or a file sets a password itself."""
    for number, line in enumerate(text.splitlines(), 1):
        if not line.lstrip().startswith("#") and (match := _FIXED_SECRET.search(line)):
            yield number, match[0].strip()[:60]


def without_locked(text: str) -> str:
    """Blank a lock file's lines of packages and versions: some are named like secrets."""
    return "\n".join("" if _LOCKED.fullmatch(line) else line for line in text.split("\n"))


def placeholders(template: str) -> Iterator[str]:
    """Yield the names that a template of an output fills in."""
    return (match[1] for match in _PLACEHOLDER.finditer(template))


def has_stray_brace(template: str) -> bool:
    """Tell whether a template has a brace that belongs to no placeholder."""
    return bool(re.search("[{}]", _PLACEHOLDER.sub("", template)))


def script_problem(text: str) -> str | None:
    """Say why a script cannot be trusted to stop at its first failure, or None."""
    lines = text.splitlines()
    if not lines or lines[0].rstrip() not in SHEBANGS:
        return f"does not begin with {SHEBANGS[0]}"
    code = (line for line in lines[1:] if line.strip() and not line.startswith("#"))
    if not re.match(r"set -(eu\b|euo pipefail\b)", next(code, "")):
        return "does not set -eu before its first command"
    return None


def icon_problem(text: str) -> str | None:
    """Say why an icon is not a plain drawing that a page can hold, or None."""
    if len(text) > ICON_LIMIT:
        return f"is larger than {ICON_LIMIT // 1024} KiB"
    if "<!" in text or "<?" in text:
        return "has declarations or comments"
    try:
        root = ET.fromstring(text)  # noqa: S314  (entities need a declaration)
    except (ET.ParseError, ValueError):
        return "is not XML"
    if root.tag != f"{_SVG}svg":
        return "is not SVG"
    return next((fault for element in root.iter() if (fault := _element_problem(element))), None)


def _element_problem(element: ET.Element) -> str | None:
    name = element.tag.removeprefix(_SVG)
    if not _DRAWING.fullmatch(name):
        return f"has the element {name[:40]}, which is no drawing"
    for attribute, value in element.attrib.items():
        plain = attribute.lower()
        if plain.startswith("on") or plain == "style" or plain.endswith("href"):
            return f"has the attribute {attribute[:40]}"
        if "url(" in value.lower() and not value.lower().startswith("url(#"):
            return "refers to something outside itself"
    return None
