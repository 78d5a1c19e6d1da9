"""The record of what a cluster can do."""

import pytest

from stead.engines import errors
from stead.engines.capabilities import NOT_OFFERED, Ability, Capabilities, limited, no, yes

RECORD = Capabilities(
    (yes(Ability.EXEC), no(Ability.VMS, "no KVM here"), limited(Ability.FILES, "10 MB")), "pool"
)


def test_what_a_driver_does_not_mention_it_cannot_do():
    assert RECORD.of(Ability.EVENTS) == no(Ability.EVENTS, NOT_OFFERED)


def test_only_what_does_not_work_is_refused_and_the_reason_told():
    RECORD.require(Ability.EXEC)
    RECORD.require(Ability.FILES)
    with pytest.raises(errors.UnsupportedError, match="no KVM here"):
        RECORD.require(Ability.VMS)


def test_each_error_fixes_what_may_be_tried_next():
    policies = {kind.__name__: kind.retry for kind in _subclasses(errors.EngineError)}
    later, look, never = errors.Retry.LATER, errors.Retry.AFTER_LOOK_UP, errors.Retry.NEVER
    assert policies == {
        "UnreachableError": later,
        "AuthRejectedError": never,
        "ForbiddenError": never,
        "NotFoundError": never,
        "ConflictError": never,
        "ExistsError": never,
        "LockedError": later,
        "QuotaError": never,
        "UnsupportedError": never,
        "InvalidError": never,
        "OutcomeUnknownError": look,
        "TaskFailedError": never,
        "CertificateChangedError": never,
        "BlindError": never,
    }
    for kind in _subclasses(errors.EngineError):
        assert kind.retryable is (kind.retry is not never)


def _subclasses(kind: type[errors.EngineError]) -> list[type[errors.EngineError]]:
    found = kind.__subclasses__()
    return [*found, *(deeper for each in found for deeper in _subclasses(each))]
