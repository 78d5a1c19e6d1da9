"""The agents domain's door."""

from stead.agents.jobs import (
    JobRequest,
    JobResult,
    cancel_job,
    ensure_job,
    find_result,
    result_topic,
)
from stead.agents.service import is_enrolled, issue_enrolment, revoke, topic

__all__ = [
    "JobRequest",
    "JobResult",
    "cancel_job",
    "ensure_job",
    "find_result",
    "is_enrolled",
    "issue_enrolment",
    "result_topic",
    "revoke",
    "topic",
]
