"""Expected failures between agents and the control plane."""

from stead.core.errors import Kind, SteadError


class AgentRefusedError(SteadError):
    """The agent is unknown, revoked, or its signature is wrong; all answer alike."""

    kind = Kind.UNAUTHENTICATED
    code = "agent.refused"


class JobGoneError(SteadError):
    """Another attempt replaced this one, or the job is not this agent's."""

    kind = Kind.CONFLICT
    code = "agent.job_gone"
