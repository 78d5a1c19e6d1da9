"""Expected failures of instances."""

from stead.core.errors import Kind, SteadError


class NameTakenError(SteadError):
    """The project has an instance of this name."""

    kind = Kind.CONFLICT
    code = "instance.name_taken"
