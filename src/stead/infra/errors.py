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


class ClusterExistsError(SteadError):
    """The name is taken, or this very cluster is connected already."""

    kind = Kind.CONFLICT
    code = "infra.cluster_exists"


class ClusterNameError(SteadError):
    """The name cannot be a cluster's."""

    kind = Kind.INVALID
    code = "infra.cluster_name"


class NotConfirmedError(SteadError):
    """Nobody has confirmed the cluster's certificate yet."""

    kind = Kind.INVALID
    code = "infra.certificate_not_confirmed"


class EmbeddedError(SteadError):
    """The cluster is the one that the server's own settings name."""

    kind = Kind.CONFLICT
    code = "infra.embedded"


class ReadOnlyError(SteadError):
    """The cluster is only looked at; nobody has let Stead change anything there."""

    kind = Kind.CONFLICT
    code = "infra.read_only"


class StillInUseError(SteadError):
    """There are guests of ours on the cluster."""

    kind = Kind.CONFLICT
    code = "infra.still_in_use"


class NoCertificateError(SteadError):
    """Nothing at this address shows a certificate."""

    kind = Kind.CONFLICT
    code = "infra.no_certificate"


class FullError(SteadError):
    """The cluster's policy does not let that much be given out."""

    kind = Kind.QUOTA
    code = "infra.full"


class UnknownCapacityError(SteadError):
    """The cluster does not say how much it has."""

    kind = Kind.CONFLICT
    code = "infra.capacity_unknown"


class NotAdoptableError(SteadError):
    """The guest cannot be adopted, or is not one that was."""

    kind = Kind.CONFLICT
    code = "infra.not_adoptable"


class PolicyError(SteadError):
    """An overcommit policy is not made of such factors."""

    kind = Kind.INVALID
    code = "infra.policy"


class HostingError(SteadError):
    """Deployments cannot be given that on a cluster."""

    kind = Kind.INVALID
    code = "infra.hosting"


class NoNestingError(SteadError):
    """The cluster takes no guests that hold containers of their own."""

    kind = Kind.CONFLICT
    code = "infra.no_nesting"


class NotHostingError(SteadError):
    """The cluster takes no deployments."""

    kind = Kind.CONFLICT
    code = "infra.not_hosting"
