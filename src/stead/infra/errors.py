"""Expected failures of infra."""

from stead.core.errors import Kind, SteadError


class EngineChangedError(SteadError):
    """The data folder belongs to another engine than the settings name."""

    kind = Kind.CONFLICT
    code = "infra.engine_changed"


class MaintenanceError(SteadError):
    """The cluster is in maintenance and takes nothing new."""

    kind = Kind.CONFLICT
    code = "infra.maintenance"


class NothingToAcceptError(SteadError):
    """The guest is not one that was changed or moved."""

    kind = Kind.CONFLICT
    code = "infra.nothing_to_accept"
