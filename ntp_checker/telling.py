"""Alerts to people: channels and messages as the settings want them."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache

from ntp_checker.advances import Alerting
from ntp_checker.config import Settings
from ntp_checker.message import AlertNotice, OutgoingMessage, compose
from ntp_checker.model import Due, Host
from ntp_checker.notify.channel import Channel
from ntp_checker.notify.opening import open_channel
from ntp_checker.notify.ses import make_ses_client
from ntp_checker.outbox import Compose, DatabaseOutbox, Fallbacks, Outbox
from ntp_checker.store.clock import read_clock
from ntp_checker.store.notice_details import HostDetails, read_details
from ntp_checker.store.notifications import Claimed
from ntp_checker.store.pool import CheckerConnection, CheckerPool


def alerting_of(settings: Settings, hosts: Sequence[Host]) -> Alerting:
    """What the settings say of alerts of these hosts."""
    return Alerting(
        policy=settings.alert_policy,
        routes=settings.routes,
        interval_s=settings.interval_s,
        group_of={host.name: host.group for host in hosts if host.group is not None},
    )


def open_channels(settings: Settings) -> dict[str, Channel]:
    """Each configured channel by name; nothing is sent. Raises ConfigError."""
    ses_client = cache(make_ses_client)
    return {
        channel.name: open_channel(channel, ses_client=ses_client) for channel in settings.channels
    }


def make_outbox(
    settings: Settings,
    pool: CheckerPool,
    owner: str,
    alerting: Callable[[], Alerting],
) -> Outbox[Claimed]:
    """The outbox with its channels. Raises ConfigError."""
    return Outbox(
        DatabaseOutbox(pool, make_compose(settings), owner=owner),
        open_channels(settings),
        messages_per_s={one.name: one.messages_per_s for one in settings.channels},
        fallbacks_of=_fallbacks(alerting),
    )


def make_compose(settings: Settings) -> Compose:
    """Puts a message together with what the database knows around it."""

    async def compose_claimed(
        conn: CheckerConnection, claimed: Sequence[Claimed]
    ) -> OutgoingMessage:
        details = await read_details(conn, claimed)
        return compose(
            [_notice(one, details) for one in claimed],
            public_url=settings.public_url,
            now=await read_clock(conn),
        )

    return compose_claimed


def _notice(claimed: Claimed, details: Mapping[int, HostDetails]) -> AlertNotice:
    alert = claimed.alert
    known = details.get(claimed.host_id, HostDetails())
    return AlertNotice(
        transition=claimed.transition,
        group=claimed.group,
        peak_value=alert.peak_value,
        last_good_slot_at=alert.last_good_slot_at,
        selected_source=known.selected_source,
        gps=known.gps,
        changes_before=tuple(known.changes),
        samples=tuple(known.samples),
    )


def _fallbacks(alerting: Callable[[], Alerting]) -> Fallbacks:
    """The channels that stand in, in the order of the routes that name the claim's own."""

    def fallbacks_of(claimed: Due) -> Sequence[str]:
        return [
            channel
            for route in alerting().routes
            if claimed.channel in (*route.channels, *route.fallback)
            for channel in route.fallback
        ]

    return fallbacks_of
