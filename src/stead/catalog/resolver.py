"""Which apps have to be there before another, in which order, and what does not go together."""

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from stead.catalog.errors import UnmetError
from stead.catalog.loader import Package
from stead.catalog.schemas import Dependency, Manifest
from stead_agent.requirements import version_key

_Key = tuple[tuple[int, int, str], ...]
_TERM = re.compile(r"(>=|<=|==|!=|>|<)(\S+)")
_OPERATORS: Final[Mapping[str, Callable[[_Key, _Key], bool]]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    "<": operator.lt,
}


def is_within(version: str, wanted: str) -> bool:
    """Tell whether a version is in a range such as ``>=1.2 <2``; ``*`` takes every one."""
    key = version_key(version)
    return all(_OPERATORS[sign](key, version_key(bound)) for sign, bound in _TERM.findall(wanted))


def is_newer(version: str, than: str) -> bool:
    """Tell whether a version comes after another one."""
    return version_key(version) > version_key(than)


def plan(
    packages: Mapping[str, Package], wanted: Sequence[str], present: Mapping[str, str]
) -> list[str]:
    """Return what has to be installed for these apps to work, in order, the apps included.

    ``present`` maps the apps that are there to their versions. Raises UnmetError with one
    sentence that names the two apps that do not agree.
    """
    order: list[str] = []
    for name in wanted:
        _visit(packages, present, name, (), order)
    together = {name: packages[name].manifest.version for name in order}
    for name in order:
        _refuse_conflicts(packages[name].manifest, {**present, **together})
    _refuse_known(packages, present, together)
    return order


def _visit(
    packages: Mapping[str, Package],
    present: Mapping[str, str],
    name: str,
    above: tuple[str, ...],
    order: list[str],
) -> None:
    if name in above:
        circle = " needs ".join((*above[above.index(name) :], name))
        raise UnmetError(f"These apps wait for each other: {circle}")
    if name in order:
        return
    for need in packages[name].manifest.dependencies:
        _check_need(packages, present, name, need)
        if need.package not in present:
            _visit(packages, present, need.package, (*above, name), order)
    order.append(name)


def _check_need(
    packages: Mapping[str, Package], present: Mapping[str, str], name: str, need: Dependency
) -> None:
    if need.package in present:
        version, where = present[need.package], "is installed"
    elif need.package in packages:
        version, where = packages[need.package].manifest.version, "is in the catalog"
    else:
        raise UnmetError(f"{name} needs {_words(need)}, which is not in the catalog")
    if not is_within(version, need.version):
        raise UnmetError(f"{name} needs {_words(need)}; {need.package} {version} {where}")


def _refuse_conflicts(manifest: Manifest, together: Mapping[str, str]) -> None:
    for foe in manifest.conflicts:
        version = together.get(foe.package)
        if version is not None and is_within(version, foe.version):
            raise UnmetError(f"{manifest.id} does not go together with {foe.package} {version}")


def _refuse_known(
    packages: Mapping[str, Package], present: Mapping[str, str], together: Mapping[str, str]
) -> None:
    """What is installed may refuse the new ones, too."""
    for name in present:
        if name in packages:
            _refuse_conflicts(packages[name].manifest, together)


def _words(need: Dependency) -> str:
    return need.package if need.version == "*" else f"{need.package} {need.version}"
