"""Expected failures of bundles."""

from stead.core.errors import Kind, SteadError


class InvalidBundleError(SteadError):
    """The name, a size or an answer does not fit."""

    kind = Kind.INVALID
    code = "bundle.invalid"


class BundleBusyError(SteadError):
    """An operation on this bundle has not ended."""

    kind = Kind.CONFLICT
    code = "bundle.busy"
