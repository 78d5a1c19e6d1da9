"""The agents domain's door."""

from stead.agents.distribution import Program, program
from stead.agents.figures import Figures, tell as figures
from stead.agents.jobs import (
    JobEnded,
    JobRequest,
    JobResult,
    TaskRequest,
    cancel_job,
    ensure_job,
    ensure_task,
    find_result,
    result_topic,
)
from stead.agents.service import is_enrolled, issue_enrolment, revoke, topic
from stead.agents.sightings import (
    Health,
    JobView,
    Sighting,
    describe,
    find_operation_id,
    list_jobs,
    list_sightings,
)

__all__ = [
    "Figures",
    "Health",
    "JobEnded",
    "JobRequest",
    "JobResult",
    "JobView",
    "Program",
    "Sighting",
    "TaskRequest",
    "cancel_job",
    "describe",
    "ensure_job",
    "ensure_task",
    "figures",
    "find_operation_id",
    "find_result",
    "is_enrolled",
    "issue_enrolment",
    "list_jobs",
    "list_sightings",
    "program",
    "result_topic",
    "revoke",
    "topic",
]
