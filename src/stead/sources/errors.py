"""What can be wrong with a source, or with what somebody asks of one."""

from stead.core.errors import Kind, SteadError


class SourceAddressError(SteadError):
    """An address, a branch, a key or a folder that a source cannot have."""

    kind = Kind.INVALID
    code = "source.invalid"


class SourceExistsError(SteadError):
    """Another source has this name."""

    kind = Kind.CONFLICT
    code = "source.exists"


class SourceUsedError(SteadError):
    """Something that runs was installed from a source that shall go."""

    kind = Kind.CONFLICT
    code = "source.used"


class ProposalGoneError(SteadError):
    """The commit that somebody decided about is not the one that is proposed."""

    kind = Kind.CONFLICT
    code = "source.proposal_changed"


class NotAcceptedError(SteadError):
    """Nothing of a source was accepted yet, so that no project can use it."""

    kind = Kind.CONFLICT
    code = "source.not_accepted"


class RepositoryError(SteadError):
    """A repository that does not answer, or holds what a source may not hold."""

    kind = Kind.UNAVAILABLE
    code = "source.repository"


class UnsignedError(RepositoryError):
    """A commit that none of the source's keys signed."""

    code = "source.unsigned"
