"""The agents domain's door."""

from stead.agents.carrier import CARRIED, Call, Carrier, carrier
from stead.agents.checking import check as check_redis
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
from stead.agents.redis import RedisError
from stead.agents.rules import JobsWanted, Limits
from stead.agents.service import (
    expect,
    is_enrolled,
    issue_enrolment,
    keep_enrolment,
    revoke,
    set_limits,
    topic,
)
from stead.agents.sightings import (
    Health,
    JobView,
    Sighting,
    Work,
    describe,
    find_operation_id,
    list_jobs,
    list_sightings,
)

__all__ = [
    "CARRIED",
    "Call",
    "Carrier",
    "Figures",
    "Health",
    "JobEnded",
    "JobRequest",
    "JobResult",
    "JobView",
    "JobsWanted",
    "Limits",
    "Program",
    "RedisError",
    "Sighting",
    "TaskRequest",
    "Work",
    "cancel_job",
    "carrier",
    "check_redis",
    "describe",
    "ensure_job",
    "ensure_task",
    "expect",
    "figures",
    "find_operation_id",
    "find_result",
    "is_enrolled",
    "issue_enrolment",
    "keep_enrolment",
    "list_jobs",
    "list_sightings",
    "program",
    "result_topic",
    "revoke",
    "set_limits",
    "topic",
]
