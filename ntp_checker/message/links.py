"""Where a message leads: pages of the dashboard. None of them changes anything when followed."""

from datetime import UTC, datetime, timedelta
from urllib.parse import quote, urlencode

from ntp_checker.message.notice import AlertNotice
from ntp_checker.model import CHECKER

#: Shown of the host before the alert began, and after what is told.
_BEFORE = timedelta(hours=1)
_AFTER = timedelta(hours=1)
_MAX_LINKED_CHARS = 253  #: of a DNS name; a longer one would be a link to nowhere

#: Words and URL.
Link = tuple[str, str]


def alert_url(notice: AlertNotice, public_url: str) -> str:
    """The page of this alert, where it is acknowledged or silenced."""
    return f"{_base(public_url)}/alerts/{notice.transition.event_id}"


def runbook_url(notice: AlertNotice, public_url: str) -> str:
    """What to do about it."""
    return f"{_base(public_url)}/runbook#{quote(notice.transition.key.code)}"


def alerts_url(public_url: str) -> str:
    """All alerts."""
    return f"{_base(public_url)}/alerts"


def links_of(notice: AlertNotice, public_url: str) -> tuple[Link, ...]:
    """What a person needs first comes first."""
    act = "This alert" if notice.is_resolved else "Acknowledge or silence"
    links = [
        (act, alert_url(notice, public_url)),
        ("Runbook", runbook_url(notice, public_url)),
    ]
    host = notice.transition.key.host
    if host == CHECKER or len(host) > _MAX_LINKED_CHARS:
        return (*links, ("Alerts", alerts_url(public_url)))
    named = urlencode({"host": host}, errors="replace")
    transition = notice.transition
    span = urlencode(
        {
            "from": _iso(transition.first_bad_slot_at - _BEFORE),
            "to": _iso(transition.slot_at + _AFTER),
        }
    )
    return (
        *links,
        ("Host at that time", f"{_base(public_url)}/?{named}&{span}#offset"),
        ("Alerts of this host", f"{alerts_url(public_url)}?{named}"),
    )


def digest_links(worst: AlertNotice, public_url: str) -> tuple[Link, ...]:
    """Of many alerts: the list of them, and what to do about the worst."""
    return (("Alerts", alerts_url(public_url)), ("Runbook", runbook_url(worst, public_url)))


def _base(public_url: str) -> str:
    return public_url.rstrip("/")


def _iso(moment_at: datetime) -> str:
    return moment_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
