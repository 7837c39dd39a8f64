"""Rules on the clock itself: what `chronyc tracking` says, and the selected source's offset."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from ntp_checker.model import (
    Judgement,
    Leap,
    Limits,
    ProblemCode,
    Sample,
    Severity,
    Source,
    SourceState,
    Tracking,
)
from ntp_checker.rules.judgements import judge_quantity, judge_state
from ntp_checker.rules.wording import say_clock_offset, say_seconds

#: From this on a server says itself that it is not synchronised. Source: RFC 5905, 7.3.
STRATUM_UNSYNCHRONISED = 16
#: Frequency and skew of fewer samples are still a guess.
MIN_SAMPLES_FOR_FREQUENCY = 8
#: Polls below a second (minpoll -1 and less) don't make a reference stale within seconds.
MIN_RHYTHM_S = 1.0
#: chronyd says "Not synchronised" while a leap second is in progress.
LEAP_MARGIN = timedelta(minutes=1)


def selected_source(sources: tuple[Source, ...] | None) -> Source | None:
    """The source the clock follows, if there is one."""
    return next((s for s in sources or () if s.state is SourceState.SELECTED), None)


def error_bound_s(tracking: Tracking) -> float | None:
    """How wrong the clock can be at most: abs(offset) + root dispersion + root delay / 2.

    None while it cannot be told: unsynchronised, or free-running on a local reference, whose
    zeros are no measurement. Source: chronyc(1), "tracking", Root dispersion.
    """
    if is_unsynchronised(tracking) or tracking.is_local:
        return None
    return abs(tracking.system_offset_s) + tracking.root_dispersion_s + tracking.root_delay_s / 2


def is_unsynchronised(tracking: Tracking) -> bool:
    """True if chronyd itself does not claim to know the time."""
    return tracking.leap is Leap.NOT_SYNCHRONISED or tracking.stratum == 0


def judge_clock(sample: Sample, limits: Limits) -> Iterator[Judgement]:
    """Every rule on tracking that has data."""
    tracking = sample.tracking
    if tracking is None:
        return
    yield from _judge_synchronisation(sample, tracking, limits)
    if is_unsynchronised(tracking) or tracking.is_local:
        return
    yield _judge_stratum(tracking, limits)
    yield _judge_offset(tracking, selected_source(sample.sources), limits)
    yield _judge_error_bound(tracking, limits)
    yield from _judge_reference_age(sample, tracking, limits)
    yield from _judge_frequency(sample, tracking, limits)


def _judge_synchronisation(
    sample: Sample, tracking: Tracking, limits: Limits
) -> Iterator[Judgement]:
    if not is_unsynchronised(tracking):
        yield judge_state(ProblemCode.UNSYNCHRONISED, None, "clock is synchronised")
    elif tracking.stratum == 0 or not _near_leap_second(sample.host_time_at or sample.slot_at):
        text = "clock is not synchronised: chronyd has no valid time"
        yield judge_state(ProblemCode.UNSYNCHRONISED, Severity.CRITICAL, text)
    if limits.local_reference_judged and tracking.is_local:
        text = f"clock runs free on its local reference, stratum {tracking.stratum}"
        yield judge_state(ProblemCode.LOCAL_REFERENCE, Severity.WARNING, text)
    elif limits.local_reference_judged and not is_unsynchronised(tracking):
        yield judge_state(ProblemCode.LOCAL_REFERENCE, None, "clock follows a real reference")
    if tracking.leap in (Leap.INSERT_SECOND, Leap.DELETE_SECOND):
        word = "inserted" if tracking.leap is Leap.INSERT_SECOND else "deleted"
        text = f"a leap second is announced: to be {word} at the end of the month (UTC)"
        yield judge_state(ProblemCode.LEAP_PENDING, Severity.INFO, text)
    elif tracking.leap is Leap.NORMAL:
        yield judge_state(ProblemCode.LEAP_PENDING, None, "no leap second is announced")


def _near_leap_second(at: datetime) -> bool:
    """Within a minute of the end of June or December UTC, where leap seconds are put."""
    for month in (1, 7):
        midnight = at.replace(month=month, day=1, hour=0, minute=0, second=0, microsecond=0)
        for leap_at in (midnight, midnight.replace(year=min(at.year + 1, 9999))):
            if abs(at - leap_at) <= LEAP_MARGIN:
                return True
    return False


def _judge_stratum(tracking: Tracking, limits: Limits) -> Judgement:
    return judge_quantity(
        ProblemCode.STRATUM_HIGH,
        tracking.stratum,
        warning=limits.stratum_warning,
        critical=STRATUM_UNSYNCHRONISED - 1,
        unit="",
        say=lambda limit: f"stratum is {tracking.stratum}, limit {limit:.0f}",
    )


def _judge_offset(tracking: Tracking, selected: Source | None, limits: Limits) -> Judgement:
    """The clock's own claim, or the selected source's view where that is worse beyond its margin.

    A host that slews shows a step in the source first; one jittery poll is inside its margin.
    """
    offset_s, seen_by = tracking.system_offset_s, "clock is"
    if selected is not None and selected.offset_s is not None and selected.reach & 1:
        beyond_s = max(0.0, abs(selected.offset_s) - (selected.error_s or 0.0))
        if beyond_s > abs(offset_s):
            offset_s = beyond_s if selected.offset_s > 0 else -beyond_s
            seen_by = f"source {selected.address} sees the clock"
    return judge_quantity(
        ProblemCode.OFFSET_HIGH,
        abs(offset_s),
        warning=limits.offset_warning_s,
        critical=limits.offset_critical_s,
        unit="s",
        say=lambda limit: f"{seen_by} {say_clock_offset(offset_s)}, limit {say_seconds(limit)}",
    )


def _judge_error_bound(tracking: Tracking, limits: Limits) -> Judgement:
    bound_s = error_bound_s(tracking)
    assert bound_s is not None  # noqa: S101 - judge_clock asks synchronised clocks only
    may_be = f"clock may be wrong by up to {say_seconds(bound_s)}"
    return judge_quantity(
        ProblemCode.ERROR_BOUND_HIGH,
        bound_s,
        warning=limits.error_bound_warning_s,
        critical=limits.error_bound_critical_s,
        unit="s",
        say=lambda limit: f"{may_be}, limit {say_seconds(limit)}",
    )


def _judge_reference_age(sample: Sample, tracking: Tracking, limits: Limits) -> Iterator[Judgement]:
    """Age of the last clock update, by the host's own clock, against its own polling rhythm.

    Ref time is NTP time as chronyd knows it, `date` is the clock that may be wrong: without the
    offset between them, a clock that is an hour ahead would look like one last set an hour ago.
    """
    if sample.host_time_at is None or tracking.ref_time is None or sample.sources is None:
        return
    selected = selected_source(sample.sources)
    polled = (selected,) if selected is not None else sample.sources
    rhythm_s = max(
        (2.0**source.poll_log2_s for source in polled), default=tracking.update_interval_s
    )
    rhythm_s = max(rhythm_s, tracking.update_interval_s, MIN_RHYTHM_S)
    seen_s = (sample.host_time_at - tracking.ref_time).total_seconds()
    age_s = max(0.0, seen_s - tracking.system_offset_s)
    last_set = f"clock was last set right {say_seconds(age_s)} ago"
    yield judge_quantity(
        ProblemCode.REFERENCE_STALE,
        age_s,
        warning=limits.reference_age_warning_ratio * rhythm_s,
        critical=limits.reference_age_critical_ratio * rhythm_s,
        unit="s",
        say=lambda limit: f"{last_set}, limit {say_seconds(limit)}",
    )


def _judge_frequency(sample: Sample, tracking: Tracking, limits: Limits) -> Iterator[Judgement]:
    selected = selected_source(sample.sources)
    if selected is None or (selected.samples or 0) < MIN_SAMPLES_FOR_FREQUENCY:
        return
    speed = f"{abs(tracking.freq_ppm):.3g} ppm {'fast' if tracking.freq_ppm > 0 else 'slow'}"
    known_to = f"frequency is known to ±{tracking.skew_ppm:.3g} ppm only"
    yield judge_quantity(
        ProblemCode.FREQUENCY_HIGH,
        abs(tracking.freq_ppm),
        warning=limits.frequency_warning_ppm,
        critical=None,
        unit="ppm",
        say=lambda limit: f"clock runs {speed}, limit {limit:g} ppm",
    )
    yield judge_quantity(
        ProblemCode.SKEW_HIGH,
        tracking.skew_ppm,
        warning=limits.skew_warning_ppm,
        critical=None,
        unit="ppm",
        say=lambda limit: f"{known_to}, limit {limit:g} ppm",
    )
