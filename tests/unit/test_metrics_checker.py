"""What the checker counts of itself."""

from dataclasses import replace
from datetime import timedelta

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from ntp_checker.metrics import CheckerMetrics, DatabaseState, Delivery, Health, Waiting
from ntp_checker.metrics.collectors import DATABASE_SAID_S, DatabaseCollector, Moments
from ntp_checker.metrics.health import DATABASE_SEEN_S, STALL_MAX_S, STALL_MIN_S
from ntp_checker.model import FailureKind, Part, Severity
from tests.made_samples import NOW, SAMPLE, with_failure
from tests.notices import make_notice
from tests.scrapes import judged, series

STATE = DatabaseState(
    waiting={"mail": Waiting(notifications=2, oldest_age_s=7.0)},
    open_alerts={Severity.CRITICAL: 1},
    days_ahead=14,
)


class Monotonic:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now_s = 1_000.0

    def __call__(self) -> float:
        return self.now_s


def found(registry: CollectorRegistry) -> dict[str, float]:
    return series(generate_latest(registry).decode())


def test_looks_when_made_then_counted_by_status() -> None:
    metrics = CheckerMetrics()
    for _ in range(3):
        metrics.looked(judged(SAMPLE))

    assert found(metrics.registry)['ntp_checker_looks_total{status="ok"}'] == 3


def test_failure_when_a_part_failed_then_counted_by_part_and_kind() -> None:
    metrics = CheckerMetrics()
    metrics.looked(judged(with_failure(Part.TRACKING, FailureKind.DEADLINE)))
    name = 'ntp_checker_look_failures_total{kind="deadline",part="tracking"}'

    assert found(metrics.registry)[name] == 1


def test_lateness_when_a_look_began_late_then_in_its_bucket() -> None:
    metrics = CheckerMetrics()
    metrics.looked(judged(replace(SAMPLE, taken_at=NOW + timedelta(milliseconds=20))))
    told = found(metrics.registry)

    assert told['ntp_checker_look_lateness_seconds_bucket{le="0.01"}'] == 0
    assert told['ntp_checker_look_lateness_seconds_bucket{le="0.025"}'] == 1


def test_transition_when_stored_then_counted_by_kind() -> None:
    metrics = CheckerMetrics()
    metrics.stepped([make_notice().transition])

    assert found(metrics.registry)['ntp_checker_alert_transitions_total{transition="opened"}'] == 1


def test_message_when_tried_then_counted_by_channel_and_outcome() -> None:
    metrics = CheckerMetrics(channels=["ses"])
    metrics.delivered("ses", Delivery.RETRY)

    assert found(metrics.registry)['ntp_checker_messages_total{channel="ses",outcome="retry"}'] == 1


def test_channel_when_nothing_was_sent_then_zero_messages() -> None:
    told = found(CheckerMetrics(channels=["ses"]).registry)

    assert told['ntp_checker_messages_total{channel="ses",outcome="accepted"}'] == 0


def test_settings_when_refused_then_the_newest_are_not_in_force() -> None:
    metrics = CheckerMetrics()
    metrics.settings_refused()
    told = found(metrics.registry)

    assert told["ntp_checker_config_last_reload_successful"] == 0
    assert told['ntp_checker_config_reloads_total{outcome="refused"}'] == 1


def test_settings_when_taken_after_a_refusal_then_in_force() -> None:
    metrics = CheckerMetrics()
    metrics.settings_refused()
    metrics.settings_taken()

    assert found(metrics.registry)["ntp_checker_config_last_reload_successful"] == 1


class WallClock:
    """A clock that is moved by hand; epoch seconds."""

    now_s = 1_767_000_000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.mark.parametrize(
    "work",
    [
        "writer_last_success_timestamp_seconds",
        'rollup_last_success_timestamp_seconds{tier="2h"}',
        "maintenance_last_success_timestamp_seconds",
    ],
)
def test_work_when_it_never_ended_well_then_since_the_start(work: str) -> None:
    clock = WallClock()
    began_s = clock.now_s
    registry = CollectorRegistry()
    registry.register(Moments(["5m", "2h"], now_s=clock))
    clock.now_s += 3_600

    assert found(registry)[f"ntp_checker_{work}"] == began_s


def test_rollups_when_one_tier_fails_then_the_others_do_not_hide_it() -> None:
    clock = WallClock()
    began_s = clock.now_s
    moments = Moments(["5m", "2h"], now_s=clock)
    registry = CollectorRegistry()
    registry.register(moments)
    clock.now_s += 3_600
    moments.note_rolled_up("5m")
    told = found(registry)

    assert told['ntp_checker_rollup_last_success_timestamp_seconds{tier="5m"}'] == clock.now_s
    assert told['ntp_checker_rollup_last_success_timestamp_seconds{tier="2h"}'] == began_s


def database_told(clock: Monotonic, *, age_s: float) -> dict[str, float]:
    collector = DatabaseCollector(["mail", "pager"], monotonic=clock)
    collector.note(STATE)
    clock.now_s += age_s
    registry = CollectorRegistry()
    registry.register(collector)
    return found(registry)


def test_outbox_when_the_database_told_then_each_channel_has_its_number() -> None:
    told = database_told(Monotonic(), age_s=0)

    assert told['ntp_checker_outbox_notifications{channel="mail"}'] == 2
    assert told['ntp_checker_outbox_notifications{channel="pager"}'] == 0


def test_outbox_when_nothing_waits_then_it_has_no_age() -> None:
    told = database_told(Monotonic(), age_s=0)

    assert 'ntp_checker_outbox_oldest_age_seconds{channel="pager"}' not in told


def test_database_when_it_told_too_long_ago_then_no_series() -> None:
    assert database_told(Monotonic(), age_s=DATABASE_SAID_S - 1)
    assert not database_told(Monotonic(), age_s=DATABASE_SAID_S + 1)


@pytest.mark.parametrize(
    ("interval_s", "limit_s"), [(1.0, STALL_MIN_S), (10.0, 30.0), (3600.0, STALL_MAX_S)]
)
def test_health_when_the_loop_stands_still_for_some_intervals_then_not_alive(
    interval_s: float, limit_s: float
) -> None:
    clock = Monotonic()
    health = Health(interval_s, monotonic=clock)

    clock.now_s += limit_s - 0.1
    assert health.is_alive()
    clock.now_s += 0.2
    assert not health.is_alive()


def ready(clock: Monotonic) -> Health:
    health = Health(30.0, monotonic=clock)
    health.is_started = True
    health.database_seen()
    return health


def test_health_when_started_and_the_database_answers_then_ready() -> None:
    assert ready(Monotonic()).is_ready()


def test_health_when_not_started_then_not_ready() -> None:
    health = Health(30.0)
    health.database_seen()

    assert not health.is_ready()


def test_health_when_the_database_is_lost_then_alive_and_not_ready() -> None:
    health = ready(Monotonic())
    health.database_lost()

    assert (health.is_alive(), health.is_ready()) == (True, False)


def test_health_when_the_database_says_nothing_then_not_ready() -> None:
    clock = Monotonic()
    health = ready(clock)
    clock.now_s += DATABASE_SEEN_S + 0.1
    health.beat()

    assert (health.is_alive(), health.is_ready()) == (True, False)
