"""When alerts were open, a row of bars for each host. Pure; the page's tables say the same."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ntp_checker.model import Severity
from ntp_checker.store.alert_reads import AlertShown
from ntp_checker.web.alert_views import name_host, name_problem
from ntp_checker.web.format import format_moment

#: What the bars are drawn in: the width of a row.
ROW_WIDTH = 1000
#: What lasted a moment is seen, too.
_SMALLEST_WIDTH = 3
MAX_ROWS = 12
#: A single alert that has just opened is not as wide as the page.
_SHORTEST_SPAN = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One alert."""

    x: int  #: of its start, from 0 to ROW_WIDTH
    width: int
    severity: Severity
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineRow:
    """One host's alerts, critical ones last so that they are not hidden."""

    host: str
    name: str  #: as people call it
    bars: Sequence[Bar]
    text: str  #: how many of each severity


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """The hosts with the newest alerts first."""

    from_text: str
    to_text: str
    rows: Sequence[TimelineRow]
    hosts_left: int  #: that have no row


def make_timeline(alerts: Sequence[AlertShown], now_at: datetime) -> Timeline | None:
    """From the first opening to now, or to the last end if all are closed; None without alerts."""
    if not alerts:
        return None
    from_at = min(alert.opened_at for alert in alerts)
    to_at = max(alert.closed_at or now_at for alert in alerts)
    from_at = min(from_at, to_at - _SHORTEST_SPAN)
    of_host: dict[str, list[AlertShown]] = {}
    for alert in sorted(alerts, key=lambda one: one.closed_at or now_at, reverse=True):
        of_host.setdefault(alert.host, []).append(alert)
    rows = [
        TimelineRow(
            host=host,
            name=name_host(host),
            bars=[
                _bar(alert, from_at, to_at)
                for alert in sorted(found, key=lambda one: one.severity is Severity.CRITICAL)
            ],
            text=_count_text(found),
        )
        for host, found in list(of_host.items())[:MAX_ROWS]
    ]
    return Timeline(
        from_text=format_moment(from_at),
        to_text=format_moment(to_at),
        rows=rows,
        hosts_left=len(of_host) - len(rows),
    )


def _bar(alert: AlertShown, from_at: datetime, to_at: datetime) -> Bar:
    span = to_at - from_at
    x = round((alert.opened_at - from_at) / span * ROW_WIDTH)
    end = round(((alert.closed_at or to_at) - from_at) / span * ROW_WIDTH)
    width = max(_SMALLEST_WIDTH, end - x)
    until = "still open" if alert.closed_at is None else f"to {format_moment(alert.closed_at)}"
    name = name_problem(alert.code, alert.subject)
    return Bar(
        x=min(x, ROW_WIDTH - width),
        width=width,
        severity=alert.severity,
        text=f"{name}, {alert.severity}, {format_moment(alert.opened_at)} {until}",
    )


def _count_text(alerts: Sequence[AlertShown]) -> str:
    critical = sum(alert.severity is Severity.CRITICAL for alert in alerts)
    return f"{critical} critical, {len(alerts) - critical} warning"
