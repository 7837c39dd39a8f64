"""Rules that a host's settings switch off while an alert of theirs is open: it ends."""

from dataclasses import replace

import pytest

from ntp_checker.model import (
    DEFAULT_LIMITS,
    AlertPolicy,
    FailureKind,
    HasGps,
    Host,
    Part,
    ProblemCode,
    Role,
    Sample,
    Selection,
    Severity,
    SourceMode,
    SourceState,
    TransitionKind,
)
from ntp_checker.rules.judgements import judge_state
from ntp_checker.rules.sources import judge_sources
from tests.made_alerts import WatchedHost, state
from tests.made_samples import (
    SAMPLE,
    SELECTED,
    SOURCE,
    SOURCES,
    TRACKING,
    with_failure,
    with_source,
    with_tracking,
)

OPENED, RESOLVED = TransitionKind.OPENED, TransitionKind.RESOLVED
ONE_LOOK = AlertPolicy(bad_looks=1)
PLAIN = Host(name="ntp1", address="ntp1")
WITHOUT_GPS = replace(PLAIN, has_gps=HasGps.NO)
ISOLATED = replace(PLAIN, role=Role.ISOLATED, limits=DEFAULT_LIMITS[Role.ISOLATED])
ALONE = replace(with_tracking(refid="7F7F0101", ref_name=None), sources=())
UNREACHABLE = with_failure(Part.LOGIN, FailureKind.UNREACHABLE)

GPS_KEYS = [
    (ProblemCode.GPS_UNAVAILABLE, ""),
    (ProblemCode.GPS_SILENT, ""),
    (ProblemCode.GPS_NO_FIX, "/dev/ttyS0"),
    (ProblemCode.GPS_2D_FIX, "/dev/ttyS0"),
    (ProblemCode.GPS_FEW_SATELLITES, "/dev/ttyS0"),
    (ProblemCode.GPS_TIME_WRONG, "/dev/ttyS0"),
    (ProblemCode.PROBE_FAILED, Part.GPS.value),
]
SELECTION_CODES = [
    ProblemCode.NO_SOURCES,
    ProblemCode.NO_SELECTED_SOURCE,
    ProblemCode.FEW_SOURCES,
]
CLOCK_CODES = [
    ProblemCode.STRATUM_HIGH,
    ProblemCode.OFFSET_HIGH,
    ProblemCode.ERROR_BOUND_HIGH,
    ProblemCode.REFERENCE_STALE,
    ProblemCode.FREQUENCY_HIGH,
    ProblemCode.SKEW_HIGH,
    ProblemCode.GPS_TIME_WRONG,
]


def end_of(
    code: ProblemCode, subject: str, settings: Host | None, sample: Sample = SAMPLE
) -> str | None:
    """What is said of an open alert at the first look by these settings; None: it stays open."""
    host = WatchedHost(ONE_LOOK, settings=PLAIN)
    host.look(state(code, Severity.CRITICAL, subject))
    host.settings = settings
    ends = [one.reason for one in host.look(sample=sample).transitions if one.kind is RESOLVED]
    return ends[0] if ends else None


@pytest.mark.parametrize(("code", "subject"), GPS_KEYS)
@pytest.mark.parametrize("sample", [SAMPLE, UNREACHABLE])
def test_gps_alert_when_the_host_has_no_gps_by_its_settings_then_closes(
    code: ProblemCode, subject: str, sample: Sample
) -> None:
    found = end_of(code, subject, WITHOUT_GPS, sample)

    assert found == "no longer watched: by its settings the host has no GPS"


@pytest.mark.parametrize(("code", "subject"), GPS_KEYS)
@pytest.mark.parametrize("settings", [None, PLAIN, replace(PLAIN, has_gps=HasGps.YES)])
def test_gps_alert_when_gps_is_only_not_heard_then_stays(
    code: ProblemCode, subject: str, settings: Host | None
) -> None:
    assert end_of(code, subject, settings) is None


@pytest.mark.parametrize("part", [Part.TRACKING, Part.SOURCES])
def test_probe_alert_when_the_host_has_no_gps_then_that_of_another_part_stays(part: Part) -> None:
    assert end_of(ProblemCode.PROBE_FAILED, part.value, WITHOUT_GPS) is None


@pytest.mark.parametrize("sample", [SAMPLE, ALONE, UNREACHABLE])
def test_local_reference_when_not_judged_by_the_settings_then_closes(sample: Sample) -> None:
    found = end_of(ProblemCode.LOCAL_REFERENCE, "", ISOLATED, sample)

    assert found == "no longer watched: by its settings the host may run on its local reference"


