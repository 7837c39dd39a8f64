"""An alert in words and figures, as the pages show it. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlencode

from ntp_checker.model import CHECKER, Acknowledgement, AlertState, Severity, TransitionKind
from ntp_checker.store.alert_reads import AlertShown, Notice, OpenOfHost, TransitionShown
from ntp_checker.web.format import (
    MISSING,
    format_age,
    format_moment,
    format_number,
    format_seconds,
)

#: A chart of an alert shows this much before and after it.
_AROUND = timedelta(hours=1)
#: A longer chart is the range's own business.
_CHART_SPAN = timedelta(days=90)
_KIND_WORDS: Mapping[TransitionKind, str] = {
    TransitionKind.OPENED: "Opened",
    TransitionKind.WORSENED: "Worsened",
    TransitionKind.EASED: "Eased",
    TransitionKind.REMINDED: "Reminded",
    TransitionKind.RESOLVED: "Closed",
    TransitionKind.FLAPPING: "Flapping",
    TransitionKind.ACKNOWLEDGED: "Acknowledged",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertView:
    """One alert as the pages show it; texts that came from hosts are escaped where printed."""

    alert: AlertShown
    is_own: bool  #: about the checker itself, which has no chart
    name: str  #: code and subject in words
    path: str | None  #: of its own page
    runbook_link: str  #: what to do about such a problem
    length_text: str
    opened_text: str
    value_text: str
    taken_on_text: str  #: who has it, until when; empty if nobody ever took it on
    is_taken_on: bool  #: and that holds
    silent_text: str  #: empty where no silence holds
    notice_texts: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class StepView:
    """One transition as the alert's own page shows it."""

    word: str
    severity: Severity
    at_text: str
    value_text: str
    reason: str
    notice_texts: Sequence[str]


def view_alert(alert: AlertShown, now_at: datetime) -> AlertView:
    """One alert in words and figures."""
    until_at = alert.closed_at or now_at
    taken_on = alert.acknowledgement
    holds = taken_on is not None and (taken_on.until_at is None or now_at < taken_on.until_at)
    return AlertView(
        alert=alert,
        is_own=alert.host == CHECKER,
        name=name_problem(alert.code, alert.subject),
        path=alert_path(alert),
        runbook_link=f"/runbook#{alert.code}",
        length_text=format_age((until_at - alert.first_bad_slot_at).total_seconds()),
        opened_text=format_moment(alert.opened_at),
        value_text=_peak_text(alert),
        taken_on_text=_taken_on_text(taken_on, holds=holds),
        is_taken_on=holds and alert.state is AlertState.OPEN,
        silent_text=""
        if alert.silenced_until_at is None
        else f"silent until {format_moment(alert.silenced_until_at)}",
        notice_texts=[notice_text(notice) for notice in alert.notices],
    )


def view_step(step: TransitionShown) -> StepView:
    """One step of an alert's life."""
    value = format_value(step.value, step.unit)
    limit = format_value(step.limit, step.unit)
    return StepView(
        word=_KIND_WORDS[step.kind],
        severity=step.severity,
        at_text=format_moment(step.slot_at),
        value_text=value if step.limit is None else f"{value}, limit {limit}",
        reason=step.reason,
        notice_texts=[_sent_text(notice) for notice in step.notices],
    )


def view_open(found: OpenOfHost, now_at: datetime) -> Mapping[str, object]:
    """The open alerts of a host, for its row of the overview."""
    holds = found.acknowledged_by is not None and (
        found.acknowledged_until_at is None or now_at < found.acknowledged_until_at
    )
    return {
        "name": name_problem(found.code, found.subject),
        "severity": found.severity,
        "path": None if found.event_id is None else f"/alerts/{found.event_id}",
        "more": found.alerts - 1,
        "age_text": format_age((now_at - found.opened_at).total_seconds()),
        "by": found.acknowledged_by if holds else None,
    }


def name_host(host: str) -> str:
    """As people call it: the checker itself has a name, too."""
    return "NTP Checker" if host == CHECKER else host


def name_problem(code: str, subject: str) -> str:
    """`source unreachable (192.0.2.7)`."""
    name = code.replace("_", " ")
    return f"{name} ({subject})" if subject else name


def alert_path(alert: AlertShown) -> str | None:
    """The alert's own page; it changes nothing."""
    return None if alert.event_id is None else f"/alerts/{alert.event_id}"


def chart_path(alert: AlertShown, now_at: datetime) -> str | None:
    """The overview with the host's offset at the time of the alert; None for the checker's own."""
    if alert.host == CHECKER:
        return None
    to_at = now_at if alert.closed_at is None else min(now_at, alert.closed_at + _AROUND)
    from_at = max(alert.first_bad_slot_at - _AROUND, to_at - _CHART_SPAN)
    times = {"from": int(from_at.timestamp()), "to": int(to_at.timestamp())}
    return f"/?{urlencode({'host': alert.host, **times}, errors='replace')}#offset"


def format_value(value: float | None, unit: str) -> str:
    """A measured value with its unit; a dash for None."""
    if value is None or unit == "s":
        return format_seconds(value)
    return f"{format_number(value)} {unit}".rstrip()


def notice_text(notice: Notice) -> str:
    """`opened to mail: accepted 12:00:03`, or why not."""
    return f"{notice.transition} to {_sent_text(notice)}"


def _sent_text(notice: Notice) -> str:
    if notice.accepted_at is not None:
        return f"{notice.channel}: accepted {format_moment(notice.accepted_at)}"
    because = f" ({notice.error})" if notice.error else ""
    return f"{notice.channel}: {notice.state.replace('_', ' ')}{because}"


def _peak_text(alert: AlertShown) -> str:
    """Peak and limit; nothing where nothing was measured."""
    if alert.peak_value is None:
        return MISSING
    limit = format_value(alert.limit, alert.unit)
    return f"{format_value(alert.peak_value, alert.unit)}, limit {limit}"


def _taken_on_text(taken_on: Acknowledgement | None, *, holds: bool) -> str:
    if taken_on is None:
        return ""
    until = "" if taken_on.until_at is None else f" until {format_moment(taken_on.until_at)}"
    over = "" if holds else ", which is past"
    note = f": {taken_on.note}" if taken_on.note else ""
    return f"acknowledged by {taken_on.by}{until}{over}{note}"
