"""What can be wrong with a package or with the inputs someone gave for one."""

from collections.abc import Mapping
from dataclasses import dataclass

from typing_extensions import override

from stead.core.errors import Kind, SteadError


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault in a package: where it is, what is wrong and how to put it right."""

    file: str
    line: int | None
    message: str
    fix: str

    @override
    def __str__(self) -> str:
        """Show it the way a compiler does, so that editors can jump to it."""
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        return f"{place}: {self.message}; {self.fix}"


class PackageError(SteadError):
    """A package that cannot be offered; ``problems`` says all that was found."""

    kind = Kind.INVALID
    code = "catalog.package_invalid"

    def __init__(self, *problems: Problem) -> None:
        super().__init__("; ".join(str(problem) for problem in problems))
        self.problems = problems


class InvalidInputsError(SteadError):
    """Inputs that the manifest does not allow; ``fields`` has one sentence for each."""

    kind = Kind.INVALID
    code = "catalog.inputs_invalid"

    def __init__(self, fields: Mapping[str, str]) -> None:
        super().__init__("Some inputs need another look", fields=fields)


class UnmetError(SteadError):
    """An app needs another one that is not there, or does not go together with one that is."""

    kind = Kind.CONFLICT
    code = "catalog.unmet"


class UnknownPackageError(SteadError):
    """No package of that name is in the catalog."""

    kind = Kind.NOT_FOUND
    code = "catalog.package_unknown"

    def __init__(self, name: str) -> None:
        super().__init__(
            f"The catalog has no package named {name}",
            hint="See what there is in the catalog, or with: stead apps. Packages of other sources"
            " are there once the project uses them: stead source use",
        )


class UnknownBundleError(SteadError):
    """No bundle of that name is in the catalog."""

    kind = Kind.NOT_FOUND
    code = "catalog.bundle_unknown"

    def __init__(self, name: str) -> None:
        super().__init__(
            f"The catalog has no bundle named {name}",
            hint="See what there is in the catalog, or with: stead bundle catalog",
        )
