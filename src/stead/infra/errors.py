"""Expected failures of infra."""

from stead.core.errors import Kind, SteadError


class EngineChangedError(SteadError):
    """The data folder belongs to another engine than the settings name."""

    kind = Kind.CONFLICT
    code = "infra.engine_changed"