@pytest.mark.parametrize("code", SELECTION_CODES)
@pytest.mark.parametrize(
    ("settings", "sample", "closes"),
    [
        (ISOLATED, ALONE, True),
        (PLAIN, ALONE, False),
        (ISOLATED, SAMPLE, False),
        (ISOLATED, replace(SAMPLE, sources=None), False),
        (ISOLATED, UNREACHABLE, False),
    ],
)
def test_selection_when_no_sources_are_needed_and_none_are_there_then_closes(
    code: ProblemCode, settings: Host, sample: Sample, closes: bool
) -> None:
    found = end_of(code, "", settings, sample)

    assert found == (
        "no longer watched: by its settings the host needs no sources, and has none"
        if closes
        else None
    )


@pytest.mark.parametrize("code", CLOCK_CODES)
@pytest.mark.parametrize(
    ("settings", "sample", "closes"),
    [
        (ISOLATED, ALONE, True),
        (PLAIN, ALONE, False),
        (ISOLATED, replace(ALONE, sources=SOURCES), False),  # it may be measured again
        (ISOLATED, replace(ALONE, tracking=None), False),
        (ISOLATED, replace(ALONE, tracking=TRACKING), False),
        (ISOLATED, UNREACHABLE, False),
    ],
)
def test_clock_alert_when_it_runs_free_for_good_then_closes(
    code: ProblemCode, settings: Host, sample: Sample, closes: bool
) -> None:
    subject = "/dev/ttyS0" if code is ProblemCode.GPS_TIME_WRONG else ""
    found = end_of(code, subject, settings, sample)

    assert found == (
        "no longer watched: the clock runs free, and has nothing to be measured by"
        if closes
        else None
    )


@pytest.mark.parametrize("code", [ProblemCode.FALSETICKER, ProblemCode.SOURCE_JITTERY])
@pytest.mark.parametrize(
    ("selection", "closes"),
    [(Selection.NOSELECT, True), (Selection.FEW_SAMPLES, False), (None, False)],
)
def test_source_alert_when_chronyd_is_told_not_to_use_it_then_closes(
    code: ProblemCode, selection: Selection | None, closes: bool
) -> None:
    sample = with_source(state=SourceState.UNUSABLE, selection=selection)
    found = end_of(code, SOURCE.address, PLAIN, sample)

    assert found == (
        f"{SOURCE.address} is no longer watched: chronyd is told not to use it (noselect)"
        if closes
        else None
    )


def test_few_sources_when_a_refclock_is_selected_then_closes_after_two_looks() -> None:
    pps = replace(SELECTED, mode=SourceMode.REFCLOCK, address="PPS")
    limits = DEFAULT_LIMITS[Role.SERVER]
    few = replace(SAMPLE, sources=(SELECTED, SOURCE))
    selected = replace(SAMPLE, sources=(pps, SOURCE))
    host = WatchedHost()
    for sample in (few, few, few, selected, selected):
        host.look(*judge_sources(sample, limits), sample=sample)

    assert host.told == [OPENED, RESOLVED]
    assert host.transitions[-1].reason == (
        "good again: reference clock PPS is selected, which needs no others"
    )


def test_pending_when_switched_off_then_ends_silently() -> None:
    host = WatchedHost(settings=PLAIN)
    host.look(state(ProblemCode.GPS_UNAVAILABLE, Severity.WARNING))
    host.settings = WITHOUT_GPS
    host.look()

    assert (host.live, host.transitions) == ({}, [])


def test_switched_off_when_a_bad_look_of_before_comes_late_then_it_counts() -> None:
    host = WatchedHost(ONE_LOOK, settings=WITHOUT_GPS)
    host.look(state(ProblemCode.GPS_UNAVAILABLE, Severity.WARNING))
    host.look()

    assert host.told == [OPENED, RESOLVED]


def test_slot_nobody_looked_at_when_switched_off_then_closes_nothing() -> None:
    host = WatchedHost(ONE_LOOK, settings=PLAIN)
    host.look(state(ProblemCode.GPS_UNAVAILABLE, Severity.WARNING))
    host.settings = WITHOUT_GPS
    host.miss()

    assert host.told == [OPENED]


def test_severity_when_set_to_info_then_the_end_does_not_say_it_is_good() -> None:
    host = WatchedHost(ONE_LOOK)
    host.look(judge_state(ProblemCode.GPS_SILENT, Severity.WARNING, "no GPS report came"))
    for _ in range(2):
        host.look(judge_state(ProblemCode.GPS_SILENT, Severity.INFO, "no GPS report came"))

    assert host.told == [OPENED, RESOLVED]
    assert host.transitions[-1].reason == "no alert by the limits any more: no GPS report came"
