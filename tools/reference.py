"""Writes the reference pages that follow from the code: settings of both kinds, error codes.

``--check`` fails when a page is not what it would write.
"""

import importlib
import pathlib
import pkgutil
import sys
import types
import typing

import stead
from stead.core.errors import HTTP_STATUS, SteadError
from stead.core.settings import DEFAULT_PATH, Settings
from stead.entrypoints.client import EXIT_CODES, FAILED
from stead.platform.settings import DECLARED
from stead.platform.shown import words

WORDS = {
    "str": "text",
    "int": "number",
    "float": "number",
    "bool": "`true` or `false`",
    "Path": "path",
    "NoneType": "nothing",
    "IPv4Network": "network",
    "IPvAnyNetwork": "network",
}
FOLDER = pathlib.Path("docs/reference")
HEAD = "| setting | variable | kind | default |\n|---|---|---|---|"
NOTE = "<!-- Written by `make reference`; change the code instead. -->\n"


def settings_page() -> str:
    """Return every process setting with its variable, kind and default."""
    parts = [
        "# Process settings\n",
        NOTE,
        f"What a process is told at start: a table of `{DEFAULT_PATH}`, or of the file that",
        "`STEAD_CONFIG` names, or a variable of the environment, which wins. An unknown name is",
        "an error.\n",
    ]
    for name, field in Settings.model_fields.items():
        group = type(field.default)
        parts += [f"## [{name}]\n", _sentences(group) + "\n", HEAD]
        for key, one in group.model_fields.items():
            variable = f"STEAD_{name}_{key}".upper()
            kind = _kind(one.annotation)
            parts.append(f"| `{key}` | `{variable}` | {kind} | {_default(one)} |")
        parts.append("")
    return "\n".join(parts)


def platform_settings_page() -> str:
    """Return every platform setting with what it accepts and its default."""
    parts = [
        "# Platform settings\n",
        NOTE,
        "What admins change while everything runs: in the console under Settings, with",
        "`stead config set NAME VALUE`, or with `PUT /api/v1/settings/NAME`. A change holds at",
        "once in every process, is audited, and can be taken back with `stead config undo`.",
        "What a process is told at start is another kind: [process settings](settings.md).\n",
        "| setting | accepts | default | what it does |",
        "|---|---|---|---|",
    ]
    for name, one in DECLARED.items():
        default = words(one.stored_default) or "nothing"
        meaning = f"{one.title}. {one.help}".replace("|", "\\|")
        parts.append(f"| `{name}` | {one.kind.words} | `{default}` | {meaning} |")
    return "\n".join([*parts, ""])


def errors_page() -> str:
    """Return every code of an expected failure with what becomes of it."""
    rows = sorted((one.code, one) for one in _errors())
    parts = [
        "# Error codes\n",
        NOTE,
        "Expected failures carry a code that stays. The API answers with a problem document",
        "(`application/problem+json`) whose `code` it is; the command line exits with the number",
        "in the fourth column.\n",
        "| code | kind | HTTP | exit | meaning |",
        "|---|---|---|---|---|",
    ]
    for code, error in rows:
        status = HTTP_STATUS[error.kind]
        meaning = _sentences(error).replace("\n", " ").replace("|", "\\|")
        exit_code = EXIT_CODES.get(status, FAILED)
        parts.append(f"| `{code}` | {error.kind} | {status} | {exit_code} | {meaning} |")
    return "\n".join([*parts, ""])


PAGES = {
    "settings.md": settings_page,
    "platform-settings.md": platform_settings_page,
    "errors.md": errors_page,
}


def main(arguments: list[str]) -> int:
    """Write the pages, or check them."""
    stale = []
    for name, page in PAGES.items():
        path, wanted = FOLDER / name, page()
        if not path.exists() or path.read_text(encoding="utf-8") != wanted:
            stale.append(name)
            if "--check" not in arguments:
                path.write_text(wanted, encoding="utf-8")
    if stale and "--check" in arguments:
        sys.stderr.write(f"not up to date: {', '.join(stale)}; run: make reference\n")
        return 1
    return 0


def _errors() -> list[type[SteadError]]:
    for module in pkgutil.walk_packages(stead.__path__, "stead."):
        if "migrations" not in module.name:
            importlib.import_module(module.name)
    found: list[type[SteadError]] = []
    waiting: list[type[SteadError]] = [SteadError]
    while waiting:
        below = waiting.pop().__subclasses__()
        waiting += below
        found += [one for one in below if hasattr(one, "code") and hasattr(one, "kind")]
    return [one for one in found if one.__module__.startswith("stead.")]


def _sentences(item: type) -> str:
    lines = [line.strip() for line in (item.__doc__ or "").strip().splitlines()]
    return "\n".join(lines).replace("``", "`")


def _kind(annotation: object) -> str:
    if typing.get_origin(annotation) is typing.Literal:
        return " or ".join(f"`{one}`" for one in typing.get_args(annotation))
    arguments = [one for one in typing.get_args(annotation) if one is not Ellipsis]
    if typing.get_origin(annotation) is tuple:
        return f"list of {_kind(arguments[0])}"
    if typing.get_origin(annotation) in {typing.Union, types.UnionType}:
        return " or ".join(_kind(one) for one in arguments)
    name = str(getattr(annotation, "__name__", annotation))
    return WORDS.get(name, name)


def _default(field: typing.Any) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if value is None or value in ("", ()):
        return "none"
    if isinstance(value, tuple | list):
        return ", ".join(f"`{one}`" for one in value)
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
