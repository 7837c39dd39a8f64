"""Bars of the alerts of each host."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from ntp_checker.model import CHECKER, AlertState, Severity
from ntp_checker.store.alert_reads import AlertShown
from ntp_checker.web.timeline import MAX_ROWS, ROW_WIDTH, make_timeline
from tests.made_samples import NOW

H = timedelta(hours=1)
ALERT = AlertShown(
    alert_id=1,
    host="gps1",
    group=None,
    code="offset_high",
    subject="",
    state=AlertState.OPEN,
    severity=Severity.CRITICAL,
    first_bad_slot_at=NOW - 10 * H,
    last_good_slot_at=None,
    opened_at=NOW - 10 * H,
    closed_at=None,
    value=None,
    peak_value=None,
    limit=None,
    unit="",
    reason="",
    flapping_since_at=None,
    acknowledgement=None,
    event_id=None,
    notices=(),
)


def bars(*times: tuple[datetime, datetime | None]) -> list[tuple[int, int]]:
    alerts = [replace(ALERT, opened_at=begins, closed_at=ends) for begins, ends in times]
    timeline = make_timeline(alerts, NOW)
    assert timeline is not None
    return [(bar.x, bar.width) for bar in timeline.rows[0].bars]


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ([(NOW - 10 * H, None)], [(0, ROW_WIDTH)]),
        ([(NOW - 10 * H, None), (NOW - 5 * H, NOW - 4 * H)], [(0, ROW_WIDTH), (500, 100)]),
        # What lasted a moment, and what has just begun, is seen.
        ([(NOW - 10 * H, NOW - 10 * H), (NOW, None)], [(ROW_WIDTH - 3, 3), (0, 3)]),
        ([(NOW, None)], [(ROW_WIDTH - 3, 3)]),
    ],
)
def test_bar_when_drawn_then_where_the_alert_was_open(
    times: list[tuple[datetime, datetime | None]], expected: list[tuple[int, int]]
) -> None:
    assert bars(*times) == expected


def test_timeline_when_there_is_no_alert_then_none() -> None:
    assert make_timeline([], NOW) is None


def test_timeline_when_there_are_many_hosts_then_the_newest_and_how_many_are_left() -> None:
    alerts = [
        replace(ALERT, host=f"h{number}", closed_at=NOW - number * H / 100)
        for number in range(MAX_ROWS + 2)
    ]
    timeline = make_timeline(alerts, NOW)

    assert timeline is not None
    assert [row.host for row in timeline.rows] == [f"h{number}" for number in range(MAX_ROWS)]
    assert timeline.hosts_left == 2


def test_row_when_it_is_of_the_checker_itself_then_named_so() -> None:
    timeline = make_timeline([replace(ALERT, host=CHECKER)], NOW)

    assert timeline is not None
    assert (timeline.rows[0].host, timeline.rows[0].name) == (CHECKER, "NTP Checker")


def test_row_when_it_has_both_then_critical_ones_on_top_and_both_counted() -> None:
    warning = replace(ALERT, severity=Severity.WARNING, opened_at=NOW - H)
    timeline = make_timeline([ALERT, warning], NOW)

    assert timeline is not None
    (row,) = timeline.rows
    assert [bar.severity for bar in row.bars] == [Severity.WARNING, Severity.CRITICAL]
    assert row.text == "1 critical, 1 warning"
