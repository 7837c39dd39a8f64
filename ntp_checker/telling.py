"""Alerts to people: channels and messages as the settings want them."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache

from ntp_checker.advances import Alerting
from ntp_checker.config import Settings
from ntp_checker.message import AlertNotice, OutgoingMessage, compose
from ntp_checker.model import Due, Host
from ntp_checker.notes import Note
from ntp_checker.notify.channel import Channel
from ntp_checker.notify.opening import open_channel
from ntp_checker.notify.ses import make_ses_client
from ntp_checker.outbox import (
    Compose,
    DatabaseOutbox,
    Fallbacks,
    Heirs,
    OnTried,
    Outbox,
    Waiting,
)
from ntp_checker.outbox.waiting import D
from ntp_checker.routing import ways_of
from ntp_checker.standby import ComposeNoted, SpoolOutbox, Standby, read_noted_details
from ntp_checker.store.clock import read_clock
from ntp_checker.store.first_tellings import read_first_tellings
from ntp_checker.store.notice_details import HostDetails, read_details
from ntp_checker.store.notifications import Claimed
from ntp_checker.store.pool import CheckerConnection, CheckerPool
from ntp_checker.store.spool import Spool


def alerting_of(settings: Settings, hosts: Sequence[Host]) -> Alerting:
    """What the settings say of alerts of these hosts."""
    return Alerting(
        policy=settings.alert_policy,
        routes=settings.routes,
        interval_s=settings.interval_s,
        group_of={host.name: host.group for host in hosts if host.group is not None},
        host_settings={host.name: host for host in hosts},
    )


def open_channels(settings: Settings) -> dict[str, Channel]:
    """Each configured channel by name; nothing is sent. Raises ConfigError."""
    ses_client = cache(make_ses_client)
    return {
        channel.name: open_channel(channel, ses_client=ses_client) for channel in settings.channels
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """All that tells people: from the database, and without it where that is away."""

    outbox: Outbox[Claimed]
    spool_outbox: Outbox[Note]
    standby: Standby

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`, and a little longer for what is under way."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.standby.run(stop))
            tasks.create_task(self.spool_outbox.run(stop))
            tasks.create_task(self.outbox.run(stop))


def make_telling(
    settings: Settings,
    channels: Mapping[str, Channel],
    pool: CheckerPool,
    spool: Spool,
    *,
    alerting: Callable[[], Alerting],
    targets: Callable[[], Mapping[str, str]],
    now: Callable[[], datetime],
    away_s: Callable[[], float],
    on_tried: OnTried = lambda _channel, _outcome: None,
) -> Telling:
    """Both outboxes, on these channels.

    `alerting`, `targets` (of those watched, by name) and `away_s` say what is in force.
    """
    noted = SpoolOutbox(spool, make_compose_noted(settings, spool, now, targets), now)
    spool_outbox = _outbox(noted, channels, settings, alerting, now, on_tried)
    standby = Standby(
        spool,
        noted,
        alerting=alerting,
        hosts=targets,
        now=now,
        on_news=spool_outbox.wake,
        away_s=away_s,
    )
    stored = DatabaseOutbox(
        pool, make_compose(settings), owner=spool.owner, is_open=standby.lets_database_tell
    )
    return Telling(
        outbox=_outbox(stored, channels, settings, alerting, now, on_tried),
        spool_outbox=spool_outbox,
        standby=standby,
    )


def _outbox(
    waiting: Waiting[D],
    channels: Mapping[str, Channel],
    settings: Settings,
    alerting: Callable[[], Alerting],
    now: Callable[[], datetime],
    on_tried: OnTried,
) -> Outbox[D]:
    return Outbox(
        waiting,
        channels,
        messages_per_s={one.name: one.messages_per_s for one in settings.channels},
        fallbacks_of=_fallbacks(alerting),
        heirs_of=_heirs(alerting, now),
        on_tried=on_tried,
    )


def make_compose(settings: Settings) -> Compose:
    """Puts a message together with what the database knows around it."""

    async def compose_claimed(
        conn: CheckerConnection, claimed: Sequence[Claimed]
    ) -> OutgoingMessage:
        details = await read_details(conn, claimed)
        tellings = await read_first_tellings(conn, claimed)
        return compose(
            [
                replace(
                    _notice(one, details.get(one.host_id)),
                    told_first=tellings.get(one.transition.event_id),
                )
                for one in claimed
            ],
            public_url=settings.public_url,
            now=await read_clock(conn),
        )

    return compose_claimed


def make_compose_noted(
    settings: Settings,
    spool: Spool,
    now: Callable[[], datetime],
    targets: Callable[[], Mapping[str, str]],
) -> ComposeNoted:
    """Puts a message together with what the spool knows around it."""

    async def compose_noted(claimed: Sequence[Note]) -> OutgoingMessage:
        details = await read_noted_details(spool, claimed, targets())
        return compose(
            [_notice(one, details.get(one.transition.key.host)) for one in claimed],
            public_url=settings.public_url,
            now=now(),
        )

    return compose_noted


def _notice(claimed: Due, details: HostDetails | None) -> AlertNotice:
    alert = claimed.alert
    known = details or HostDetails()
    return AlertNotice(
        transition=claimed.transition,
        group=claimed.group,
        target=known.target,
        peak_value=alert.peak_value,
        last_good_slot_at=alert.last_good_slot_at,
        was=alert.reason or None,
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


def _heirs(alerting: Callable[[], Alerting], now: Callable[[], datetime]) -> Heirs:
    """The channels that the routes in force give an alert."""

    def heirs_of(claimed: Due) -> Mapping[str, datetime | None]:
        return ways_of(claimed.transition, alerting().routes, claimed.group, now())

    return heirs_of
