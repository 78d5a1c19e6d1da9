"""Expected failures of instances."""

from stead.core.errors import Kind, SteadError


class NameTakenError(SteadError):
    """The project has an instance of this name."""

    kind = Kind.CONFLICT
    code = "instance.name_taken"


class WarmError(SteadError):
    """That many guests cannot be kept ready."""

    kind = Kind.INVALID
    code = "instance.warm"
