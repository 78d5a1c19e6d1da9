"""Expected failures of operations."""

from stead.core.errors import Kind, SteadError


class NoSuchChoiceError(SteadError):
    """This cannot be decided about this operation."""

    kind = Kind.UNSUPPORTED
    code = "operation.no_such_choice"
