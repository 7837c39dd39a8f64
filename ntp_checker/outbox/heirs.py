"""What waits for a channel that the settings do not have goes to those that they have."""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime

import structlog

from ntp_checker.errors import StoreError
from ntp_checker.model import Due, Notification
from ntp_checker.outbox.pace import pause
from ntp_checker.outbox.waiting import D, Waiting
from ntp_checker.store.notifications import PARTLY_TAKEN, UNKNOWN_CHANNEL

log = structlog.get_logger()

#: The channels that a notification goes to by today's routes, and from when on; None: at once.
Heirs = Callable[[Due], Mapping[str, datetime | None]]

RETRY_S = 5.0
#: The end of an alert is queued for who heard of it, and settings change while they are in use.
LOOK_AGAIN_S = 30.0
#: Another checker on this database may have the channel already, and would have sent it by then.
DUE_FOR_S = 60.0
_REASON = "no channel of this name is configured"


async def hand_over_unknown(
    waiting: Waiting[D],
    channels: Collection[str],
    heirs_of: Heirs,
    wake: Callable[[str], None],
    stop: asyncio.Event,
) -> None:
    """Until `stop`. At the start all that is due goes, later what has been due for a minute.

    What is given up here stays on record as a dead letter.
    """
    due_for_s = 0.0
    while not stop.is_set():
        try:
            found = await waiting.unknown_channels(channels, due_for_s=due_for_s)
            for channel in found:
                await _empty(waiting, channel, channels, heirs_of, wake)
        except StoreError as err:
            log.debug("dead letters not looked for", reason=str(err))
            await pause(stop, RETRY_S)
        else:
            due_for_s = DUE_FOR_S
            await pause(stop, LOOK_AGAIN_S)


async def _empty(
    waiting: Waiting[D],
    channel: str,
    channels: Collection[str],
    heirs_of: Heirs,
    wake: Callable[[str], None],
) -> None:
    """All that is due for this channel. Raises StoreError."""
    await waiting.release(channel)
    given_up, ways = 0, set()
    while claimed := await waiting.claim(channel):
        stand_ins = stand_ins_of(claimed, channels, heirs_of)
        await waiting.settle_given_up(
            claimed,
            message_id=None,
            error_kind=UNKNOWN_CHANNEL,
            error_text=_REASON,
            stand_ins=stand_ins,
        )
        given_up += len(claimed)
        ways |= {one.channel for one in stand_ins}
    if given_up:
        log.warning(
            "channel left, others stand in",
            channel=channel,
            notifications=given_up,
            stand_ins=sorted(ways),
        )
    for way in ways:
        wake(way)


def stand_ins_of(
    claimed: Sequence[Due], channels: Collection[str], heirs_of: Heirs
) -> list[Notification]:
    """For the channels of today's routes; where these name none that is there, for every one."""
    found = []
    for one in claimed:
        if one.error_kind == PARTLY_TAKEN:
            continue  # somebody has it
        heirs = {way: at for way, at in heirs_of(one).items() if way in channels}
        found += [
            Notification(
                event_id=one.transition.event_id,
                channel=way,
                group_key=one.group_key,
                not_before_at=at,
            )
            for way, at in (heirs or dict.fromkeys(channels)).items()
        ]
    return found
