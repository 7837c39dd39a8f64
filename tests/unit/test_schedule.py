"""Slots: the same on every replica, aligned to the epoch, spread by the hosts' names."""

import asyncio
import time
from datetime import UTC, datetime, timedelta, timezone

import pytest

from ntp_checker.schedule import Clock, Slots, run_slots

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
AT = datetime(2026, 1, 2, 3, 4, 5, 678_901, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


@pytest.mark.parametrize("interval_s", [0.1, 1.0, 7.5, 30.0, 86_400.0])
def test_slots_when_made_twice_of_one_name_then_identical(interval_s: float) -> None:
    assert Slots("gps1", interval_s).after(AT) == Slots("gps1", interval_s).after(AT)


def test_slots_when_known_from_an_earlier_release_then_unchanged() -> None:
    assert Slots("gps1", 30.0).after(AT) == datetime(2026, 1, 2, 3, 4, 22, 676_115, tzinfo=UTC)


@pytest.mark.parametrize("interval_s", [0.1, 1.0, 7.5, 30.0, 86_400.0])
def test_slots_when_far_apart_then_a_whole_number_of_intervals_lies_between(
    interval_s: float,
) -> None:
    slots = Slots("gps1", interval_s)
    between = slots.after(AT) - slots.after(EPOCH)

    assert between % timedelta(seconds=interval_s) == timedelta(0)
    assert timedelta(0) <= slots.current(EPOCH + timedelta(seconds=interval_s)) - EPOCH


def test_slot_when_asked_for_the_next_then_later_by_an_interval_at_most() -> None:
    slots = Slots("gps1", 30.0)
    slot_at = slots.after(AT)

    assert AT < slot_at <= AT + timedelta(seconds=30)
    assert slots.after(slot_at - MICROSECOND) == slot_at
    assert slots.after(slot_at) == slot_at + timedelta(seconds=30)
    assert slots.after(slot_at + MICROSECOND) == slot_at + timedelta(seconds=30)


def test_slot_when_asked_for_the_current_one_then_the_last_not_later() -> None:
    slots = Slots("gps1", 30.0)
    slot_at = slots.after(AT)

    assert slots.current(slot_at - MICROSECOND) == slot_at - timedelta(seconds=30)
    assert slots.current(slot_at) == slot_at
    assert slots.current(slot_at + MICROSECOND) == slot_at


def test_slot_when_the_time_is_before_1970_then_still_the_next() -> None:
    slots = Slots("gps1", 30.0)

    assert slots.after(EPOCH - timedelta(seconds=45)) - slots.after(AT) < timedelta(0)
    assert slots.after(EPOCH - timedelta(seconds=45)) > EPOCH - timedelta(seconds=45)


def test_slot_when_the_time_has_another_zone_then_the_same_slot() -> None:
    kolkata = AT.astimezone(timezone(timedelta(hours=5, minutes=30)))

    assert Slots("gps1", 30.0).after(kolkata) == Slots("gps1", 30.0).after(AT)


def test_phases_when_hosts_are_many_then_spread_over_the_interval() -> None:
    looked_in = [0] * 30
    for number in range(3_000):
        phase = Slots(f"gps{number}", 30.0).after(EPOCH - MICROSECOND) - EPOCH
        looked_in[phase // timedelta(seconds=1)] += 1

    assert sum(looked_in) == 3_000
    assert min(looked_in) > 50
    assert max(looked_in) < 150


class ScriptedClock(Clock):
    """A clock that moves only when told to."""

    def __init__(self, at: datetime) -> None:
        super().__init__()
        self.at = at

    def now(self) -> datetime:
        return self.at


class Stop(BaseException):
    """Ends run_slots, as a cancellation does."""


def looked_at(
    monkeypatch: pytest.MonkeyPatch, clock: ScriptedClock, looks: int, jumps_s: dict[int, float]
) -> list[datetime]:
    """The first slots of gps1; after look k the clock jumps by `jumps_s[k]`."""
    slots_seen: list[datetime] = []

    async def nap(seconds: float) -> None:
        assert 0 < seconds <= 1.0
        clock.at += timedelta(seconds=seconds)

    async def on_slot(slot_at: datetime) -> None:
        assert clock.now() >= slot_at
        slots_seen.append(slot_at)
        clock.at += timedelta(seconds=jumps_s.get(len(slots_seen), 0.0))
        if len(slots_seen) == looks:
            raise Stop
        if len(slots_seen) == 1:
            raise RuntimeError("a look that fails ends nothing")

    monkeypatch.setattr(asyncio, "sleep", nap)
    with pytest.raises(Stop):
        asyncio.run(run_slots(Slots("gps1", 30.0), clock, on_slot))
    return slots_seen


def test_looks_when_the_clock_runs_on_then_one_in_every_slot(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first = Slots("gps1", 30.0).after(AT)

    seen = looked_at(monkeypatch, ScriptedClock(AT), 4, {})

    assert seen == [first + timedelta(seconds=30 * k) for k in range(4)]


def test_looks_when_one_takes_long_then_the_slots_in_between_are_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first = Slots("gps1", 30.0).after(AT)

    seen = looked_at(monkeypatch, ScriptedClock(AT), 3, {2: 65.0})

    assert [(slot - first).total_seconds() for slot in seen] == [0, 30, 120]


def test_looks_when_the_clock_is_set_back_a_little_then_no_slot_twice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first = Slots("gps1", 30.0).after(AT)

    seen = looked_at(monkeypatch, ScriptedClock(AT), 3, {2: -5.0})

    assert [(slot - first).total_seconds() for slot in seen] == [0, 30, 60]


def test_looks_when_the_clock_is_set_back_far_then_they_go_on_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first = Slots("gps1", 30.0).after(AT)

    seen = looked_at(monkeypatch, ScriptedClock(AT), 3, {2: -86_400.0})

    assert [(slot - first).total_seconds() for slot in seen] == [0, 30, 30 - 86_400 + 30]


def test_clock_when_the_database_is_heard_then_it_is_followed() -> None:
    clock = Clock()

    step_s = clock.follow(AT, time.monotonic())

    assert timedelta(0) <= clock.now() - AT < timedelta(seconds=5)
    assert step_s == pytest.approx((AT - datetime.now(UTC)).total_seconds(), abs=5)


def test_clock_when_the_answer_took_long_then_half_of_it_is_added() -> None:
    clock = Clock()

    clock.follow(AT, time.monotonic() - 20.0)

    assert timedelta(seconds=10) <= clock.now() - AT < timedelta(seconds=15)
