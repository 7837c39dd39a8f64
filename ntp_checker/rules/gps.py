"""Rules on the GPS receivers behind a host's clock: what gpsd says."""

from collections.abc import Iterator

from ntp_checker.model import (
    Failure,
    FailureKind,
    GpsDevice,
    GpsMode,
    Judgement,
    Limits,
    Part,
    ProblemCode,
    Sample,
    Severity,
    Status,
    Tracking,
)
from ntp_checker.rules.clock import is_unsynchronised
from ntp_checker.rules.judgements import judge_at_least, judge_blindness, judge_state
from ntp_checker.rules.wording import say_seconds

#: A report may be this many GPS intervals old before the receiver counts as silent.
SILENT_AFTER_INTERVALS = 2

#: 1024 weeks: the receiver's counter of weeks. Source: IS-GPS-200, 20.3.3.3.1.1.
WEEK_ROLLOVER_S = 1024 * 7 * 86_400.0
WEEK_ROLLOVER_MARGIN_S = 60.0

_NO_FIX = (GpsMode.UNKNOWN, GpsMode.NO_FIX)


def judge_gps(sample: Sample, limits: Limits, gps_interval_s: float) -> Iterator[Judgement]:
    """Every GPS rule that has data; only for hosts that are known to have GPS."""
    if sample.failure_of(Part.LOGIN) is not None:
        return
    failure = sample.failure_of(Part.GPS)
    if failure is None or failure.kind is FailureKind.DEADLINE:
        yield from _judge_reports(sample, failure, limits, gps_interval_s)
    elif failure.kind is FailureKind.COMMAND:
        yield judge_state(ProblemCode.GPS_UNAVAILABLE, limits.gps_severity, failure.detail)
    else:
        yield judge_blindness(ProblemCode.PROBE_FAILED, failure.detail, subject=Part.GPS)


def _judge_reports(
    sample: Sample, unheard: Failure | None, limits: Limits, gps_interval_s: float
) -> Iterator[Judgement]:
    """The newest report while it is new enough; one read without a report is no silence yet."""
    age_s = sample.gps.age_s if sample.gps is not None else None
    if age_s is None and unheard is None:  # the first report is still to come
        return
    yield judge_state(ProblemCode.GPS_UNAVAILABLE, None, "gpsd answers")
    if age_s is None or age_s > SILENT_AFTER_INTERVALS * gps_interval_s:
        said = unheard.detail if unheard is not None else "no GPS report came"
        text = said if age_s is None else f"{said}: the newest is {say_seconds(age_s)} old"
        yield judge_state(ProblemCode.GPS_SILENT, limits.gps_severity, text)
        return
    yield judge_state(ProblemCode.PROBE_FAILED, None, "report read", subject=Part.GPS)
    text = f"newest GPS report is {say_seconds(age_s)} old"
    yield judge_state(ProblemCode.GPS_SILENT, None, text)
    for device in sample.gps_devices:
        yield from _judge_device(device, limits)
        yield from _judge_time(device, sample.tracking, limits)


def _judge_time(
    device: GpsDevice, tracking: Tracking | None, limits: Limits
) -> Iterator[Judgement]:
    """The receiver's second against chronyd's: PPS stays perfect while the second is another one.

    A report comes some tenths of a second after the second it tells. Only where chronyd knows the
    time, and the receiver has a fix: without one its time means nothing.
    """
    if device.time_lag_s is None or device.mode in _NO_FIX:
        return
    if tracking is None or is_unsynchronised(tracking) or tracking.is_local:
        return
    name = device.device
    lag_s = device.time_lag_s - tracking.system_offset_s
    wrong = not limits.gps_time_lag_min_s <= lag_s <= limits.gps_time_lag_max_s
    way = "behind" if lag_s > 0 else "ahead of"
    text = f"receiver {name} tells time {say_seconds(lag_s)} {way} chronyd's"
    yield Judgement(
        code=ProblemCode.GPS_TIME_WRONG,
        subject=name,
        value=lag_s,
        limit=limits.gps_time_lag_max_s if lag_s > 0 else limits.gps_time_lag_min_s,
        unit="s",
        severity=Severity.CRITICAL if wrong else None,
        status=Status.CRITICAL if wrong else Status.OK,
        text=f"{text}{_say_weeks(lag_s)}",
    )


def _say_weeks(lag_s: float) -> str:
    """GPS counts weeks in 10 bits; old firmware lives 19.6 years in the past or future."""
    rollovers = round(lag_s / WEEK_ROLLOVER_S)
    near = abs(lag_s - rollovers * WEEK_ROLLOVER_S) < WEEK_ROLLOVER_MARGIN_S
    return f": {abs(rollovers)} x 1024 weeks, a week rollover" if rollovers and near else ""


def _judge_device(device: GpsDevice, limits: Limits) -> Iterator[Judgement]:
    name = device.device
    no_fix = device.mode in _NO_FIX
    yield judge_state(
        ProblemCode.GPS_NO_FIX,
        Severity.CRITICAL if no_fix else None,
        f"receiver {name} has no fix" if no_fix else f"receiver {name} has a fix",
        subject=name,
    )
    if no_fix:
        return
    flat = device.mode is GpsMode.FIX_2D
    yield judge_state(
        ProblemCode.GPS_2D_FIX,
        Severity.WARNING if flat else None,
        f"receiver {name} has a {'2D' if flat else '3D'} fix",
        subject=name,
    )
    if device.satellites_used is not None:
        wanted = limits.satellites_used_min
        yield judge_at_least(
            ProblemCode.GPS_FEW_SATELLITES,
            device.satellites_used,
            wanted,
            Severity.WARNING,
            f"receiver {name} uses {device.satellites_used} satellites, wanted {wanted}",
            subject=name,
        )
