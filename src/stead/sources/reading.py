"""Makes packages of a commit's files: what cannot be one says why and hides no other."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from stead.catalog import public as catalog
from stead.sources import git
from stead.sources.errors import RepositoryError
from stead.sources.git import Entry

FILES_LIMIT: Final = 20_000
PACKAGES_LIMIT: Final = 500
TOTAL_LIMIT: Final = 128 * 1024 * 1024
MANIFEST: Final = "manifest.yml"
_LINK: Final = "120000"
_SUBMODULE: Final = "160000"
_LARGE_FILES: Final = b"version https://git-lfs.github.com/spec/"
_PROBLEMS: Final = 50
_PROBLEM_LENGTH: Final = 500


@dataclass(frozen=True, slots=True)
class Found:
    """One folder of a commit: a package with all its files, or what is wrong with it."""

    name: str
    version: str = ""
    digest: str | None = None
    files: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    problems: tuple[str, ...] = ()


async def packages(folder: Path, commit: str, inside: str) -> list[Found]:
    """Return what a folder of a commit holds, by name. Raises RepositoryError."""
    grouped = _grouped(await git.entries(folder, commit, inside))
    faults = {name: _faults(name, files) for name, files in grouped.items()}
    good = {name: files for name, files in grouped.items() if not faults[name]}
    total = sum(one.size for files in good.values() for one in files)
    if total > TOTAL_LIMIT:
        raise RepositoryError(f"Its packages are larger than {TOTAL_LIMIT // 1024**2} MiB")
    wanted = [one for files in good.values() for one in files]
    read = dict(zip(wanted, await git.contents(folder, wanted), strict=True)) if wanted else {}
    found = [Found(name[:100], problems=tuple(told)) for name, told in faults.items() if told]
    for name, files in good.items():
        content = {one.path.partition("/")[2]: read[one] for one in files}
        found.append(await asyncio.to_thread(package, name, content))
    return sorted(found, key=lambda one: one.name)


def package(name: str, files: Mapping[str, bytes]) -> Found:
    """Return what these files of a folder of this name are."""
    pointers = [path for path, data in files.items() if data.startswith(_LARGE_FILES)]
    if pointers:
        text = f"{pointers[0]}: points to a file elsewhere (Git LFS); put the file itself here"
        return Found(name, problems=(text,))
    try:
        made = catalog.package_of(name, files)
    except catalog.PackageError as error:
        told = tuple(str(one)[:_PROBLEM_LENGTH] for one in error.problems[:_PROBLEMS])
        return Found(name, problems=told)
    return Found(name, made.manifest.version, made.own_digest, files)


def _grouped(entries: Sequence[Entry]) -> dict[str, list[Entry]]:
    """Return the folders that mean to be packages; whatever else lies there is left alone."""
    if len(entries) > FILES_LIMIT:
        raise RepositoryError(f"It holds more than {FILES_LIMIT} files")
    grouped: dict[str, list[Entry]] = {}
    for one in entries:
        top, slash, _ = one.path.partition("/")
        hidden = any(catalog.is_hidden(part) for part in one.path.split("/"))
        if not hidden and (slash or one.mode in (_LINK, _SUBMODULE)):
            grouped.setdefault(top, []).append(one)
    meant = {name: files for name, files in grouped.items() if _means_to_be(name, files)}
    if len(meant) > PACKAGES_LIMIT:
        raise RepositoryError(f"It holds more than {PACKAGES_LIMIT} packages")
    if not meant:
        raise RepositoryError(f"It holds no package: no folder has a {MANIFEST}")
    return meant


def _means_to_be(name: str, files: Sequence[Entry]) -> bool:
    """Tell whether a folder is a package, or a link or a submodule in a package's place."""
    paths = {one.path for one in files}
    return f"{name}/{MANIFEST}" in paths or name in paths


def _faults(name: str, files: Sequence[Entry]) -> list[str]:
    """Return why the files of a folder are not even looked at."""
    faults = []
    for one in files:
        inside = one.path.partition("/")[2] or one.path
        if one.mode == _LINK:
            faults.append(f"{inside}: is a link; put the file itself here")
        elif one.mode == _SUBMODULE:
            faults.append(f"{inside}: is a submodule; put its files here")
        elif told := catalog.name_problem(inside):
            faults.append(f"{inside[:120]}: {told}; use letters, digits and . _ + -")
    if catalog.name_problem(name):
        faults.append("its folder has an unusual name; name it like the package's id")
    if len(files) > catalog.FILE_COUNT_LIMIT:
        faults.append(f"has more than {catalog.FILE_COUNT_LIMIT} files; pack them")
    if sum(one.size for one in files) > catalog.PACKAGE_LIMIT:
        limit = catalog.PACKAGE_LIMIT // 1024**2
        faults.append(f"is larger than {limit} MiB; let its script download it instead")
    return [one[:_PROBLEM_LENGTH] for one in faults[:_PROBLEMS]]
