"""The agents domain's door."""

from stead.agents.distribution import Program, program
from stead.agents.jobs import (
    JobRequest,
    JobResult,
    cancel_job,
    ensure_job,
    find_result,
    result_topic,
)
from stead.agents.service import is_enrolled, issue_enrolment, revoke, topic
from stead.agents.sightings import Health, Sighting, list_sightings

__all__ = [
    "Health",
    "JobRequest",
    "JobResult",
    "Program",
    "Sighting",
    "cancel_job",
    "ensure_job",
    "find_result",
    "is_enrolled",
    "issue_enrolment",
    "list_sightings",
    "program",
    "result_topic",
    "revoke",
    "topic",
]
