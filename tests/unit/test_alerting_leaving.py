"""What is no longer watched: its alerts end."""

from dataclasses import replace

import pytest

from ntp_checker.alerting import close_all
from ntp_checker.model import (
    AlertPolicy,
    ProblemCode,
    Sample,
    Severity,
    TransitionKind,
)
from tests.made_alerts import (
    INTERVAL,
    WatchedHost,
    state,
)
from tests.made_samples import SAMPLE, SOURCES, gps_report, with_gps

OPENED, RESOLVED = TransitionKind.OPENED, TransitionKind.RESOLVED
ONE_LOOK = AlertPolicy(bad_looks=1)
SOURCE = SOURCES[1].address
NO_SOURCE = replace(SAMPLE, sources=(SOURCES[0],))
RECEIVER = "/dev/ttyS0"


SOURCE_CODES = [
    ProblemCode.SOURCE_UNREACHABLE,
    ProblemCode.FALSETICKER,
    ProblemCode.SOURCE_JITTERY,
]


@pytest.mark.parametrize("code", SOURCE_CODES)
@pytest.mark.parametrize(
    ("sample", "closes"),
    [
        (SAMPLE, False),
        (replace(SAMPLE, sources=None), False),
        (NO_SOURCE, True),
        (replace(SAMPLE, sources=()), True),
    ],
)
def test_source_alert_when_source_is_not_listed_then_closes(
    code: ProblemCode, sample: Sample, closes: bool
) -> None:
    host = WatchedHost(ONE_LOOK)
    host.look(state(code, Severity.WARNING, SOURCE))
    host.look(sample=sample)

    assert (host.told == [OPENED, RESOLVED]) is closes


RECEIVER_CODES = [
    ProblemCode.GPS_NO_FIX,
    ProblemCode.GPS_2D_FIX,
    ProblemCode.GPS_FEW_SATELLITES,
    ProblemCode.GPS_TIME_WRONG,
]


@pytest.mark.parametrize("code", RECEIVER_CODES)
@pytest.mark.parametrize(
    ("sample", "closes"),
    [
        (with_gps(gps_report(RECEIVER)), False),
        (with_gps(), False),
        (with_gps(gps_report("/dev/ttyS1")), True),
    ],
)
def test_receiver_alert_when_receiver_is_not_listed_then_closes(
    code: ProblemCode, sample: Sample, closes: bool
) -> None:
    host = WatchedHost(ONE_LOOK)
    host.look(state(code, Severity.WARNING, RECEIVER))
    host.look(sample=sample)

    assert (host.told == [OPENED, RESOLVED]) is closes


def test_host_alert_when_sources_and_receivers_leave_then_stays() -> None:
    host = WatchedHost().opened()
    host.look(sample=replace(with_gps(gps_report()), sources=()))

    assert host.told == [OPENED]


def test_subject_when_it_left_then_reason_says_so() -> None:
    host = WatchedHost(ONE_LOOK)
    host.look(state(ProblemCode.FALSETICKER, Severity.WARNING, SOURCE))
    (closing,) = host.look(sample=NO_SOURCE).transitions

    assert closing.reason == f"{SOURCE} is no longer watched: the host does not list it any more"


def test_pending_when_its_subject_leaves_then_ends_silently() -> None:
    host = WatchedHost()
    host.look(state(ProblemCode.FALSETICKER, Severity.WARNING, SOURCE))
    host.look(sample=NO_SOURCE)

    assert (host.live, host.transitions) == ({}, [])


def test_close_all_when_a_host_leaves_then_open_ones_are_told() -> None:
    host = WatchedHost().opened()
    host.look(state(ProblemCode.FALSETICKER, Severity.WARNING, SOURCE))
    made = close_all(host.live, host.at + INTERVAL, "ntp1 is no longer watched")

    assert [(t.kind, t.reason) for t in made.transitions] == [
        (RESOLVED, "ntp1 is no longer watched")
    ]


def test_close_all_when_a_host_leaves_then_all_are_closed() -> None:
    host = WatchedHost().opened()
    host.look(state(ProblemCode.FALSETICKER, Severity.WARNING, SOURCE))
    made = close_all(host.live, host.at + INTERVAL, "ntp1 is no longer watched")

    assert [alert.closed_at for alert in made.alerts] == [host.at + INTERVAL] * 2
