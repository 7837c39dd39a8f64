"""Rules on the look itself: what could not be had, and whose fault that is."""

from collections.abc import Iterator

from ntp_checker.model import Failure, FailureKind, Judgement, Part, ProblemCode, Sample, Severity
from ntp_checker.rules.judgements import judge_blindness, judge_state

#: Slots nobody looked at say nothing about the host.
_NOT_LOOKED = (FailureKind.MISSED, FailureKind.DROPPED, FailureKind.REJECTED)


def judge_look(sample: Sample) -> Iterator[Judgement]:
    """Login, tracking and sources; the GPS part has rules of its own."""
    login = sample.failure_of(Part.LOGIN)
    if login is not None:
        if login.kind not in _NOT_LOOKED:
            yield from _judge_login_failure(login)
        return
    for code in _LOGIN_CODES:
        yield judge_state(code, None, "logged in")
    yield from _judge_chronyd(sample)
    for part, came in ((Part.TRACKING, sample.tracking), (Part.SOURCES, sample.sources)):
        failure = sample.failure_of(part)
        if came is not None:
            yield judge_state(ProblemCode.PROBE_FAILED, None, "report read", subject=part)
        elif failure is not None and failure.kind is not FailureKind.CHRONYD_DOWN:
            yield judge_blindness(ProblemCode.PROBE_FAILED, failure.detail, subject=part)


_LOGIN_CODES = (
    ProblemCode.HOST_UNREACHABLE,
    ProblemCode.HOST_KEY_CHANGED,
    ProblemCode.LOGIN_REFUSED,
)


def _judge_login_failure(failure: Failure) -> Iterator[Judgement]:
    """Login is a ladder — reach, host key, our key —: rungs below the broken one are good."""
    if failure.kind is FailureKind.HOST_KEY:
        # A key we never saw is our missing set-up, not a changed host.
        changed = failure.stage == HOST_KEY_CHANGED_STAGE
        broken = ProblemCode.HOST_KEY_CHANGED if changed else ProblemCode.LOGIN_REFUSED
    elif failure.kind is FailureKind.AUTH:
        broken = ProblemCode.LOGIN_REFUSED
    else:
        broken = ProblemCode.HOST_UNREACHABLE
    for code in _LOGIN_CODES:
        if code is broken:
            yield judge_blindness(code, failure.detail)
            return
        if code is not ProblemCode.HOST_KEY_CHANGED or failure.kind is FailureKind.AUTH:
            yield judge_state(code, None, "reached")


#: Failure.stage of a host key that differs from the one in known_hosts.
HOST_KEY_CHANGED_STAGE = "host key changed"


def _judge_chronyd(sample: Sample) -> Iterator[Judgement]:
    failures = (sample.failure_of(Part.TRACKING), sample.failure_of(Part.SOURCES))
    down = next((f for f in failures if f and f.kind is FailureKind.CHRONYD_DOWN), None)
    if down is not None:
        yield judge_state(ProblemCode.CHRONYD_DOWN, Severity.CRITICAL, down.detail)
    elif sample.tracking is not None:
        yield judge_state(ProblemCode.CHRONYD_DOWN, None, "chronyd answers")
